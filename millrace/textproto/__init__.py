"""A concrete-syntax editor for protos in text format: what an edit does not concern stays byte for byte."""
