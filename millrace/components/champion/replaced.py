"""How an artifact says that it was made again in place of others that had lost files."""

REPLACES = "replaces"
"""A custom property: the ids of the artifacts in ML Metadata, with commas. A model is not compared with one of them."""
