"""Promotion: a version goes from one environment to the next, where the next one's policy has it."""
