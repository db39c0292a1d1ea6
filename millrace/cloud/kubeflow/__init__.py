"""Open-source Kubeflow Pipelines v2: compile for it, and submit to it."""
