"""What `millrace explain` answers: rows with their explanations, what would be if, and the rows that are alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from millrace.config.config import Config
from millrace.explanation.explainer import Explainer, Explanation, Row
from millrace.explanation.importances import Importance, importances
from millrace.explanation.training_rows import training_rows
from millrace.explanation.what_if import Moved, changes_of, moved
from millrace.metadata.run_summaries import Runs
from millrace.prediction.chosen_model import ChosenModel
from millrace.textproto import schema_text

# Training rows among which the nearest are looked for.
_KNOWN = 10_000


@dataclass(frozen=True)
class Asked:
    """What is to be explained.

    Args:
        rows: by number.
        what_if: `COLUMN=VALUE` each.
        nearest: how many training rows that are alike.
    """

    rows: Mapping[int, Row]
    what_if: Sequence[str] = ()
    nearest: int = 0


@dataclass(frozen=True)
class ExplainedRow:
    """One row.

    Args:
        number: by which it was asked for.
        explanations: for each output.
        changes: the other values of what would be if.
        what_if: how each prediction moves with them.
        nearest: training rows that are alike.
    """

    number: int
    explanations: tuple[Explanation, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)
    what_if: tuple[Moved, ...] = ()
    nearest: tuple[Any, ...] = ()


@dataclass(frozen=True)
class ExplainedRows:
    """The answer.

    Args:
        model: what was asked.
        rows: in the order in which they were asked for.
    """

    model: str
    rows: tuple[ExplainedRow, ...]


@dataclass(frozen=True)
class GlobalImportances:
    """What matters over many rows.

    Args:
        model: what was asked.
        rows: how many rows.
        outputs: the columns' importances by output, the largest first.
    """

    model: str
    rows: int
    outputs: Mapping[str, tuple[Importance, ...]]


def why(config: Config, chosen: ChosenModel, asked: Asked) -> ExplainedRows:
    """Explains rows.

    Args:
        config: the pipeline's configuration.
        chosen: the model.
        asked: what is to be explained.

    Raises:
        BadInput: a row, a column or a value is none that the model reads or the schema allows, or there are no training
            rows to look among.
        InputRefused: the model cannot explain.
    """
    schema = schema_text.read(config.schema_.file).proto if config.schema_.file else None
    changes = changes_of(asked.what_if, chosen.about, schema)
    explainer = Explainer(chosen.folder, chosen.about, chosen.name)
    rows = list(asked.rows.values())
    explanations = explainer.explain(rows)
    near: list[tuple[Any, ...]] = [()] * len(rows)
    if asked.nearest:
        # scikit-learn takes a second to import.
        from millrace.explanation.neighbours import nearest_rows

        labels = [output.column for output in config.label.by_output().values()]
        known = training_rows(Runs(config), chosen.run, chosen.about.columns, labels, _KNOWN)
        near = nearest_rows(explainer, rows, known, asked.nearest)
    return ExplainedRows(
        chosen.name,
        tuple(
            ExplainedRow(number, of_row, changes, moved(explainer, row, of_row, changes) if changes else (), near_row)
            for number, row, of_row, near_row in zip(asked.rows, rows, explanations, near, strict=True)
        ),
    )


def importances_of(chosen: ChosenModel, rows: Sequence[Row]) -> GlobalImportances:
    """What matters to a model.

    Args:
        chosen: the model.
        rows: to look at.

    Raises:
        DataError: a row is none that the model reads.
        InputRefused: the model cannot explain.
    """
    explainer = Explainer(chosen.folder, chosen.about, chosen.name)
    names = [column.name for column in chosen.about.columns]
    found = {one.output: importances(one, names) for one in explainer.attributions(rows)}
    return GlobalImportances(chosen.name, len(rows), found)
