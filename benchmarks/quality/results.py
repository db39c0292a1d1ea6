"""What was measured: a Comparison per table, kept as JSON, printed and quoted in pages as a Markdown table."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from millrace.base import files
from millrace.base.errors import InputRefused
from millrace.base.numbers import rounded

BEGIN, END = "<!-- make quality-quote: begin -->", "<!-- make quality-quote: end -->"
"""The lines between which a page quotes the table."""

LEARNERS = ("millrace", "linear", "boosting")


@dataclass(frozen=True)
class Comparison:
    """One table.

    Attributes:
        table: its name.
        rows: of all splits.
        metric: what is compared.
        seeds: trainings of each learner that has a seed.
        scores: of each learner, the mean over the seeds.
        spread: of Millrace's scores over the seeds, a standard deviation.
        best: the better of scikit-learn's two.
        ahead: how much better Millrace is than it; below 0 where it is worse.
        error: the standard error of that.
        cpu_seconds: of processor, the mean of a training, by learner.
        tfx: the release that Millrace ran on.
        changes: of Millrace's defaults, by section; none in what is quoted.
    """

    table: str
    rows: int
    metric: str
    seeds: int
    scores: dict[str, float]
    spread: float
    best: str
    ahead: float
    error: float
    cpu_seconds: dict[str, float]
    tfx: str
    changes: dict[str, dict[str, object]] = field(default_factory=dict)

    @property
    def level(self) -> bool:
        """Whether Millrace is no worse, within one standard error."""
        return self.ahead >= -self.error

    @property
    def behind(self) -> float:
        """How much worse Millrace is than the better of the two, as a share of that one's score; 0 where it is not."""
        return max(0.0, -self.ahead) / abs(self.scores[self.best])


def write(comparisons: Iterable[Comparison], file: Path) -> None:
    """Writes comparisons as JSON, whole or not at all."""
    files.write(file, json.dumps([asdict(each) for each in comparisons], indent=1) + "\n")


def read(results: Iterable[Path], order: Sequence[str]) -> list[Comparison]:
    """Reads what `write` wrote, of any number of processes.

    Args:
        results: the files; of a table that is in several, the last counts.
        order: the tables' names, in the order of the report.

    Returns:
        The comparisons in that order.
    """
    by_table = {each["table"]: Comparison(**each) for file in results for each in json.loads(file.read_bytes())}
    return [by_table[name] for name in order if name in by_table]


def markdown(comparisons: Sequence[Comparison], order: Sequence[str]) -> str:
    """The table, with its sum in a few sentences below.

    Args:
        comparisons: of at least one table.
        order: the names of all tables that there are.
    """
    lines = [
        "| table | rows | metric | " + " | ".join(LEARNERS) + " | ahead | processor seconds |",
        "|---|--:|---|" + "--:|" * 5,
    ]
    for of in comparisons:
        scores = [rounded(of.scores[name], 4) for name in LEARNERS]
        scores[0] += f" ± {rounded(of.spread, 1)}"
        ahead = f"{of.ahead:+.2g} ± {of.error:.1g}" + ("" if of.level else " \\*")
        seconds = " / ".join(f"{of.cpu_seconds[name]:.1f}" for name in LEARNERS)
        lines.append(f"| {of.table} | {of.rows:,} | {of.metric} | {' | '.join(scores)} | {ahead} | {seconds} |")
    return "\n".join([*lines, "", _sum(comparisons, order)])


def _sum(comparisons: Sequence[Comparison], order: Sequence[str]) -> str:
    level = sum(of.level for of in comparisons)
    releases = sorted({of.tfx for of in comparisons})
    most = max(of.seeds for of in comparisons)
    fewer = [f"{of.table} {of.seeds}" for of in comparisons if of.seeds < most]
    seeds = f"{most} seeds" + (f" (but {', '.join(fewer)})" if fewer else "")
    said = [f"Level with the better of the two within one standard error, or better: {level} of {len(comparisons)}"]
    worst = max(comparisons, key=lambda of: of.behind)
    if worst.behind:
        said.append(f"furthest behind by {worst.behind:.1%} of its {worst.metric}, {worst.table}")
    said.append("a star: behind by more than the error")
    measured = {of.table for of in comparisons}
    absent = [name for name in order if name not in measured]
    if absent:
        said.append(f"not measured: {', '.join(absent)}")
    changes = {
        f"{key}.{name}={value}" for of in comparisons for key, to in of.changes.items() for name, value in to.items()
    }
    if changes:
        said.append(f"with other defaults: {', '.join(sorted(changes))}")
    return f"{'; '.join(said)}. {seeds}, TFX {' and '.join(releases)}."


def quote(table: str, page: Path) -> None:
    """Writes the table into a page, in place of what stands between the two marks.

    Args:
        table: as `markdown` gives it.
        page: a Markdown file.

    Raises:
        InputRefused: the page lacks the marks.
    """
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise InputRefused(f"no {BEGIN} with {END} behind it", where=str(page), remedy="write both lines into the page")
    files.write(page, f"{before}{BEGIN}\n{table}\n{END}{after}")
