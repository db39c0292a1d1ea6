"""ExampleValidator: TFX's, with rules of the project's own."""
