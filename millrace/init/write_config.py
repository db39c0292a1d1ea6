"""Writes `conf/NAME.yaml`: every section, readable from top to bottom, with a comment where a person should decide."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from millrace.config import json_schema
from millrace.features.description import Feature
from millrace.features.expression import has_value, shown
from millrace.init.decisions import Decision
from millrace.init.defaults import EXAMPLE_COUNT, SPLITS, NoModelBaseline, training_plan, weights_doubt
from millrace.init.label import LabelPlan
from millrace.init.scan import ScannedTable
from millrace.init.splits import splits_doubts

_PLAIN = re.compile(r"[^\W\d][\w ./()-]*|\.\.?/[\w./-]+|/[\w./-]*")
_SLICED = 12


def config_text(
    name: str,
    table: ScannedTable,
    labels: Mapping[str, LabelPlan],
    decisions: Sequence[Decision],
    without: Mapping[str, NoModelBaseline],
    folder: Path,
    schema_file: Path,
) -> str:
    """The configuration as YAML.

    Args:
        name: the pipeline's name.
        table: what was seen of the data.
        labels: what is predicted, by the name of its output, which is empty where there is one label.
        decisions: one per column, in the files' order.
        without: of each output, what is reached without a model, and what a model has to reach.
        folder: where the file will lie; paths in it are relative to this.
        schema_file: where the schema will lie.
    """
    parts = [
        _head(name, table, labels),
        f"name: {_scalar(name)}\nroot: ../runs/{name}",
        _data(table, labels, decisions, folder),
        f"schema:\n  file: {_scalar(os.path.relpath(schema_file, folder))}",
        "data_gate:                              # which anomalies stop the run\n  policy: {}\n  waivers: []",
        _label(labels),
        _features(decisions),
        _training(list(labels.values()), table.rows),
        "tuning:\n  enabled: false                        # true searches for better hyperparameters before training",
        _evaluation(without, decisions, table.rows),
        "infra_validation:\n  platform: process                     # a model server of its own; no Docker",
        f"push: {{}}                                # to ROOT/serving/{name}/VERSION",
        "beam:\n  mode: auto",
    ]
    return "\n\n".join(parts) + "\n"


def _head(name: str, table: ScannedTable, labels: Mapping[str, LabelPlan]) -> str:
    rows = f"{table.rows:,} rows" if table.complete else f"about {table.rows:,} rows, of which {table.rows_read:,}"
    seen = f"{rows} and {len(table.columns)} columns were looked at."
    predicted = " and ".join(f"{_one_line(label.column.name)} ({label.task})" for label in labels.values())
    return "\n".join(
        [
            json_schema.LINE,
            f"# Predicts {predicted}. Written by `millrace init`: {seen}",
            "# Paths start from the folder of this file. Lines with `decide:` are worth a look before the first run:",
            f"#   millrace run -c conf/{name}.yaml",
        ]
    )


def _data(table: ScannedTable, labels: Mapping[str, LabelPlan], decisions: Sequence[Decision], folder: Path) -> str:
    source = table.source
    lines = ["data:", f"  path: {_scalar(source.written or _path(source.folder, folder))}"]
    lines += [f"  pattern: {_scalar(source.pattern)}", f"  format: {source.format}"]
    if source.format not in (
        "tfrecord",
        "sequence_example",
        "image_folders",
    ):  # which have no text that could be read otherwise
        lines.append("  rules: table")
    if table.dialect:
        lines.append(f"  delimiter: {_quoted(table.dialect.delimiter)}")
        if table.dialect.header_line != 1:
            why = "what stands above the names is no part of the table" if table.dialect.header_line else "no names"
            lines.append(_commented(f"  header_line: {table.dialect.header_line}", why))
    images = [column.name for column in table.columns if column.image]
    if images and source.format != "image_folders":
        lines.append(_commented(f"  images: {_flow(images)}", "ExampleGen puts the images in the place of their paths"))
    if table.missing:
        na_values = ", ".join(map(_quoted, table.missing))
        lines.append(_commented(f"  missing: [{na_values}]", "texts that stand for a missing value"))
    lines += _columns(table)
    if table.stray_spaces:
        lines.append("  strip_spaces: true                    # spaces around values are not theirs")
    unlabelled = [label for label in labels.values() if label.unlabelled]
    if unlabelled:
        condition = " and ".join(shown(has_value(label.column.name)) for label in unlabelled)
        shares = [f"{label.unlabelled / (label.column.rows + table.blank_rows):.1%}" for label in unlabelled]
        lines.append(
            _commented(f"  where: {_scalar(condition)}", f"{', '.join(shares)} of the rows have no label: left out")
        )
    doubts = splits_doubts(decisions, table.rows)
    why = f"decide: {'; '.join(doubts)}" if doubts else "hash buckets: eval picks the best step, test only judges"
    lines.append(_commented(f"  splits: {_flow(SPLITS)}", why))
    return "\n".join(lines)


def _columns(table: ScannedTable) -> list[str]:
    """How single columns are read, each with what a person should decide about that."""
    read = [column for column in table.columns if column.reading]
    lines = [_commented("  columns:", "how single columns are read")] if read else []
    for column in read:
        assert column.reading is not None
        line = f"    {_scalar(column.name)}: {_flow(column.reading.model_dump(exclude_defaults=True))}"
        lines.append(_commented(line, f"decide: {column.doubt}") if column.doubt else line)
    return lines


def _path(folder: Path, base: Path) -> str:
    """Relative where the data lies in the project or beside it, so that both may be moved together, else absolute."""
    around = base.resolve().parent.parent
    near = folder.resolve().is_relative_to(around) and around != around.parent
    return os.path.relpath(folder.resolve(), base.resolve()) if near else str(folder.resolve())


def _label(labels: Mapping[str, LabelPlan]) -> str:
    if "" in labels:
        return "\n".join(["label:", *_output(labels[""], "  ")])
    lines = ["label:", _commented("  outputs:", "one network with an output for each")]
    for name, label in labels.items():
        lines += [f"    {name}:", *_output(label, "      ")]
    return "\n".join(lines)


def _output(label: LabelPlan, indent: str) -> list[str]:
    lines = [f"{indent}column: {_scalar(label.column.name)}", f"{indent}task: {label.task}"]
    if label.doubt:
        lines[-1] = _commented(lines[-1], f"decide: {label.doubt}")
    if label.classes:
        classes = f"{indent}classes: {_flow(label.classes)}"
        shares = ", ".join(f"{share:.1%}" for share in label.shares[:8])
        first = "; the negative one first" if label.task == "binary" else ""
        lines.append(_commented(classes, f"{shares}{', ...' if len(label.rows) > 8 else ''} of the rows{first}"))
    if label.separator:
        lines.append(f"{indent}separator: {_quoted(label.separator)}")
    return lines


def _features(decisions: Sequence[Decision]) -> str:
    used = [decision for decision in decisions if decision.use == "feature"]
    left_out = [decision for decision in decisions if decision.use == "left out"]
    width = max(len(_scalar(decision.column.name)) for decision in used) + 1
    lines = ["features:"]
    for decision in used:
        line = f"  {_scalar(decision.column.name) + ':':<{min(width, 40)}} {_feature(decision.feature)}"
        lines.append(_commented(line, f"decide: {decision.doubt}") if decision.doubt else line)
    if left_out:
        lines.append("  # Left out; where a feature is given, taking the # away makes it one:")
    for decision in left_out:
        key = _scalar(decision.column.name)
        feature = f" {_feature(decision.feature)}" if decision.feature else ""
        doubt = f"; decide: {decision.doubt}" if decision.doubt else ""
        lines.append(_commented(f"  # {key}:{feature}", f"{decision.kind}: {decision.reason}{doubt}"))
    return "\n".join(lines)


def _feature(feature: Any) -> str:
    """A feature in one line, without what is its default."""
    kept: Feature = feature
    values = {"kind": kept.kind, **kept.model_dump(mode="json", exclude_defaults=True)}
    return _flow(values)


def _training(labels: Sequence[LabelPlan], rows: int) -> str:
    plan = training_plan(labels, rows)
    lines = [_section("model", plan.model), "", _section("training", plan.training)]
    doubt = weights_doubt(labels)
    if doubt:
        weights = "  class_weights: balanced"
        lines[-1] = lines[-1].replace(weights, _commented(weights, f"decide: {doubt}"))
    return "\n".join(lines)


def _section(name: str, values: Mapping[str, Any]) -> str:
    return "\n".join([f"{name}:", *(f"  {key}: {_flow(value)}" for key, value in values.items())])


def _evaluation(without: Mapping[str, NoModelBaseline], decisions: Sequence[Decision], rows: int) -> str:
    sliceable = [
        decision.column.name
        for decision in decisions
        if decision.use == "feature"
        and decision.kind in ("category", "boolean")
        and 2 <= decision.column.distinct <= _SLICED
    ]
    slices = [[name] for name in sliceable[:2]]
    metrics = dict.fromkeys(metric for one in without.values() for metric in one.metrics if metric != EXAMPLE_COUNT)
    lines = ["evaluation:", f"  metrics: [{', '.join([*metrics, EXAMPLE_COUNT])}]"]
    lines += [f"  slices: {_flow(slices)}", f"  min_slice_size: {max(min(100, rows // 30), 10)}"]
    lines += [f"  # {name + ', without' if name else 'Without'} a model: {one.words}." for name, one in without.items()]
    lines.append("  thresholds:                           # decide: the least that is worth shipping")
    for name, one in without.items():
        for threshold in one.thresholds:
            line = f"    - {_flow({**threshold, 'output': name} if name else threshold)}"
            if "worse_by_at_most" in threshold:
                line = _commented(line, "than the latest blessed model: by what chance does on so many rows")
            elif one.doubt:
                line = _commented(line, f"decide: {one.doubt}")
            lines.append(line)
    return "\n".join(lines)


def _commented(line: str, comment: str) -> str:
    return f"{line:<39} # {_one_line(comment)}"


def _one_line(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _flow(value: Any) -> str:
    """A value in YAML's flow style, on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(below)}" for key, below in value.items()) + "}"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """A scalar as YAML writes it; a text without quotes only where nothing in it could mean something else."""
    if not isinstance(value, str):
        return yaml.safe_dump(value, default_flow_style=True).removesuffix("\n").removesuffix("\n...")
    if _PLAIN.fullmatch(value) and not value.endswith(" ") and yaml.safe_load(value) == value:
        return value
    return _quoted(value)


def _quoted(value: str) -> str:
    return yaml.safe_dump(value, default_style='"', allow_unicode=True, width=float("inf")).strip()
