"""What is watched and who is told: monitors, alerts, triggers."""
