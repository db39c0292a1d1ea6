"""The configuration: one typed, frozen object for every runner, and the one place that reads it."""
