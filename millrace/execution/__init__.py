"""Runs the graph on this machine: stage after stage, or on Beam."""
