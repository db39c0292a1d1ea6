"""Predictions for a whole table: read as in training, scored by the exported model, written beside its key columns."""
