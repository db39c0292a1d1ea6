"""Runs one task of a compiled job, inside the container that the service starts: `python -m runners.container`."""
