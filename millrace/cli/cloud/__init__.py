"""The pipeline as a job of a service: compile, check, rehearse, price, send and follow it."""
