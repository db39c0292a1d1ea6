"""What an artifact says of itself that decides what it is compared with, as custom properties in ML Metadata."""

REPLACES = "replaces"
"""The ids of artifacts that had lost files, with commas, in whose place it was made: it is not compared with those."""

REHEARSED = "rehearsed"
"""1 for what a rehearsal made: a run's model is not compared with a model that was never meant to be served."""
