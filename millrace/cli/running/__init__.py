"""A run on this machine: start it, watch it, read how it ended."""
