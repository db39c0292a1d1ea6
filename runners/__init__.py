"""Where the pipeline runs: one short script a place, as in TFX's template. `millrace` does the same, and more."""
