"""Runs DataGate inside TFX: reads what StatisticsGen and ExampleValidator wrote, judges, writes the report."""

import json
import logging
import os
from collections.abc import Mapping

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from millrace.base import clock, files
from millrace.components.blessed_data import statistics as blessed_statistics
from millrace.components.data_gate.drift import with_drift
from millrace.components.data_gate.findings import CheckedSplit, read_split
from millrace.components.data_gate.gate import judge
from millrace.components.data_gate.report import JSON_NAME, TEXT_NAME, Files, as_json, as_text, refusal
from millrace.components.data_gate.rules import Use
from millrace.components.data_gate.section import DataGateSection
from millrace.components.executor_types import Artifacts, Properties
from millrace.features.label import read_label
from millrace.statistics.columns import STATISTICS_FILE, of_all_rows

# Names that StatisticsGen and ExampleValidator give to their files, one in each split's folder.
ANOMALIES_FILE = "SchemaDiff.pb"


class Executor(base_executor.BaseExecutor):
    """Judges the statistics and the anomalies of every split."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: Properties) -> None:
        """Writes report.json and report.txt when the run may go on.

        Args:
            input_dict: `statistics`, `schema` and `anomalies`, one artifact each; `blessing` where there is one.
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
        splits = _read_splits(input_dict["statistics"], input_dict["anomalies"], schema, kept)
        blessed = [read_split(name, of_all_rows(numbers)) for name, numbers in kept.items()]
        use = Use.of(read_label(exec_properties["label"]), json.loads(exec_properties["feature_columns"]))
        policy = json.loads(exec_properties["policy"])
        section = DataGateSection(policy=policy, waivers=json.loads(exec_properties["waivers"]))
        today = clock.today()
        verdict = judge(splits, schema, use, section=section, today=today, blessed=blessed)
        if not verdict.passed:
            named = [exec_properties.get(name) or "" for name in ("schema_file", "config_file", "environment")]
            raise refusal(verdict, Files(*named), today)
        report = artifact_utils.get_single_instance(output_dict["report"])
        text = as_text(verdict, splits, blessed, unmeasured)
        logging.getLogger(__name__).info("%s", text)
        files.write(os.path.join(report.uri, TEXT_NAME), text)
        files.write(os.path.join(report.uri, JSON_NAME), as_json(verdict, splits, policy, today, blessed, unmeasured))
        report.set_int_custom_property("warnings", len(verdict.of("warn")))
        report.set_int_custom_property("waived", len(verdict.of("waived")))


def _read_splits(
    statistics: list[types.Artifact],
    anomalies: list[types.Artifact],
    schema: schema_pb2.Schema,
    blessed: Mapping[str, DatasetFeatureStatisticsList],
) -> list[CheckedSplit]:
    """Every split that has statistics; its anomalies are None where the validator was told to leave it out."""
    measured = artifact_utils.get_single_instance(statistics)
    validated = artifact_utils.get_single_instance(anomalies)
    judged = set(artifact_utils.decode_split_names(validated.split_names))
    splits = []
    for name in artifact_utils.decode_split_names(measured.split_names):
        numbers = of_all_rows(DatasetFeatureStatisticsList.FromString(_read([measured], name, STATISTICS_FILE)))
        of_split = None
        if name in judged:
            of_split = anomalies_pb2.Anomalies.FromString(_read([validated], name, ANOMALIES_FILE))
        if name in blessed and numbers.num_examples:
            of_split = with_drift(of_split, numbers, of_all_rows(blessed[name]), schema)
        splits.append(read_split(name, numbers, of_split))
    return splits


def _read(artifacts: list[types.Artifact], split: str, file: str) -> bytes:
    path = os.path.join(artifact_utils.get_split_uri(artifacts, split), file)
    with fileio.open(path, "rb") as stream:
        return stream.read()
