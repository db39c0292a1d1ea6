"""WHAT runs: the configuration, the graph, one builder a stage, the checks before a run, and the errors."""
