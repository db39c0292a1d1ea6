"""A project as Python objects: what the console shows on a page shows itself in a notebook, and is a pandas frame.

`millrace.open_project` is the way in. Nothing here imports TensorFlow or TFX.
"""
