"""What each reason does to a run, unless the configuration says otherwise: the one table of defaults.

Reasons are TFDV's own (`tensorflow_metadata.proto.v0.anomalies_pb2.AnomalyInfo.Type`) and those of `rules.py` and
`moved.py`. Only protos are imported here, so that a configuration can be checked without TensorFlow.
"""

from dataclasses import dataclass
from typing import Literal

from tensorflow_metadata.proto.v0 import anomalies_pb2

from millrace.base.names import nearest
from millrace.base.outcomes import BAD_INPUT, REFUSED

Action = Literal["block", "warn", "ignore"]


@dataclass(frozen=True)
class Default:
    """What a reason does unless the policy says otherwise, what it exits with when it blocks, and why."""

    action: Action
    exit_code: int
    why: str


DISTANCES = (
    "COMPARATOR_L_INFTY_HIGH",
    "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
    "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
)
"""A distribution that is farther from an earlier one than its limit."""

# action, why, TFDV's reasons. All of them exit with 3: the data broke a contract that a person wrote.
_TFDV: tuple[tuple[Action, str, tuple[str, ...]], ...] = (
    (
        "block",
        "the values are of another type than Transform will parse",
        (
            "UNEXPECTED_DATA_TYPE",
            "BOOL_TYPE_BYTES_NOT_INT",
            "BOOL_TYPE_BYTES_NOT_STRING",
            "BOOL_TYPE_FLOAT_NOT_INT",
            "BOOL_TYPE_FLOAT_NOT_STRING",
            "BOOL_TYPE_INT_NOT_STRING",
            "BOOL_TYPE_STRING_NOT_INT",
            "ENUM_TYPE_BYTES_NOT_STRING",
            "ENUM_TYPE_FLOAT_NOT_STRING",
            "ENUM_TYPE_INT_NOT_STRING",
            "FLOAT_TYPE_NOT_FLOAT",
            "FLOAT_TYPE_STRING_NOT_FLOAT",
            "FLOAT_TYPE_NON_STRING",
            "FLOAT_TYPE_UNKNOWN_TYPE_NUMBER",
            "INT_TYPE_INT_EXPECTED",
            "INT_TYPE_NOT_INT_STRING",
            "INT_TYPE_NOT_STRING",
            "INT_TYPE_STRING_EXPECTED",
            "INT_TYPE_UNKNOWN_TYPE_NUMBER",
            "STRING_TYPE_NOW_FLOAT",
            "STRING_TYPE_NOW_INT",
            "VALUE_NESTEDNESS_MISMATCH",
        ),
    ),
    (
        "block",
        "a value that the domain excludes is a broken feed, or a decision that a person has to take",
        (
            "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
            "ENUM_TYPE_INVALID_UTF8",
            "BOOL_TYPE_BIG_INT",
            "BOOL_TYPE_SMALL_INT",
            "BOOL_TYPE_UNEXPECTED_STRING",
            "BOOL_TYPE_UNEXPECTED_FLOAT",
            "INT_TYPE_BIG_INT",
            "INT_TYPE_SMALL_INT",
            "FLOAT_TYPE_BIG_FLOAT",
            "FLOAT_TYPE_SMALL_FLOAT",
        ),
    ),
    (
        "block",
        "the schema forbids them for this feature, and one of them makes every loss NaN",
        ("FLOAT_TYPE_HAS_NAN", "FLOAT_TYPE_HAS_INF"),
    ),
    (
        "block",
        "a column that the schema requires is not there, or not often enough",
        (
            "SCHEMA_MISSING_COLUMN",
            "FEATURE_TYPE_NOT_PRESENT",
            "FEATURE_TYPE_LOW_FRACTION_PRESENT",
            "FEATURE_TYPE_LOW_NUMBER_PRESENT",
            "FEATURE_TYPE_NO_VALUES",
        ),
    ),
    (
        "block",
        "rows hold fewer or more values than Transform will parse",
        (
            "FEATURE_TYPE_LOW_NUMBER_VALUES",
            "FEATURE_TYPE_HIGH_NUMBER_VALUES",
            "FEATURE_TYPE_UNEXPECTED_REPEATED",
            "INVALID_FEATURE_SHAPE",
        ),
    ),
    (
        "block",
        "the schema bounds the number of distinct values, so a column of ids or of one constant is a fault",
        ("FEATURE_TYPE_HIGH_UNIQUE", "FEATURE_TYPE_LOW_UNIQUE"),
    ),
    (
        "block",
        "the parts of the feature do not fit together, so it cannot be parsed",
        (
            "SPARSE_FEATURE_MISSING_VALUE",
            "SPARSE_FEATURE_MISSING_INDEX",
            "SPARSE_FEATURE_LENGTH_MISMATCH",
            "SPARSE_FEATURE_NAME_COLLISION",
            "WEIGHTED_FEATURE_NAME_COLLISION",
            "WEIGHTED_FEATURE_MISSING_VALUE",
            "WEIGHTED_FEATURE_MISSING_WEIGHT",
            "WEIGHTED_FEATURE_LENGTH_MISMATCH",
            "EMBEDDING_SHAPE_INVALID",
        ),
    ),
    (
        "block",
        "the schema contradicts itself, so nothing it says about the feature was checked",
        (
            "INVALID_SCHEMA_SPECIFICATION",
            "INVALID_DOMAIN_SPECIFICATION",
            "DOMAIN_INVALID_FOR_TYPE",
            "FEATURE_MISSING_NAME",
            "FEATURE_MISSING_TYPE",
            "BOOL_TYPE_INVALID_CONFIG",
            "DERIVED_FEATURE_BAD_LIFECYCLE",
            "DERIVED_FEATURE_INVALID_SOURCE",
            "NLP_WRONG_LOCATION",
        ),
    ),
    (
        "block",
        "a limit on sequences, text or images that the schema states is broken",
        (
            "SEQUENCE_VALUE_TOO_FEW_OCCURRENCES",
            "SEQUENCE_VALUE_TOO_MANY_OCCURRENCES",
            "SEQUENCE_VALUE_TOO_SMALL_FRACTION",
            "SEQUENCE_VALUE_TOO_LARGE_FRACTION",
            "FEATURE_COVERAGE_TOO_LOW",
            "FEATURE_COVERAGE_TOO_SHORT_AVG_TOKEN_LENGTH",
            "LOW_SUPPORTED_IMAGE_FRACTION",
            "MAX_IMAGE_BYTE_SIZE_EXCEEDED",
        ),
    ),
    (
        "block",
        "half of an upload or a doubled one is a broken feed; the limits are there only if someone wrote them",
        ("DATASET_LOW_NUM_EXAMPLES", "DATASET_HIGH_NUM_EXAMPLES", "COMPARATOR_LOW_NUM_EXAMPLES"),
    ),
    ("block", "nothing can be said about data that is not there", ("NO_DATA_IN_SPAN",)),
    ("block", "someone wrote this very check", ("CUSTOM_VALIDATION",)),
    ("block", "a reason without a meaning, so the worst is assumed", ("UNKNOWN_TYPE", "MULTIPLE_REASONS")),
    (
        "warn",
        "a column that no feature reads does no harm; one that a feature reads is FEATURE_NOT_IN_SCHEMA",
        ("SCHEMA_NEW_COLUMN",),
    ),
    (
        "block",
        "a jump from one span to the next, beyond the schema's limit and beyond chance, is a fault of the feed; what "
        "chance may make, and a distance from what is served, is news and warns",
        DISTANCES,
    ),
    ("warn", "a distribution that moves is news, not a fault", ("SCHEMA_TRAINING_SERVING_SKEW",)),
    ("warn", "more rows than in the span before is what growth looks like", ("COMPARATOR_HIGH_NUM_EXAMPLES",)),
    (
        "warn",
        "a comparison that could not be made says nothing about this data",
        (
            "COMPARATOR_CONTROL_DATA_MISSING",
            "COMPARATOR_TREATMENT_DATA_MISSING",
            "FEATURE_TYPE_NO_UNIQUE",
            "STATS_NOT_AVAILABLE",
        ),
    ),
    ("warn", "a suggestion for a better domain", ("SEMANTIC_DOMAIN_UPDATE",)),
)

# DataGate's own reasons. 2: the table or the configuration is wrong; 3: a decision about the contract is open.
OWN: dict[str, Default] = {
    "DATA_EMPTY": Default("block", BAD_INPUT, "no row to learn from"),
    "SPLIT_MISSING": Default("block", BAD_INPUT, "a model is trained on train and judged on eval; both are needed"),
    "SPLIT_EMPTY": Default("block", BAD_INPUT, "a model cannot be trained or judged on no rows"),
    "SCHEMA_MATCHES_NOTHING": Default("block", BAD_INPUT, "this is the schema of another table"),
    "LABEL_COLUMN_MISSING": Default("block", BAD_INPUT, "nothing to predict"),
    "LABEL_VALUES_MISSING": Default("block", BAD_INPUT, "a row without a label would be learned as some class"),
    "LABEL_SINGLE_CLASS": Default("block", BAD_INPUT, "nothing can be told apart, and AUC is not defined"),
    "LABEL_CLASS_UNEXPECTED": Default("block", BAD_INPUT, "the model has no output for a class not listed"),
    "LABEL_NOT_NUMERIC": Default("block", BAD_INPUT, "a regression predicts a number"),
    "LABEL_CONSTANT": Default("block", BAD_INPUT, "a label that never changes teaches nothing"),
    "LABEL_NOT_IN_SCHEMA": Default("block", REFUSED, "Transform parses only what the schema names"),
    "WEIGHT_COLUMN_MISSING": Default("block", BAD_INPUT, "no row could be weighed"),
    "WEIGHT_VALUES_MISSING": Default("block", BAD_INPUT, "a row without a weight makes every loss NaN"),
    "WEIGHT_NOT_NUMERIC": Default("block", BAD_INPUT, "a weight is a number"),
    "WEIGHT_BELOW_ZERO": Default("block", BAD_INPUT, "a model would learn to be wrong on such a row"),
    "WEIGHT_NOT_IN_SCHEMA": Default("block", REFUSED, "Transform parses only what the schema names"),
    "FEATURE_COLUMN_MISSING": Default("block", BAD_INPUT, "the model would be built on a column that does not exist"),
    "FEATURE_ALL_MISSING": Default("block", BAD_INPUT, "nothing can be learned from a column without a value"),
    "FEATURE_EMPTY_IN_SPLIT": Default("warn", BAD_INPUT, "a rare column may be empty where a model is only judged"),
    "FEATURE_NOT_IN_SCHEMA": Default("block", REFUSED, "Transform parses only what the schema names"),
}

# What changed since the latest blessed data. A waiver takes the new world on purpose: once a model is blessed on it,
# it is what the next data is compared with.
MOVED: dict[str, Default] = {
    "LABEL_MOVED": Default("block", REFUSED, "classes that were exchanged, or a label that means something else now"),
    "NUMBER_MOVED": Default("block", REFUSED, "another unit: every learned weight would be wrong by its factor"),
    "CATEGORY_MOVED": Default("warn", REFUSED, "news of the world, not a fault; a model is judged on the new data"),
    "FILLED_SHARE_FELL": Default("warn", REFUSED, "a source dries up; the schema's presence says when to stop"),
    "ROWS_FELL": Default("warn", REFUSED, "perhaps half an upload; the schema's dataset_constraints stop"),
}

DEFAULTS: dict[str, Default] = {
    **{reason: Default(action, REFUSED, why) for action, why, reasons in _TFDV for reason in reasons},
    **OWN,
    **MOVED,
}

_UNHEARD_OF = Default("block", REFUSED, "a reason newer than this table, so the worst is assumed")


def default(reason: str) -> Default:
    """What `reason` does by default; a reason that the table does not know blocks."""
    return DEFAULTS.get(reason, _UNHEARD_OF)


def known_reasons() -> frozenset[str]:
    """Every reason code that a policy or a waiver may name: TFDV's of the installed version, and DataGate's own."""
    return frozenset(anomalies_pb2.AnomalyInfo.Type.keys()) | DEFAULTS.keys()


def require_known(reason: str) -> str:
    """The reason code itself.

    Raises:
        ValueError: it is none; with the nearest known ones.
    """
    if reason in known_reasons():
        return reason
    near = nearest(reason, known_reasons(), count=3)
    hint = f"the nearest are {', '.join(near)}" if near else "no known reason is near to it"
    raise ValueError(f"{reason} is not a reason code; {hint}")
