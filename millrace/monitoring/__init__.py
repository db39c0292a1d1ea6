"""What is served, watched window by window: by the schema that its training data was held to, in the same records."""
