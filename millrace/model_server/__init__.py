"""A model server for one SavedModel that speaks TensorFlow Serving's gRPC and REST protocols.

Start it with `python -m custom_components.infra_validator.model_server`; nothing here imports TFX.
"""
