"""WHERE the graph runs: on this machine, on an engine of Beam, on Vertex AI or Kubeflow, or rehearsed for those."""
