"""What was measured: a Comparison per table, kept as JSON, printed and quoted in pages as a Markdown table."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
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
        seconds: of a training, by learner.
        tfx: the release that Millrace ran on.
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
    seconds: dict[str, float]
    tfx: str

    @property
    def level(self) -> bool:
        """Whether Millrace is no worse, within one standard error."""
        return self.ahead >= -self.error


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


def markdown(comparisons: Sequence[Comparison]) -> str:
    """The table, with a sentence on how it was measured below."""
    lines = ["| table | rows | metric | " + " | ".join(LEARNERS) + " | ahead | seconds |", "|---|--:|---|" + "--:|" * 5]
    for of in comparisons:
        scores = [rounded(of.scores[name], 4) for name in LEARNERS]
        scores[0] += f" ± {rounded(of.spread, 1)}"
        ahead = f"{of.ahead:+.2g} ± {of.error:.1g}" + ("" if of.level else " \\*")
        seconds = " / ".join(f"{of.seconds[name]:.1f}" for name in LEARNERS)
        lines.append(f"| {of.table} | {of.rows:,} | {of.metric} | {' | '.join(scores)} | {ahead} | {seconds} |")
    level = sum(of.level for of in comparisons)
    seeds, releases = (sorted({getattr(of, name) for of in comparisons}) for name in ("seeds", "tfx"))
    lines += [
        "",
        f"No worse than the better of the two, within one standard error: {level} of {len(comparisons)}. "
        f"{' or '.join(map(str, seeds))} seeds, TFX {' and '.join(releases)}; a star: behind by more than that.",
    ]
    return "\n".join(lines)


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
