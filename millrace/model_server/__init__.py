"""A model server for one SavedModel that speaks TensorFlow Serving's gRPC and REST protocols.

Start it with `python -m millrace.model_server`; nothing here imports TFX.
"""
