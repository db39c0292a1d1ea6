"""`millrace explain`: why a model predicts what it predicts for a row, and what matters to it over many."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from millrace.base import printing
from millrace.base.errors import BadInput
from millrace.base.numbers import counted, rounded, share
from millrace.base.printing import TableColumn
from millrace.base.quiet import load_tensorflow, output_to
from millrace.cli import completing
from millrace.cli.options import config_options
from millrace.cli.output import echo_json
from millrace.config.config import Config
from millrace.config.loading import load

_BAR = 12
_SHORTEST_BAR = 3
_ROWS = 500


@click.command()
@click.argument("table", default="", metavar="[TABLE]")
@click.option(
    "--row",
    "numbers",
    type=click.IntRange(1),
    multiple=True,
    metavar="N",
    help="Which row of TABLE, from 1. Repeatable.",
)
@click.option(
    "--request",
    "request_file",
    default="",
    metavar="FILE",
    help="A request's JSON in place of a table; - for standard input.",
)
@click.option(
    "--importances",
    is_flag=True,
    help=f"What matters over the first {_ROWS} rows: the mean size of each column's part.",
)
@click.option(
    "--what-if",
    "what_if",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Predict with another value, too; nothing for missing. Repeatable.",
)
@click.option(
    "--nearest",
    type=click.IntRange(0, 100),
    default=0,
    metavar="K",
    help="Show the training rows that the model takes for most alike.",
)
@click.option("--top", type=click.IntRange(1), default=12, show_default=True, help="How many columns to show.")
@click.option(
    "--model",
    default="",
    metavar="VERSION|ALIAS|PATH",
    help="Which model; by default the one that is served.",
    shell_complete=completing.versions,
)
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every column.")
def explain(
    config_file: str,
    overrides: tuple[str, ...],
    table: str,
    numbers: tuple[int, ...],
    request_file: str,
    importances: bool,
    what_if: tuple[str, ...],
    nearest: int,
    top: int,
    model: str,
    as_json: bool,
) -> None:
    """Say which columns make a prediction what it is, by how much, and how sure that is.

    TABLE: as of millrace predict. Without a table or a request it is the row that lies beside the model.

    The parts of the columns are Shapley values, sampled: they add up to the prediction less that of the baseline, the
    typical row of the training data.
    """
    if table and request_file:
        raise click.UsageError("name a table or a request, not both")
    if importances and (what_if or nearest or numbers):
        raise click.UsageError("--importances is of many rows; ask about one without it")
    if numbers and not (table or request_file):
        raise click.UsageError("--row is of a table or a request; name one")
    config = load(config_file, overrides)
    load_tensorflow()
    with output_to(Path(os.devnull)):
        found = _answer(config, table, numbers, request_file, importances, what_if, nearest, model)
    if as_json:
        echo_json(found)
    elif importances:
        _show_importances(found, top, Console(highlight=False))
    else:
        for one in found.rows:
            show(one, found.model, top, Console(highlight=False), _labels(config))


def _labels(config: Config) -> dict[str, str]:
    """The column that an output predicts, by the output's name; the empty one is the only one's."""
    return {name: output.column for name, output in config.label.by_output().items()}


def _answer(
    config: Config,
    table: str,
    numbers: Sequence[int],
    request_file: str,
    importances: bool,
    what_if: Sequence[str],
    nearest: int,
    model: str,
) -> Any:
    """The explanations of rows, or what matters over many."""
    from millrace.explanation import rows as rows_to_explain
    from millrace.explanation.answer import Asked, importances_of, why
    from millrace.prediction.chosen_model import choose

    chosen = choose(config, model)
    if request_file:
        rows = rows_to_explain.of_request(request_file)
    elif table:
        most = _ROWS if importances else max(numbers, default=1)
        rows = rows_to_explain.of_table(table, config.data, chosen.about, most)
    else:
        rows = rows_to_explain.beside_model(config, chosen, _ROWS if importances else 1)
    if importances:
        return importances_of(chosen, rows)
    picked = numbers or (range(1, len(rows) + 1) if request_file else [1])
    if not rows or max(picked) > len(rows):
        raise BadInput(
            f"there are {counted(len(rows), 'row')}", table or request_file, "name one that is there by --row"
        )
    return why(config, chosen, Asked({number: rows[number - 1] for number in picked}, what_if, nearest))


def show(row: Any, model: str, top: int, console: Console, labels: Mapping[str, str]) -> None:
    """Prints a row's explanations, what would be if, and its neighbours.

    Args:
        row: the explained row.
        model: what was asked.
        top: how many columns are shown.
        console: where a person looks.
        labels: the column that an output predicts, by the output's name.
    """
    for one in row.explanations:
        printing.say(
            f"row {row.number}: {_of(one)} is {rounded(one.prediction, 4)}, and {rounded(one.baseline, 4)} for the "
            f"baseline ({model})\n",
            console,
        )
        parts = sorted(one.parts, key=lambda part: -abs(part.attribution))
        largest = max((abs(part.attribution) for part in parts), default=0.0)
        heads = [
            TableColumn("column"),
            TableColumn("value", folds=True, breaks=True),
            TableColumn("baseline's", folds=True, breaks=True),
        ]
        heads += [TableColumn("part", right=True), TableColumn(_plus_minus(console), right=True), TableColumn("")]
        cells = [
            (
                part.column,
                _text(part.value),
                _text(part.baseline),
                _signed(part.attribution),
                _error(part.error),
            )
            for part in parts[:top]
        ]
        _show_with_bars(heads, cells, [part.attribution for part in parts[:top]], largest, bar, console)
        rest = parts[top:]
        more = (
            f"{counted(len(rest), 'column')} more: {_signed(sum(part.attribution for part in rest))}; " if rest else ""
        )
        total = _signed(sum(part.attribution for part in parts))
        exact = (
            "exact"
            if one.error == 0
            else f"the error of a part is at most {rounded(one.error, 2)} (one standard error)"
        )
        printing.say(f"{more}all {len(parts)}: {total}; {exact}", console)
    _show_moved(row, console, labels)
    _show_neighbours(row, console)
    console.print()


def _show_with_bars(
    heads: Sequence[TableColumn],
    cells: Sequence[tuple[str, ...]],
    values: Sequence[float],
    largest: float,
    draw: Callable[[float, float, int], str],
    console: Console,
) -> None:
    """Prints a table with a bar in each row, as long as there is room for, and none where there is next to none."""
    lengths = range(_BAR, _SHORTEST_BAR - 1, -1)
    drawn = ([draw(value, largest, length) for value in values] for length in lengths)
    with_bars = ([(*row, one) for row, one in zip(cells, bars, strict=True)] for bars in drawn)
    fitting = (rows for rows in with_bars if not console.is_terminal or printing.fits(heads, rows, console.width))
    rows = next(fitting, [(*row, "") for row in cells])
    if not _draws(console):
        rows = [(*row, one.replace("█", "#")) for *row, one in rows]
    printing.show(heads, rows, console)


def _draws(console: Console) -> bool:
    return console.encoding.startswith("utf")


def _plus_minus(console: Console) -> str:
    return "±" if _draws(console) else "+-"


def _show_moved(row: Any, console: Console, labels: Mapping[str, str]) -> None:
    if not row.what_if:
        return
    changes = ", ".join(f"{name} {_text(row.changes[name])}" for name in row.changes)
    for one in row.what_if:
        predicted = labels.get(one.output or "", "the prediction")
        then = f"; {predicted} would be {one.label_after}" if one.label_after else ""
        printing.say(
            f"\nwith {changes}, {_of(one)} goes from {rounded(one.before, 4)} to {rounded(one.after, 4)} "
            f"({_signed(one.after - one.before)}){then}",
            console,
        )


def _of(one: Any) -> str:
    """What is explained, in words."""
    what = f"the probability of {one.explained_class}" if one.explained_class else "the prediction"
    return f"{what} ({one.output})" if one.output else what


def _show_neighbours(row: Any, console: Console) -> None:
    if not row.nearest:
        return
    printing.say("\ntraining rows that the model takes for most alike", console)
    heads = [TableColumn("row", right=True), TableColumn("distance", right=True)]
    heads += [TableColumn(name) for name in row.nearest[0].labels] + [
        TableColumn("differs in", folds=True, breaks=True)
    ]
    printing.show(
        heads,
        [
            (
                f"{one.number:,}",
                rounded(one.distance, 3),
                *map(_text, one.labels.values()),
                ", ".join(f"{name} {_text(value)}" for name, value in one.differs.items()),
            )
            for one in row.nearest
        ],
        console,
    )


def _show_importances(found: Any, top: int, console: Console) -> None:
    for output, each in found.outputs.items():
        of = f" for {output}" if output else ""
        printing.say(f"what matters to {found.model}{of}, over {counted(found.rows, 'row')}\n", console)
        largest = max((one.importance for one in each), default=0.0)
        heads = [TableColumn("column"), TableColumn("mean part", right=True)]
        heads += [TableColumn(_plus_minus(console), right=True)]
        heads += [TableColumn("share", right=True), TableColumn("")]
        cells = [
            (
                one.column,
                rounded(one.importance, 3),
                _error(one.error),
                share(one.importance, one.importance / one.share) if one.share else "0 %",
            )
            for one in each[:top]
        ]
        _show_with_bars(heads, cells, [one.importance for one in each[:top]], largest, _bar_to_the_right, console)
        if len(each) > top:
            rest = sum(one.share for one in each[top:])
            printing.say(f"{counted(len(each) - top, 'column')} more, with {share(rest, 1)} of it", console)


def bar(value: float, largest: float, longest: int = _BAR) -> str:
    """A number as a bar to the left or the right of a line.

    Args:
        value: the number.
        largest: that whose bar is longest.
        longest: how long that is.
    """
    length = _length(abs(value), largest, longest)
    left, right = ("█" * length, "") if value < 0 else ("", "█" * length)
    return f"{left:>{longest}}|{right}"


def _bar_to_the_right(value: float, largest: float, longest: int) -> str:
    return "█" * _length(value, largest, 2 * longest)


def _length(value: float, largest: float, longest: int) -> int:
    return round(value / largest * longest) if largest else 0


def _signed(value: float) -> str:
    text = rounded(value, 3)
    return text if text.startswith("-") or not float(value) else f"+{text}"


def _error(value: float) -> str:
    return "" if value == 0 else rounded(value, 2)


def _text(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, float):
        return rounded(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_text, value))
    return str(value)
