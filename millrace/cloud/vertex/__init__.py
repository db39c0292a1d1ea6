"""The runner for Vertex AI Pipelines: compile, submit, follow, schedule."""
