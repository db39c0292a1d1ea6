"""Runs one task of a compiled job, inside the container that the service starts: `python -m millrace.container`."""
