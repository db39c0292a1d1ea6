"""How an artifact says that it stands for none."""

ABSENT = "absent"
"""A custom property, 1 on an artifact that is not there: Kubeflow Pipelines cannot hand on an empty list of artifacts.

Who starts a stage there (`millrace.container`) takes such an artifact out of what the stage is given.
"""
