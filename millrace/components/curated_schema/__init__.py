"""Brings the curated schema into the pipeline, by its content."""
