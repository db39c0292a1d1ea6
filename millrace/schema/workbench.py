"""What the schema commands work on: the configured file, its history, and what past runs saw and were refused for."""

import contextlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Optional

from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics as Statistics

from millrace.base import clock
from millrace.base.errors import BadInput, SchemaError
from millrace.components import stage_ids
from millrace.components.data_gate import gate
from millrace.components.data_gate.findings import Finding, read_split
from millrace.components.data_gate.report import joined, read_findings
from millrace.components.data_gate.rules import Use
from millrace.components.marks import BLESSED_STATISTICS
from millrace.config import paths
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.project import default_configuration
from millrace.schema import files
from millrace.schema.evidence import Evidence
from millrace.schema.files import History
from millrace.schema.impact import Anomalies, Blocker
from millrace.schema.lint import Uses
from millrace.schema.phrases import features
from millrace.schema.ways import Anomaly
from millrace.statistics.columns import ColumnStatistics, columns_by_name
from millrace.textproto import schema_text
from millrace.textproto.schema_text import SchemaText

if TYPE_CHECKING:
    from millrace.metadata.run_summaries import Runs

_RANGES = ("INT_TYPE_SMALL_INT", "INT_TYPE_BIG_INT", "FLOAT_TYPE_SMALL_FLOAT", "FLOAT_TYPE_BIG_FLOAT")

# What ended runs saw, by root, pipeline and run: some twenty questions of ML Metadata for each, and it changes no more.
_ENDED: dict[tuple[str, str, str], Optional[Evidence]] = {}


@dataclass(frozen=True)
class Workbench:
    """The schema of one pipeline.

    Args:
        config: the pipeline's configuration.
        config_file: where it was read from, for the commands that are printed.
    """

    config: Config
    config_file: str

    @classmethod
    def of(cls, config_file: str, overrides: Sequence[str]) -> "Workbench":
        """The workbench of a configuration file.

        Args:
            config_file: the YAML file.
            overrides: `KEY=VALUE`, as `--set` takes them.
        """
        return cls(load(config_file, overrides), config_file)

    @property
    def option(self) -> str:
        """` -c FILE --env ENV` for the commands that are printed, as far as either has to be said."""
        return default_configuration.option(self.config_file, self.config.environment)

    @property
    def path(self) -> Path:
        """The schema file.

        Raises:
            SchemaError: the configuration names none.
        """
        if not self.config.schema_.file:
            name = f"schema/{self.config.name}/schema.pbtxt"
            raise SchemaError(
                "the configuration names no schema file, so runs use the inferred schema",
                where=self.config_file,
                remedy=f"millrace schema infer{self.option} -o {name}, then set schema.file to it",
            )
        return Path(self.config.schema_.file)

    @property
    def shown_path(self) -> str:
        """The schema file as a person in this folder would write it."""
        here = Path.cwd()
        return str(self.path.relative_to(here)) if self.path.is_relative_to(here) else str(self.path)

    def read(self) -> SchemaText:
        """The schema file, parsed."""
        return schema_text.parse(schema_text.read_text(self.path), self.shown_path)

    @property
    def history(self) -> History:
        """The workbench's edits of the file, kept below the pipeline's root, or beside one in a bucket."""
        return History(self.history_folder, self.path)

    @property
    def history_folder(self) -> Path:
        """Where histories are kept."""
        return paths.layout(self.config).local / "schema-history"

    def newest(self, before: str = "") -> Iterator[Evidence]:
        """What runs with statistics saw, the newest first; each is read when its turn comes.

        Args:
            before: begin with the run before this one; empty for the newest of all.
        """
        ids = self.runs.ids()
        if before and not any(run_id == before for run_id in ids):
            ids = self.runs.ids()
        for run_id in ids:
            if evidence := self._evidence(run_id):
                yield evidence

    def last(self, count: int) -> list[Evidence]:
        """What the newest runs with statistics saw, the oldest of them first.

        Args:
            count: how many runs at most.
        """
        return list(itertools.islice(self.newest(), count))[::-1]

    @cached_property
    def latest(self) -> Optional[Evidence]:
        """The latest run whose statistics are still there."""
        return next((run for run in self.newest() if run.readable), None)

    def run(self, run_id: str) -> Evidence:
        """A run as commands call it, but for `last` and `latest`: the newest whose statistics are there.

        Raises:
            SchemaError: there is no such run with statistics.
        """
        if run_id in ("last", "latest"):
            evidence = self.latest
        else:
            from millrace.metadata.run_names import named

            with contextlib.suppress(BadInput):
                run_id = named(self.runs, run_id)
            evidence = self._evidence(run_id)
        if evidence is None:
            if self.lacks:
                raise SchemaError(self.lacks, where=run_id, remedy=f"millrace run{self.option}")
            newest = ", ".join(itertools.islice((run.run_id for run in self.newest() if run.readable), 3))
            remedy = f"runs with statistics: {newest}; millrace run{self.option} makes one"
            raise SchemaError("no such run with statistics on disk", where=run_id, remedy=remedy)
        return evidence

    @cached_property
    def lacks(self) -> str:
        """Why there are no statistics to look at; empty where there are."""
        if self.latest is not None:
            return ""
        return "the statistics of every run are gone from this machine" if self.last(1) else "no run has read data yet"

    @cached_property
    def runs(self) -> "Runs":
        """The pipeline's runs. ML Metadata's client takes a third of a second to import, so it is for who asks."""
        from millrace.metadata.run_summaries import Runs

        return Runs(self.config)

    def _evidence(self, run_id: str) -> Optional[Evidence]:
        """What a run saw, and how it ended as everywhere else; None where it came to no statistics."""
        from millrace.metadata.run_summaries import state_of

        root, folder = self.runs.layout.root, self.runs.folder(run_id)
        key = root, self.config.name, run_id
        if key not in _ENDED:
            run = self.runs.record(run_id)
            saw = _saw(run, state_of(run, folder)) if run is not None else None
            # Between two stages ML Metadata alone does not know whether the run goes on.
            if folder and folder.exit_code() is None:
                return saw
            _ENDED[key] = saw
        kept = _ENDED[key]
        # Another one for each who asks: it holds what is read through it.
        return replace(kept) if kept else None

    def source(self, name: str) -> SchemaText:
        """A schema from a file, from git as REVISION:PATH, or from a run as run:ID (or run:last)."""
        if not name.startswith("run:"):
            return files.read_any(name)
        proto = self.run(name.removeprefix("run:")).schema
        if proto is None:
            raise SchemaError("this run was not validated, so its schema is not known", where=name)
        from google.protobuf import text_format

        return SchemaText(name, text_format.MessageToString(proto, as_utf8=True), proto)

    @property
    def uses(self) -> Uses:
        """The label and the columns that the configuration reads."""
        labels = tuple(output.column for output in self.config.label.by_output().values())
        return Uses(labels, tuple(self.config.feature_table().columns()))

    def seen(self, slice: str = "") -> dict[str, dict[str, ColumnStatistics]]:
        """What the latest run saw, by split and feature; empty when nothing ran yet.

        Args:
            slice: TFDV's name of a slice of the rows; empty for all rows.

        Raises:
            SchemaError: the run has no statistics of such a slice.
        """
        if self.latest is None:
            return {}
        statistics = self.latest.slice(slice) if slice else self.latest.statistics
        return {split: columns_by_name(proto) for split, proto in statistics.items()}

    def slices(self) -> dict[str, dict[str, int]]:
        """The slices of the latest run's rows that there are statistics of: rows by split, the largest slice first."""
        slices = self.latest.slices if self.latest else {}
        rows = {name: {split: int(one.num_examples) for split, one in of.items()} for name, of in slices.items()}
        return dict(sorted(rows.items(), key=lambda item: -sum(item[1].values())))

    def findings(
        self,
        statistics: Mapping[str, Statistics],
        anomalies: Anomalies,
        schema: schema_pb2.Schema,
        blessed: Mapping[str, Statistics] = MappingProxyType({}),
    ) -> tuple[Finding, ...]:
        """What DataGate says about a run's statistics and anomalies, by the configured policy.

        Args:
            statistics: by split.
            anomalies: by split, as TFDV found them.
            schema: by which the run is judged.
            blessed: the statistics of the latest blessed data, by split.
        """
        splits = [read_split(name, proto, anomalies.get(name)) for name, proto in statistics.items()]
        before = [read_split(name, proto) for name, proto in blessed.items()]
        use = Use.of(self.config.label, list(self.config.feature_table().columns()))
        section, today = self.config.data_gate, clock.today()
        return gate.judge(splits, schema, use, section=section, today=today, blessed=before).findings

    def verdict(self, run: Evidence) -> tuple[Finding, ...]:
        """What DataGate said of a run's data; where it left no report, what it says now, with what was blessed then.

        Raises:
            DataError: its report is damaged.
        """
        recorded = read_findings(run.gate_report) if run.gate_report else None
        if recorded is not None:
            return tuple(recorded)
        if run.schema is None:
            return ()
        kept = Evidence("", "", run.blessing / BLESSED_STATISTICS).statistics if run.blessing else {}
        return self.findings(run.statistics, run.anomalies, run.schema, kept)

    def blessed_before(self, run: Evidence) -> Optional[Evidence]:
        """The run whose data was the latest blessed one when a run was judged; None where that is not known."""
        from millrace.metadata import records
        from millrace.metadata.places import execution_of

        number = execution_of(str(run.blessing)) if run.blessing else 0
        return self._evidence(records.run_of(self.runs.store, number)) if number else None

    def blocks(
        self, statistics: Mapping[str, Statistics], anomalies: Anomalies, schema: schema_pb2.Schema
    ) -> list[Blocker]:
        """What of it stops a run.

        Args:
            statistics: by split.
            anomalies: by split, as TFDV found them.
            schema: by which the run is judged.
        """
        findings = [finding for finding in self.findings(statistics, anomalies, schema) if finding.action == "block"]
        return list(dict.fromkeys(Blocker(finding.feature, finding.reason) for finding in findings))

    def anomalies(self, run: Evidence) -> list[Anomaly]:
        """What DataGate did not ignore in a run, one for each feature and reason; what blocked it comes first."""
        if run.schema is None:
            return []
        grouped: dict[tuple[str, str], list[Finding]] = {}
        for finding in self.findings(run.statistics, run.anomalies, run.schema):
            if finding.action != "ignore":
                grouped.setdefault((finding.feature, finding.reason), []).append(finding)
        ranked = sorted(grouped.items(), key=lambda item: (all(f.action != "block" for f in item[1]), item[0]))
        return [_anomaly(feature, reason, group, run) for (feature, reason), group in ranked]


def _anomaly(feature: str, reason: str, findings: Sequence[Finding], run: Evidence) -> Anomaly:
    counted = [finding.rows for finding in findings if finding.rows is not None]
    if reason in _RANGES and not counted:
        return _beyond(feature, reason, findings, run)
    words = _words(findings)
    splits = tuple(dict.fromkeys(finding.split for finding in findings))
    return Anomaly(feature, reason, sum(counted) if counted else None, splits, words)


def _beyond(feature: str, reason: str, findings: Sequence[Finding], run: Evidence) -> Anomaly:
    """An anomaly of a range, of whose rows only a bound is known."""
    described = dict(features(run.schema)).get(feature)
    limits = described.int_domain if described and described.HasField("int_domain") else None
    limits = limits or (described.float_domain if described else None)
    low = limits.min if limits and limits.HasField("min") and "SMALL" in reason else -math.inf
    high = limits.max if limits and limits.HasField("max") and "BIG" in reason else math.inf
    splits = tuple(dict.fromkeys(finding.split for finding in findings))
    rows = sum(columns_by_name(run.statistics[split])[feature].outside(low, high) for split in splits)
    return Anomaly(feature, reason, rows, splits, _words(findings), exact=False)


def _words(findings: Sequence[Finding]) -> str:
    """What was expected and what each split has in its place."""
    expected, seen = (joined(findings)[0].expected, "; ".join(one.seen for one in joined(findings)))
    return f"expected: {expected}; seen: {seen}" if expected else seen


def _saw(run: Any, state: str) -> Optional[Evidence]:
    statistics = run.artifact(stage_ids.STATISTICS_GEN, "statistics")
    anomalies = run.artifact(stage_ids.EXAMPLE_VALIDATOR, "anomalies")
    if statistics is None or "://" in statistics.uri:
        return None
    return Evidence(
        run.run_id,
        state,
        Path(statistics.uri),
        Path(anomalies.uri) if anomalies else None,
        _span(run.artifact(stage_ids.EXAMPLE_GEN, "examples")),
        *(
            Path(one.uri) if one is not None and "://" not in one.uri else None
            for one in (
                run.artifact(stage_ids.DATA_GATE, "report"),
                run.artifact(stage_ids.LATEST_BLESSED_DATA, "model_blessing"),
            )
        ),
    )


def _span(examples: Any) -> Optional[int]:
    """The span of an Examples artifact, which TFX keeps as a property or, from some components, as a custom one."""
    for properties in (examples.properties, examples.custom_properties) if examples is not None else ():
        if "span" in properties:
            kept = properties["span"]
            return kept.int_value if kept.HasField("int_value") else int(kept.string_value or 0)
    return None
