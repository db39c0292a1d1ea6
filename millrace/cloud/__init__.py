"""Where compiled jobs run: Vertex AI and Kubeflow Pipelines, compiled for, sent to and followed."""
