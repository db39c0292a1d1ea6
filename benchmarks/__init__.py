"""Millrace and stock TFX, measured back to back on the same rows and the same training work."""
