"""A model at work: serve it, score tables, move users to a new version, tell what was right."""
