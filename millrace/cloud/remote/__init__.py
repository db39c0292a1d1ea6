"""Jobs that run on a service: what Vertex AI and Kubeflow Pipelines have in common, as values and as one interface."""
