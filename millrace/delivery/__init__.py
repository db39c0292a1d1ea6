"""Delivery: a release goes from one environment to the next as it is, where the next one's policy has it."""
