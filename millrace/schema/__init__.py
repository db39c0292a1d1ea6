"""The data contract: one folder a pipeline with its schema.pbtxt, and the workbench to show, compare and change it.

The modules here read and write `tensorflow_metadata` protos only; they import neither TensorFlow nor TFX, so that
`millrace schema` answers in well under a second.
"""
