"""What the two supported TFX releases do not have in common, a function each, with the reason.

Nothing else asks which release is installed: docs/decisions/0001-two-stacks.md. What both have under one name is used
by that name, such as `tensorflow_model_analysis.proto.config_pb2` for what TFMA's package itself no longer offers.
"""

from typing import Any, Optional


def slices_by_sql(options: Any) -> tuple[str, ...]:
    """The SQL by which statistics are to be sliced.

    TFDV 1.16 takes it as `experimental_slice_sqls`; TFDV 1.21 has neither ZetaSQL nor that option.

    Args:
        options: TFDV's `StatsOptions`.
    """
    return tuple(getattr(options, "experimental_slice_sqls", None) or ())


def slice_functions(slicing: Any) -> list[Any]:
    """The functions by which rows are sliced on columns.

    TFDV 1.16 gives the SQL of a slicing configuration beside them; TFDV 1.21 has none.

    Args:
        slicing: TFDV's `SlicingConfig`, without SQL.
    """
    from tensorflow_data_validation.utils import slicing_util

    convert = getattr(slicing_util, "convert_slicing_config_to_slice_functions", None)
    if convert is not None:
        return list(convert(slicing))
    functions, _ = slicing_util.convert_slicing_config_to_slice_functions_and_sqls(slicing)
    return list(functions)


def custom_validations() -> Optional[type]:
    """TFDV's `CustomValidationConfig`, rules in SQL on a column's statistics; None where the release has none.

    TFDV 1.21 has no rules, as it has no ZetaSQL to read them with.
    """
    try:
        from tensorflow_data_validation.anomalies.proto import custom_validation_config_pb2
    except ImportError:
        return None
    return custom_validation_config_pb2.CustomValidationConfig
