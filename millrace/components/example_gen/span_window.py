"""A window of spans as ExampleGen's input: TFX's driver for one span, extended to several.

TFX's own input processor refuses a RangeConfig of more than one span ("For ExampleGen, start and end span numbers for
RangeConfig.StaticRange must be equal"). Here the spans that are there are found, each in its newest version, and their
patterns are written into the split's as one text. The artifact's `span` is the newest, and its `spans` says which were
read, so that a StatisticsGen, a registry or a query of ML Metadata need know nothing of windows.
"""

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any, Optional

from absl import logging
from tfx.components.example_gen import driver, input_processor
from tfx.dsl.io import fileio
from tfx.orchestration import data_types
from tfx.orchestration.portable import data_types as portable_data_types
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import standard_component_specs
from tfx.utils import io_utils

from millrace.tables.patterns import FilePattern
from millrace.tables.windows import MissingSpans, SpanRange, SpanWindow, find_window, joined

MISSING_SPANS = "missing_spans"
"""A parameter of ExampleGen: what becomes of a window in which a span is missing."""

SPANS = "spans"
"""A property of Examples: the spans of a window by name, with their versions, as JSON."""


def range_config_of(asked: SpanRange) -> range_config_pb2.RangeConfig:
    """A range of spans as TFX's message."""
    if asked.end is None:
        rolling = range_config_pb2.RollingRange(start_span_number=asked.start, num_spans=asked.num_spans)
        return range_config_pb2.RangeConfig(rolling_range=rolling)
    start = max(asked.start, asked.end - asked.num_spans + 1, 0)
    static = range_config_pb2.StaticRange(start_span_number=start, end_span_number=asked.end)
    return range_config_pb2.RangeConfig(static_range=static)


def span_range_of(config: range_config_pb2.RangeConfig) -> SpanRange:
    """A range of spans from TFX's message."""
    if config.HasField("rolling_range"):
        return SpanRange(config.rolling_range.num_spans, config.rolling_range.start_span_number)
    start, end = config.static_range.start_span_number, config.static_range.end_span_number
    return SpanRange(end - start + 1, start, end)


class WindowInputProcessor(input_processor.InputProcessor):
    """Finds the spans of a window, for a driver of TFX's.

    Args:
        input_base_uri: the data's folder.
        splits: each with a pattern that has a span.
        range_config: of one span or several.
        missing: what becomes of a window in which a span is missing.
    """

    def __init__(
        self,
        input_base_uri: str,
        splits: Iterable[example_gen_pb2.Input.Split],
        range_config: range_config_pb2.RangeConfig,
        missing: MissingSpans,
    ) -> None:
        super().__init__(splits, None)
        self._folder = input_base_uri
        self._patterns: Sequence[tuple[str, str]] = [(split.name, split.pattern) for split in splits]
        self._asked, self._missing = span_range_of(range_config), missing
        self._window: Optional[SpanWindow] = None

    @property
    def window(self) -> SpanWindow:
        """The spans; they are looked for once, so that what is said of them is what is read.

        Raises:
            DataError: as `find_window`.
        """
        if self._window is None:
            names = {text: self._matching(FilePattern.parse(text).glob) for _, text in self._patterns}
            self._window = find_window(self._folder, names, self._asked, self._missing)
            if self._window.lack:
                logging.warning("%s: %s; the others are read.", self._folder, self._window.lack)
        return self._window

    def resolve_span_and_version(self) -> tuple[int, Optional[int]]:
        """The window's newest span, and its version."""
        newest = self.window.newest
        return newest.span or 0, newest.version

    def get_pattern_for_span_version(self, pattern: str, span: int, version: Optional[int]) -> str:
        """A split's pattern with every span of the window; `span` and `version` are those of the newest."""
        return joined(self.window.patterns(pattern))

    def get_input_fingerprint(self, span: int, version: Optional[int]) -> str:
        """TFX's fingerprint of the files of each split and span: it changes with any of them, and with no other."""
        return "\n".join(
            io_utils.generate_fingerprint(name, os.path.join(self._folder, pattern))
            for name, text in self._patterns
            for pattern in self.window.patterns(text)
        )

    def get_latest_span(self) -> int:
        """The window's newest span."""
        return self.window.newest.span or 0

    def _matching(self, glob: str) -> list[str]:
        paths = fileio.glob(os.path.join(self._folder, glob))
        return sorted(os.path.relpath(path, self._folder).replace(os.sep, "/") for path in paths)


class Driver(driver.FileBasedDriver):
    """TFX's driver, which has a window looked for and says on the examples which spans it is made of."""

    def get_input_processor(
        self,
        splits: Iterable[example_gen_pb2.Input.Split],
        range_config: Optional[range_config_pb2.RangeConfig] = None,
        input_base_uri: Optional[str] = None,
    ) -> WindowInputProcessor:
        """The processor that TFX's driver then asks."""
        assert range_config is not None
        self._processor = WindowInputProcessor(input_base_uri or "", splits, range_config, self._missing)
        return self._processor

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """TFX's properties: the patterns, the newest span, its version, and the fingerprint."""
        self._missing: MissingSpans = exec_properties[MISSING_SPANS]
        return super().resolve_exec_properties(exec_properties, pipeline_info, component_info)

    def run(self, execution_info: portable_data_types.ExecutionInfo) -> driver_output_pb2.DriverOutput:
        """What TFX's driver puts out, and on the examples the spans."""
        output = super().run(execution_info)
        for examples in output.output_artifacts[standard_component_specs.EXAMPLES_KEY].artifacts:
            examples.custom_properties[SPANS].string_value = json.dumps(self._processor.window.versions())
        return output
