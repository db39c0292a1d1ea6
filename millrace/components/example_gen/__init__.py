"""ExampleGen by columns: the same examples as TFX's own CSV and Parquet executors, read and encoded through Arrow."""
