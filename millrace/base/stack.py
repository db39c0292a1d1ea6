"""The distributions that decide how a graph runs and what a model learns; the lock of the stack pins the rest."""

MAIN_PACKAGES = (
    "tfx",
    "tensorflow",
    "keras",
    "tensorflow-data-validation",
    "tensorflow-transform",
    "tensorflow-model-analysis",
    "tfx-bsl",
    "ml-metadata",
    "apache-beam",
    "pyarrow",
    "numpy",
    "protobuf",
    "kfp-pipeline-spec",
)
