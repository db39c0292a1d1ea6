"""Tables that provoke the rules of init, written by tests."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np

from millrace.init.decisions import Decision
from millrace.init.plan import NewPipeline, make_plan

ROWS = 400


def write_csv(path: Path, columns: Mapping[str, Iterable[Any]], delimiter: str = ",") -> Path:
    """Writes columns as a CSV file."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def label(rows: int = ROWS) -> list[str]:
    """Two classes, without a pattern that a column could repeat by chance."""
    return list(np.random.default_rng(1).choice(["no", "yes"], rows, p=[0.6, 0.4]))


def plan_of(
    folder: Path, columns: Mapping[str, Iterable[Any]], name: Union[str, Sequence[str]] = "y", **options: Any
) -> NewPipeline:
    """The plan for a table with these columns; a label `y` of two classes is added where there is none."""
    columns = dict(columns)
    if "y" in ([name] if isinstance(name, str) else name) and "y" not in columns:
        columns["y"] = label(len(list(next(iter(columns.values())))))
    path = write_csv(folder / "table.csv", columns)
    return make_plan([str(path)], name, "", folder / "project", **options)


def decision_of(folder: Path, values: Sequence[Any], name: str = "c") -> Decision:
    """What is decided about one column beside a plain number and the label."""
    plan = plan_of(folder, {name: values, "plain": np.random.default_rng(2).normal(size=len(values)).round(3)})
    return next(decision for decision in plan.decisions if decision.column.name == name)
