"""How the schema commands show what they found: tables for people, plain values for `--json`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

import click
from rich.console import Console
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base import printing
from millrace.base.numbers import counted, rounded, share
from millrace.base.printing import TableColumn
from millrace.base.visible import json_text
from millrace.cli.output import echo, say
from millrace.schema import phrases
from millrace.schema.impact import Impact
from millrace.schema.lint import Issue
from millrace.schema.proposals import Proposal
from millrace.statistics.columns import ColumnStatistics

_MOST_VALUES = 4
# As many of a kind are told as one.
_ALIKE = 4
_OF_A_KIND = ("type", "presence", "values", "domain", "domain_mass", "environments", "comparators", "stage")


def print_json(values: Any) -> None:
    """Prints plain values as JSON."""
    click.echo(json_text(values))


def print_rows(heads: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Prints a table without lines.

    Args:
        heads: titles of the columns; the first column holds names, which are never folded.
        rows: a cell for each of them.
        right: which columns are aligned to the right.
    """
    columns = [TableColumn(head, head in right, folds=at > 0 and head not in right) for at, head in enumerate(heads)]
    printing.show(columns, rows)


def feature_rows(
    schema: schema_pb2.Schema, splits: Mapping[str, Mapping[str, ColumnStatistics]]
) -> list[dict[str, Any]]:
    """What the schema says about each feature, beside what each split's statistics saw.

    Args:
        schema: the contract.
        splits: statistics by split, then by the feature's path.

    Returns:
        Plain values for each feature, in the schema's order.
    """
    named = {domain.name: domain for domain in schema.string_domain}
    rows = []
    for path, feature in phrases.features(schema):
        comparators = {"drift": phrases.drift(feature), "skew": phrases.skew(feature)}
        rows.append(
            {
                "feature": path,
                "type": phrases.type_name(feature),
                "presence": phrases.presence(feature),
                "values": phrases.counts(feature),
                "domain": phrases.domain(feature, named),
                "domain_mass": phrases.domain_mass(feature),
                "environments": phrases.environments(feature),
                "comparators": {kind: words for kind, words in comparators.items() if words},
                "stage": phrases.stage(feature),
                "seen": {split: _seen(columns[path]) for split, columns in splits.items() if path in columns},
            }
        )
    return rows


def _seen(seen: ColumnStatistics) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": seen.type, "rows": seen.rows, "filled": seen.filled}
    if seen.range:
        shown |= {"min": seen.range[0], "max": seen.range[1]}
    if seen.counts:
        shown |= {"distinct": seen.distinct, "values": dict(list(seen.counts.items())[:20])}
    return shown


def print_features(
    rows: Sequence[Mapping[str, Any]], split: Optional[str], grouped: bool = True, console: Optional[Console] = None
) -> int:
    """Prints the schema's features: a pipe has each, and a terminal those that say the same as one.

    Args:
        rows: what `feature_rows` gave.
        split: whose statistics stand beside them; None for no statistics.
        grouped: whether a terminal shows what is alike as one.
        console: where to; standard output by default.

    Returns:
        How many features stand in no row of their own.
    """
    console = console or Console(highlight=False)
    heads = ["feature", "type", "expected", "domain", "limits of drift and skew"]
    heads += [f"seen in {split}"] if split else []
    groups = _alike(rows) if grouped and console.is_terminal else [[row] for row in rows]
    cells = [_cells_of_all(group, split) if len(group) > 1 else _cells(group[0], split) for group in groups]
    if console.is_terminal:
        # A shape is one word, which is not folded.
        cells = [[cell.replace("shape [", "shape[") for cell in row] for row in cells]
    printing.show([TableColumn(head, folds=at > 0) for at, head in enumerate(heads)], cells, console)
    return len(rows) - sum(len(group) == 1 for group in groups)


def _alike(rows: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """The features of which the schema says the same together, where there are several; each where its first stands."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(repr([row[key] for key in _OF_A_KIND]), []).append(row)
    return [
        part for group in groups.values() for part in ([group] if len(group) >= _ALIKE else [[row] for row in group])
    ]


def _cells_of_all(group: Sequence[Mapping[str, Any]], split: Optional[str]) -> list[str]:
    """The cells of features that are told as one: their names' first and last, and what was seen in all of them."""
    cells = _cells(group[0], split)
    cells[0] = f"{group[0]['feature']}\n... {group[-1]['feature']}\n{len(group):,} features"
    if split:
        seen = [row["seen"][split] for row in group if split in row["seen"]]
        least = min(seen, key=lambda one: one["filled"] / max(one["rows"], 1), default=None)
        words = []
        if least:
            every = least["filled"] == least["rows"]
            words.append("every row" if every else f"{share(least['filled'], least['rows'])} of rows or more")
        ranges = [(one["min"], one["max"]) for one in seen if "min" in one]
        if ranges:
            words.append(f"{rounded(min(low for low, _ in ranges))} to {rounded(max(high for _, high in ranges))}")
        if len(seen) < len(group):
            words.append(f"{len(group) - len(seen):,} not in the data")
        cells[-1] = ", ".join(words)
    return cells


def _cells(row: Mapping[str, Any], split: Optional[str]) -> list[str]:
    expected = [row["presence"], row["values"], row["environments"], row["stage"]]
    domain = [row["domain"], row["domain_mass"]]
    limits = [f"{kind} {words}" for kind, words in row["comparators"].items()]
    cells = [row["feature"], row["type"], *(", ".join(part for part in words if part) for words in (expected, domain))]
    cells.append("; ".join(limits).replace("jensen_shannon_divergence", "JS").replace("infinity_norm", "L-inf"))
    return [*cells, _seen_words(row["seen"].get(split), row["type"])] if split else cells


def _seen_words(shown: Optional[Mapping[str, Any]], expected: str) -> str:
    if shown is None:
        return "not in the data"
    words = [] if shown["type"] == expected or not shown["filled"] else [shown["type"]]
    words.append(
        "every row" if shown["filled"] == shown["rows"] else f"{share(shown['filled'], shown['rows'])} of rows"
    )
    if "min" in shown:
        words.append(f"{rounded(shown['min'])} to {rounded(shown['max'])}")
    if "values" in shown:
        most = list(shown["values"])[:_MOST_VALUES]
        words.append(f"{shown['distinct']} values: {', '.join(most)}{', ...' if shown['distinct'] > len(most) else ''}")
    return ", ".join(words)


def print_findings(issues: Sequence[Issue], name: str) -> None:
    """Prints what `check` found, errors first.

    Args:
        issues: in the order of their lines.
        name: of the file.
    """
    print_rows(
        ("line", "severity", "rule", "about", "what"),
        (
            (str(issue.line), issue.severity, issue.rule, issue.subject, issue.what)
            for issue in sorted(issues, key=lambda issue: issue.severity != "error")
        ),
        right=("line",),
    )
    errors = sum(issue.severity == "error" for issue in issues)
    say(f"{name}: {counted(errors, 'error')}, {counted(len(issues) - errors, 'warning')}")


def proposal_values(proposal: Proposal) -> dict[str, Any]:
    """A proposal as plain values."""
    return {
        "number": proposal.number,
        "feature": proposal.anomaly.feature,
        "reason": proposal.anomaly.reason,
        "rows": proposal.anomaly.rows,
        "rows_exact": proposal.anomaly.exact,
        "splits": list(proposal.anomaly.splits),
        "described": proposal.anomaly.words,
        "words": list(proposal.words),
        "gives_up": list(proposal.gives_up),
        "patch": proposal.patch,
        "note": proposal.note,
        "preferred": proposal.preferred,
        "done": proposal.done,
    }


def print_proposals(proposals: Sequence[Proposal]) -> None:
    """Prints each proposal: the anomaly, the edit in words, the patch."""
    for proposal in proposals:
        anomaly = proposal.anomaly
        if proposal.preferred:
            bound = "" if anomaly.exact else "at most "
            rows = f", {bound}{anomaly.rows:,} rows" if anomaly.rows is not None else ""
            subject = anomaly.feature or "the data"
            say(f"{subject}: {anomaly.reason} in {', '.join(anomaly.splits)}{rows}", style="bold")
            if anomaly.words:
                say(anomaly.words, indent=7)
        done = "the file says so already" if proposal.done else proposal.note
        way = "" if proposal.preferred else "or: "
        number, edit = f"  {proposal.number:>3}  ", f"{way}{'; '.join(proposal.words) or done}"
        printing.show((TableColumn(""), TableColumn("", folds=True)), [(number.rstrip(), edit)])
        if proposal.note and proposal.words:
            say(f"({proposal.note})", indent=7)
        for protection in proposal.gives_up:
            say(f"gives up: {protection}", indent=7)
        print_patch(proposal.patch, indent="       ")
        echo()


def print_patch(patch: str, indent: str = "") -> None:
    """Prints a unified diff, in colour on a terminal.

    Args:
        patch: its text.
        indent: stands before each line; the file's names are left out where there is one.
    """
    colours = {"+": "green", "-": "red", "@": "cyan"}
    # At the line's end alone: other characters at which Python splits lines belong to what the file holds.
    for line in patch.removesuffix("\n").split("\n") if patch else ():
        line = line.removesuffix("\r")
        if indent and line.startswith(("---", "+++")):
            continue
        echo(f"{indent}{line}", fg=colours.get(line[:1]))


def impact_values(impact: Impact) -> dict[str, Any]:
    """A run's impact as plain values."""
    blocks = {"before": impact.before, "after": impact.after}
    blockers = {key: [{"feature": b.feature, "reason": b.reason} for b in value] for key, value in blocks.items()}
    return {"run": impact.run_id, "verdict": impact.verdict, **blockers}


def print_impacts(impacts: Sequence[Impact]) -> None:
    """Prints what would have become of past runs."""
    causes = ((impact.run_id, impact.verdict, ", ".join(map(str, impact.causes))) for impact in impacts)
    print_rows(("run", "with this file", "because of"), causes)
    changed = {verdict: sum(one.verdict == verdict for one in impacts) for verdict in ("now blocked", "now passes")}
    echo(f"of {len(impacts)} runs: " + ", ".join(f"{count} {verdict}" for verdict, count in changed.items()))
