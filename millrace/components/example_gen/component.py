"""The component: TFX's FileBasedExampleGen, with its driver, and the columnar executor."""

from typing import Any, Optional

from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2, range_config_pb2

from millrace.components.example_gen import executor
from millrace.components.example_gen.options import Options, TableFormat, to_custom_config
from millrace.components.example_gen.span_window import MISSING_SPANS, Driver
from millrace.tables.windows import MissingSpans


class ColumnarExampleGen(FileBasedExampleGen):
    """Examples from files that are read by columns, with an Arrow sidecar: of CSV and Parquet as TFX's own, sooner.

    Spans, versions, split patterns and fingerprints are FileBasedExampleGen's.

    Args:
        input_base: folder that the split patterns are relative to.
        format: one of `options.TableFormat`.
        input_config: input splits; all files are one split when left out.
        output_config: output splits; train and eval, 2 to 1, when left out and there is one input split.
        range_config: the spans to consider.
        options: other fields of `options.Options`, by name.
        code_digest: digest of the code that makes the examples, so that TFX's cache notices an edit.

    Raises:
        ValueError: an option is unknown, or has a value that cannot be used.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        input_base: str,
        format: TableFormat = "csv",
        input_config: Optional[example_gen_pb2.Input] = None,
        output_config: Optional[example_gen_pb2.Output] = None,
        range_config: Optional[range_config_pb2.RangeConfig] = None,
        options: Optional[dict[str, Any]] = None,
        code_digest: str = "",
    ) -> None:
        super().__init__(
            input_base=input_base,
            input_config=input_config,
            output_config=output_config,
            range_config=range_config,
            custom_config=to_custom_config(Options(format=format, **(options or {})), code_digest),
        )


class WindowExampleGen(ColumnarExampleGen):
    """The examples of several spans as one artifact, with a driver that finds the spans (`span_window`).

    Args:
        missing_spans: what becomes of a window in which a span is missing.
        settings: those of ColumnarExampleGen; `range_config` may be of several spans.
    """

    DRIVER_CLASS = Driver

    def __init__(self, missing_spans: MissingSpans = "refuse", **settings: Any) -> None:
        super().__init__(**settings)
        # FileBasedExampleGen makes its specification itself, which has no such parameter.
        self.spec.exec_properties[MISSING_SPANS] = missing_spans
