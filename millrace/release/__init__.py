"""A release: one file that holds what was tested, and that is shipped as it is."""
