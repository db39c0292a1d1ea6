"""How often what was blessed alarms on honest data, and how often it sees a fault: as data, and as a model.

    python -m benchmarks.false_alarms [--halves 200] [--table FILE.csv:LABEL ...]

Each table is cut into two random halves, many times. The first half is taken as blessed, the second as the next data,
both split 2:1. What is found in the second half as it is, is a false alarm. Then the second half is broken on purpose.
Where there are classes, logistic regression on the first half stands for the blessed model, which may fall.
The tables come with TFX (taxi trips) and with scikit-learn; more may be named.
"""

import argparse
import importlib.util
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from tensorflow_data_validation.statistics.stats_options import StatsOptions
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.components.data_gate.findings import CheckedSplit, Finding, read_split
from millrace.components.data_gate.gate import judge
from millrace.components.data_gate.rules import Use
from millrace.components.data_gate.section import DataGateSection
from millrace.components.evaluator import baseline_fall
from millrace.components.evaluator.gate_report import GateReport
from millrace.components.statistics_gen import in_process
from millrace.features.label import Output
from millrace.statistics.columns import of_all_rows


@dataclass(frozen=True)
class Table:
    """A table with what is predicted from it."""

    name: str
    rows: pd.DataFrame
    use: Use

    @property
    def label(self) -> Output:
        """What is predicted, of one column here."""
        [label] = self.use.labels
        return label


Fault = Callable[[Table, pd.DataFrame, np.random.Generator], pd.DataFrame]


def tables(named: Sequence[str]) -> Iterator[Table]:
    """The tables that come with installed packages, and those that were named as FILE:LABEL."""
    from sklearn import datasets  # type: ignore[import-untyped]

    found = importlib.util.find_spec("tfx")
    folder = Path(found.origin).parent if found and found.origin else Path()
    taxi = pd.read_csv(folder / "examples/chicago_taxi_pipeline/data/big_tipper_label/data.csv")
    yield table("taxi", taxi.drop(columns=["tips", "trip_start_timestamp"]), "big_tipper")
    for name in ("iris", "wine", "breast_cancer", "digits", "diabetes"):
        yield table(name, getattr(datasets, f"load_{name}")(as_frame=True).frame, "target")
    for one in named:
        file, _, label = one.rpartition(":")
        yield table(Path(file).stem, pd.read_csv(file), label)


def table(name: str, rows: pd.DataFrame, label: str) -> Table:
    """A table, with every other column as a feature; a label of few values is of classes.

    Args:
        name: for the report.
        rows: all of it; rows without a label are left out.
        label: the column that is predicted.
    """
    rows = rows.dropna(subset=[label]).reset_index(drop=True)
    classes = sorted(rows[label].unique().tolist())
    task = "regression" if len(classes) > 20 else "binary" if len(classes) == 2 else "multiclass"
    features = tuple(column for column in rows.columns if column != label)
    learned = Output(column=label, task=task, classes=() if task == "regression" else tuple(classes))
    return Table(name, rows, Use((learned,), features))


def splits(rows: pd.DataFrame, rng: np.random.Generator) -> list[CheckedSplit]:
    """Rows as two splits, with TFDV's statistics as StatisticsGen computes them from a CSV file."""
    drawn = rng.random(len(rows)) < 2 / 3
    parts = {"train": rows[drawn], "eval": rows[~drawn]}
    return [read_split(name, of_all_rows(statistics(part))) for name, part in parts.items()]


def statistics(rows: pd.DataFrame):  # type: ignore[no-untyped-def] # a proto
    """TFDV's statistics of rows, each cell a list, an empty one where it is missing."""
    arrays = []
    for name in rows.columns:
        values = rows[name]
        kind = pa.large_binary() if values.dtype == object else pa.float32()
        present = values.dropna()
        whole = kind == pa.float32() and len(present) and (present == present.round()).all()
        flat = pa.array([str(value).encode() for value in present] if kind == pa.large_binary() else present.to_numpy())
        kind = pa.int64() if whole else kind
        offsets = np.concatenate([[0], values.notna().cumsum()])
        arrays.append(pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), flat.cast(kind)))
    batch = pa.RecordBatch.from_arrays(arrays, list(rows.columns))
    return in_process.generate(iter([batch]), StatsOptions())


def findings(one: Table, before: Sequence[CheckedSplit], after: Sequence[CheckedSplit]) -> list[Finding]:
    """What DataGate says of the second half because of the first alone."""
    schema = schema_pb2.Schema(feature=[schema_pb2.Feature(name=name) for name in one.rows.columns])
    section, today = DataGateSection(), date(2026, 1, 1)
    alone = judge(after, schema, one.use, section=section, today=today)
    verdict = judge(after, schema, one.use, section=section, today=today, blessed=before)
    return [finding for finding in verdict.findings if finding not in alone.findings and finding.action != "ignore"]


def falls(one: Table, before: pd.DataFrame, after: pd.DataFrame, rng: np.random.Generator) -> bool:
    """Whether the Evaluator says that a model of the first half fell on the second."""
    from sklearn.compose import make_column_selector, make_column_transformer  # type: ignore[import-untyped]
    from sklearn.impute import SimpleImputer  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
    from sklearn.metrics import accuracy_score, roc_auc_score  # type: ignore[import-untyped]
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
    from sklearn.preprocessing import OneHotEncoder, StandardScaler  # type: ignore[import-untyped]

    features = list(one.use.features)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", max_categories=30), make_column_selector(dtype_include=object)),
        remainder=make_pipeline(SimpleImputer(), StandardScaler()),
    )
    drawn = rng.random(len(before)) < 2 / 3
    learned, judged, new = before[drawn], before[~drawn], after[rng.random(len(after)) >= 2 / 3]
    model = make_pipeline(columns, LogisticRegression(max_iter=200)).fit(learned[features], learned[one.label.column])

    def scores(rows: pd.DataFrame) -> dict[str, float]:
        label, binary = rows[one.label.column], one.label.task == "binary"
        right = float(accuracy_score(label, model.predict(rows[features])))
        if not binary:
            return {"sparse_categorical_accuracy": right}
        return {
            "binary_accuracy": right,
            "auc": float(roc_auc_score(label, model.predict_proba(rows[features])[:, 1])),
        }

    blessed = GateReport(blessed=True, reason="", examples=len(judged), metrics=scores(judged))
    report = GateReport(blessed=True, reason="", examples=len(new), baseline_metrics=scores(new))
    return not baseline_fall.judged(report, blessed, blocks=True).blessed


# -- faults ------------------------------------------------------------------------------------------------------------
def exchanged_classes(one: Table, rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The label flipped; of several classes each takes the next one's place; a number is negated."""
    label = rows[one.label.column]
    if one.label.task == "regression":
        return rows.assign(**{one.label.column: -label})
    following = dict(zip(one.label.classes, [*one.label.classes[1:], one.label.classes[0]], strict=True))
    return rows.assign(**{one.label.column: label.map(following)})


def other_unit(one: Table, rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """One column of numbers, drawn by chance, times a hundred."""
    numbers = [name for name in one.use.features if rows[name].dtype != object and rows[name].nunique() > 10]
    name = str(rng.choice(numbers))
    return rows.assign(**{name: rows[name] * 100})


def few_rows(one: Table, rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Three rows of a hundred."""
    return rows.sample(max(len(rows) * 3 // 100, 8), random_state=int(rng.integers(2**31)))


def emptied(one: Table, rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """One column, drawn by chance, empty in nine rows of ten."""
    name = str(rng.choice([name for name in one.use.features if rows[name].notna().mean() > 0.5]))
    values = rows[name].astype(object if rows[name].dtype == object else float).copy()
    values[rng.random(len(rows)) < 0.9] = np.nan
    return rows.assign(**{name: values})


FAULTS: Mapping[str, Fault] = {
    "label exchanged": exchanged_classes,
    "one number x100": other_unit,
    "97 % fewer rows": few_rows,
    "90 % empty": emptied,
}


def main() -> None:
    """Prints a line for each table: false alarms, then how many of the broken halves were stopped or warned about."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--halves", type=int, default=200)
    parser.add_argument("--faults", type=int, default=20, help="random halves that are broken by each fault")
    parser.add_argument("--table", action="append", default=[], metavar="FILE.csv:LABEL")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="of the tables, these alone")
    arguments = parser.parse_args()
    total, blocked, warned = 0, 0, 0
    for one in tables(arguments.table):
        if arguments.only and one.name not in arguments.only:
            continue
        rng = np.random.default_rng(7)
        alarms: list[list[Finding]] = []
        for _ in range(arguments.halves):
            order = rng.permutation(len(one.rows))
            first, second = one.rows.iloc[order[::2]], one.rows.iloc[order[1::2]]
            alarms.append(findings(one, splits(first, rng), splits(second, rng)))
        stopped = sum(any(finding.action == "block" for finding in of_one) for of_one in alarms)
        told = sum(bool(of_one) for of_one in alarms) - stopped
        total, blocked, warned = total + arguments.halves, blocked + stopped, warned + told
        line = f"{one.name}: {len(one.rows):,} rows, {one.label.task}; honest: {stopped} stopped, {told} warned"
        print(f"{line} of {arguments.halves}", dict(Counter(f.reason for of_one in alarms for f in of_one)) or "")
        for name, fault in FAULTS.items():
            outcomes: Counter[str] = Counter()
            for _ in range(arguments.faults):
                order = rng.permutation(len(one.rows))
                first, second = one.rows.iloc[order[::2]], one.rows.iloc[order[1::2]]
                try:
                    broken = fault(one, second, rng)
                except ValueError:
                    continue  # no column that it could break
                actions = {finding.action for finding in findings(one, splits(first, rng), splits(broken, rng))}
                outcomes["stopped" if "block" in actions else "warned" if actions else "passed"] += 1
            print(f"    {name}: {dict(outcomes)}")
        if one.label.task == "regression":
            continue
        fell: Counter[str] = Counter()
        for _ in range(arguments.faults):
            order = rng.permutation(len(one.rows))
            first, second = one.rows.iloc[order[::2]], one.rows.iloc[order[1::2]]
            fell["honest"] += falls(one, first, second, rng)
            fell["label exchanged"] += falls(one, first, exchanged_classes(one, second, rng), rng)
        print(f"    the blessed model fell, of {arguments.faults} each: {dict(fell)}")
    print(f"honest halves: {total}; stopped {blocked} ({blocked / total:.2%}), warned {warned} ({warned / total:.2%})")


if __name__ == "__main__":
    main()
