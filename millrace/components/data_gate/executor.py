"""Runs DataGate inside TFX: reads what StatisticsGen and ExampleValidator wrote, judges, writes the report."""

import json
import logging
import os
from collections.abc import Mapping

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics, DatasetFeatureStatisticsList
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from millrace.base import clock, files
from millrace.components.blessed_data import statistics as blessed_statistics
from millrace.components.data_gate.compared import compare_split
from millrace.components.data_gate.findings import CheckedSplit, read_split
from millrace.components.data_gate.gate import judge
from millrace.components.data_gate.references import Reference, References
from millrace.components.data_gate.report import JSON_NAME, TEXT_NAME, Files, as_json, as_text, refusal
from millrace.components.data_gate.rules import Use
from millrace.components.data_gate.section import DataGateSection
from millrace.components.executor_types import Artifacts, Properties
from millrace.components.marks import BLESSED_STATISTICS, DATA_SPAN
from millrace.features.label import read_label
from millrace.statistics import order_statistics
from millrace.statistics.columns import STATISTICS_FILE, of_all_rows
from millrace.statistics.comparison import Comparison, Rows
from millrace.statistics.order_statistics import OrderStatistics

# Names that StatisticsGen and ExampleValidator give to their files, one in each split's folder.
ANOMALIES_FILE = "SchemaDiff.pb"


class Executor(base_executor.BaseExecutor):
    """Judges the statistics and the anomalies of every split."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: Properties) -> None:
        """Writes report.json and report.txt when the run may go on.

        Args:
            input_dict: `statistics`, `schema` and `anomalies`, one artifact each; `blessing` and `span_before` where
                there is one.
            output_dict: `report`, one DataGateReport.
            exec_properties: as `DataGate` makes them: `policy`, `waivers`, `label` and `feature_columns` as JSON.

        Raises:
            DataGateRefused: a finding blocks.
            ValueError: the policy, a waiver or the label is not valid.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        schema_folder = artifact_utils.get_single_uri(input_dict["schema"])
        schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema_folder))
        if not exec_properties.get("schema_file"):
            # An inferred schema counts empty cells as values, and nobody decided what it says of presence.
            for feature in schema.feature:
                feature.ClearField("presence")
        blessings = input_dict.get("blessing") or []
        kept = blessed_statistics.kept(blessings[0]) if blessings else {}
        unmeasured = blessings[0].uri if blessings and not kept else ""
        blessed = [read_split(name, of_all_rows(numbers)) for name, numbers in kept.items()]
        references = _references(input_dict.get("span_before") or [], blessings, kept)
        use = Use.of(read_label(exec_properties["label"]), json.loads(exec_properties["feature_columns"]))
        policy = json.loads(exec_properties["policy"])
        limits = json.loads(exec_properties.get("distance_limits") or "{}")
        section = DataGateSection(policy=policy, waivers=json.loads(exec_properties["waivers"]), **limits)
        columns = dict.fromkeys([*(output.column for output in use.labels), *use.features])
        splits = _read_splits(
            input_dict["statistics"], input_dict["anomalies"], references, schema, section, list(columns)
        )
        today = clock.today()
        verdict = judge(splits, schema, use, section=section, today=today, blessed=blessed)
        if not verdict.passed:
            named = [exec_properties.get(name) or "" for name in ("schema_file", "config_file", "environment")]
            raise refusal(verdict, Files(*named), today)
        report = artifact_utils.get_single_instance(output_dict["report"])
        text = as_text(verdict, splits, blessed, unmeasured, references)
        logging.getLogger(__name__).info("%s", text)
        document = as_json(verdict, splits, policy, today, blessed, unmeasured, references)
        files.write(os.path.join(report.uri, TEXT_NAME), text)
        files.write(os.path.join(report.uri, JSON_NAME), document)
        report.set_int_custom_property("warnings", len(verdict.of("warn")))
        report.set_int_custom_property("waived", len(verdict.of("waived")))


def _references(
    span_before: list[types.Artifact],
    blessings: list[types.Artifact],
    kept: Mapping[str, DatasetFeatureStatisticsList],
) -> References:
    """The span before, and the latest blessed data, where there are any."""
    drift = skew = None
    if kept:
        folder = os.path.join(blessings[0].uri, BLESSED_STATISTICS)
        span = blessings[0].get_int_custom_property(DATA_SPAN)
        rows = {name: Rows(of_all_rows(numbers), _numbers(folder, name)) for name, numbers in kept.items()}
        drift = skew = Reference("the latest blessed data", _place(blessings[0], span), rows)
    if span_before:
        earlier = span_before[0]
        names = artifact_utils.decode_split_names(earlier.split_names)
        rows = {name: Rows(_statistics(span_before, name), _numbers(earlier.uri, name)) for name in names}
        drift = Reference("the span before", _place(earlier, earlier.span), rows)
    return References(drift, skew)


def _place(artifact: types.Artifact, span: int) -> str:
    """Where statistics are from: the span, where there is one, and the artifact by the end of its path."""
    tail = "/".join(artifact.uri.rstrip("/").split("/")[-3:])
    return f"span {span} ({tail})" if span else tail


def _numbers(folder: str, split: str) -> dict[str, OrderStatistics]:
    """The order statistics beside a split's statistics; none where StatisticsGen ran on a Beam engine."""
    path = order_statistics.file_of(folder, split)
    if not fileio.exists(path):
        return {}
    with fileio.open(path, "rb") as stream:
        return order_statistics.from_bytes(stream.read())


def _read_splits(
    statistics: list[types.Artifact],
    anomalies: list[types.Artifact],
    references: References,
    schema: schema_pb2.Schema,
    section: DataGateSection,
    columns: list[str],
) -> list[CheckedSplit]:
    """Every split that has statistics; of one that the validator left out, what comparisons say alone."""
    measured = artifact_utils.get_single_instance(statistics)
    validated = artifact_utils.get_single_instance(anomalies)
    judged = set(artifact_utils.decode_split_names(validated.split_names))
    jumps = references.drift is not None and references.drift.what == "the span before"
    splits = []
    for name in artifact_utils.decode_split_names(measured.split_names):
        rows = Rows(_statistics(statistics, name), _numbers(measured.uri, name))
        found = anomalies_pb2.Anomalies()
        if name in judged:
            found = anomalies_pb2.Anomalies.FromString(_read([validated], name, ANOMALIES_FILE))
        comparisons: tuple[Comparison, ...] = ()
        if rows.statistics.num_examples:
            comparisons = compare_split(name, rows, found, references, schema, section, columns)
        splits.append(read_split(name, rows.statistics, found, comparisons, jumps))
    return splits


def _statistics(artifacts: list[types.Artifact], split: str) -> DatasetFeatureStatistics:
    return of_all_rows(DatasetFeatureStatisticsList.FromString(_read(artifacts, split, STATISTICS_FILE)))


def _read(artifacts: list[types.Artifact], split: str, file: str) -> bytes:
    path = os.path.join(artifact_utils.get_split_uri(artifacts, split), file)
    with fileio.open(path, "rb") as stream:
        return stream.read()
