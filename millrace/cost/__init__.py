"""What a compiled job costs on Vertex AI before it runs: resources, measured times, and a dated price table."""
