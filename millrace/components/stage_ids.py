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
BASE_MODEL = "BaseModel"
TUNER = "Tuner"
PINNED_HYPERPARAMETERS = "PinnedHyperparameters"
TRAINER = "Trainer"
LATEST_BLESSED_MODEL = "LatestBlessedModel"
EVALUATOR = "Evaluator"
INFRA_VALIDATOR = "InfraValidator"
PUSHER = "Pusher"

ALL = tuple(value for name, value in tuple(vars().items()) if name.isupper())
"""Every one of them, whether a configuration switches it on or not."""

LOOKING = (LATEST_BLESSED_MODEL, LATEST_BLESSED_DATA, SPAN_BEFORE, BASE_MODEL)
"""Those that look again in every run for what was blessed before, and do no work of their own."""

DATA_STAGES = (EXAMPLE_GEN, STATISTICS_GEN, TRANSFORM, EVALUATOR)
"""Those that work with Beam, and so with Dataflow's workers; every stage of a compiled job is given its options."""
