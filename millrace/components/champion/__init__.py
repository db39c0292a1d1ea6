"""Finds the model that a new model must not be worse than."""
