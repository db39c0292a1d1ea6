"""The stages' names, which are TFX's node ids: in logs, in `--from` and `--to`, and in ML Metadata."""

EXAMPLE_GEN = "ExampleGen"
STATISTICS_GEN = "StatisticsGen"
SCHEMA_GEN = "SchemaGen"
CURATED_SCHEMA = "CuratedSchema"
EXAMPLE_VALIDATOR = "ExampleValidator"
LATEST_BLESSED_DATA = "LatestBlessedData"
SPAN_BEFORE = "SpanBefore"
DATA_GATE = "DataGate"
TRANSFORM = "Transform"
TUNER = "Tuner"
PINNED_HYPERPARAMETERS = "PinnedHyperparameters"
TRAINER = "Trainer"
LATEST_BLESSED_MODEL = "LatestBlessedModel"
EVALUATOR = "Evaluator"
INFRA_VALIDATOR = "InfraValidator"
PUSHER = "Pusher"

ALL = tuple(value for name, value in tuple(vars().items()) if name.isupper())
"""Every one of them, whether a configuration switches it on or not."""

DATA_STAGES = (EXAMPLE_GEN, STATISTICS_GEN, TRANSFORM, EVALUATOR)
"""Those that work with Beam, and so with Dataflow's workers; every stage of a compiled job is given its options."""
