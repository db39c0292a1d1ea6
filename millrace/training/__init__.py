"""What a project's `models/` stands on: encoders of columns, examples, layers, fitting, search, signatures."""
