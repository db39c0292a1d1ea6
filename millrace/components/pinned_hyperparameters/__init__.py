"""Gives the Trainer hyperparameters that somebody has chosen to keep."""
