"""How a verdict reads: a table for people, JSON for programs, and the next command."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Optional

from pydantic import TypeAdapter, ValidationError

from millrace.base import printing
from millrace.base.errors import DataError, Failure, GateRefused
from millrace.base.outcomes import REFUSED
from millrace.base.printing import TableColumn
from millrace.base.visible import visible
from millrace.components.data_gate.findings import CheckedSplit, Finding
from millrace.components.data_gate.gate import Verdict
from millrace.components.data_gate.policy import MOVED, OWN
from millrace.components.data_gate.references import References
from millrace.project import default_configuration

COLUMNS = (
    TableColumn("feature"),
    TableColumn("split"),
    TableColumn("reason"),
    TableColumn("expected", folds=True),
    TableColumn("seen", folds=True),
    TableColumn("rows", right=True),
)
_WIDTH = 140
SAYS = "DataGate: "
"""How each of its sentences begins."""
JSON_NAME, TEXT_NAME = "report.json", "report.txt"
_FINDINGS = TypeAdapter(list[Finding])
_WAIVER_DAYS = 30
_MOST_WAIVERS = 3
# What a terminal of 80 columns leaves of a line of a remedy.
_WAIVER_WIDTH = 76

# What fixes each of DataGate's own reasons.
_FIXES = {
    "DATA_EMPTY": "put rows into the files that data.path and data.pattern name",
    "SPLIT_MISSING": "name a train and an eval split under data",
    "SPLIT_EMPTY": "add rows, or give the empty split a larger part under data.splits",
    "SCHEMA_MATCHES_NOTHING": "point schema.file at this table's schema, or data.path at the schema's table",
    "LABEL_COLUMN_MISSING": "set label.column to a column of the data, or add the column",
    "LABEL_VALUES_MISSING": "fill in the label of these rows, or leave the rows out",
    "LABEL_SINGLE_CLASS": "add rows of another class, or choose another label.column",
    "LABEL_CLASS_UNEXPECTED": "list the class under label.classes, or fix the values",
    "LABEL_NOT_NUMERIC": "set label.task to binary or multiclass, or label.column to a column of numbers",
    "LABEL_CONSTANT": "add rows with other values, or choose another label.column",
    "WEIGHT_COLUMN_MISSING": "set label.weight to a column of the data, or add the column",
    "WEIGHT_VALUES_MISSING": "fill in the weight of these rows, or leave the rows out by data.where",
    "WEIGHT_NOT_NUMERIC": "set label.weight to a column of numbers",
    "WEIGHT_BELOW_ZERO": "fix the weights, or leave these rows out by data.where",
    "FEATURE_COLUMN_MISSING": "take the feature out of features, or add the column to the data",
    "FEATURE_ALL_MISSING": "take the feature out of features, or fill in the column",
    "FEATURE_EMPTY_IN_SPLIT": "take the feature out of features, or fill in the column",
}


@dataclass(frozen=True)
class Files:
    """The files that a reader would edit, and the environment of the run; empty where there is none."""

    schema: str = ""
    config: str = ""
    environment: str = ""


class DataGateRefused(GateRefused):
    """The gate said no.

    Beam rebuilds an error from its `args` and appends a note to the first one, which is therefore the text of a log.

    Args:
        text: what a log shows: the sentence, what was found as a table, and the next commands.
        what: one sentence, what was refused.
        remedy: the next commands.
        exit_code: 2 when only bad input blocks, 3 otherwise.
        findings: what blocks and what was warned of, as plain JSON.
    """

    def __init__(self, text: str, what: str, remedy: str, exit_code: int, findings: list[dict[str, Any]]) -> None:
        super().__init__(what, remedy=remedy)
        self.args = (text, what, remedy, exit_code, findings)
        self.exit_code = exit_code
        self.findings = findings

    def __str__(self) -> str:
        return str(self.args[0])


def refusal(verdict: Verdict, files: Files, today: date) -> DataGateRefused:
    """The exception for a verdict that did not pass.

    Args:
        verdict: with at least one finding that blocks.
        files: what the remedy names.
        today: the day from which a suggested waiver is counted.
    """
    what, steps = _headline(verdict), remedy(verdict, files, today)
    findings = [*verdict.of("block"), *verdict.of("warn")]
    text = f"{in_words(what, findings)}\n\n{steps}"
    return DataGateRefused(text, what, steps, verdict.exit_code, [finding.to_json() for finding in findings])


def recorded(failure: Failure) -> list[Finding]:
    """What DataGate found in a run that it refused.

    Args:
        failure: of the run, as it was recorded.

    Returns:
        The findings that block and that warn, one for each cause. None where the failure is not DataGate's, or its
            record is damaged or of a release that laid them out in `what`, for the terminal that it had.
    """
    try:
        return joined(_FINDINGS.validate_python(failure.findings))
    except ValidationError:
        return []


def in_words(what: str, findings: Sequence[Finding], width: int = _WIDTH) -> str:
    """A refusal as plain text: the sentence, what blocks, and what was warned of.

    Args:
        what: the sentence.
        findings: those that block and that warn.
        width: in characters.
    """
    parts = [what]
    for title, of_action in by_weight(findings):
        parts += [title, table(of_action, width)]
    return "\n\n".join(filter(None, parts))


def by_weight(findings: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """The findings of a refusal, those that stop the run first; each part with its title, which those do not need."""
    titles = {"block": "", "warn": "Warnings, which would not have stopped the run:"}
    parts = [(title, [one for one in findings if one.action == action]) for action, title in titles.items()]
    return [(title, part) for title, part in parts if part]


def _headline(verdict: Verdict) -> str:
    findings = joined(verdict.of("block"))
    count = len(findings)
    noun = "finding stops" if count == 1 else "findings stop"
    cause = "data that nothing can be learned from" if verdict.exit_code == 2 else "data that breaks its contract"
    # Lists of runs show this sentence alone, and it is to say why.
    columns = list(dict.fromkeys(one.feature for one in findings if one.feature))
    named = ", ".join(columns[:3]) + (f" and {len(columns) - 3} more" if len(columns) > 3 else "")
    return f"{SAYS}{count} {noun} this run before anything is trained: {cause}{f' ({named})' if named else ''}."


def table(findings: Sequence[Finding], width: int = _WIDTH) -> str:
    """The findings as plain text; what is found in several splits is one row.

    Args:
        findings: of one verdict.
        width: in characters; a table that is wider is written with its rows one below the other.
    """
    return "\n".join(printing.page(COLUMNS, rows(findings), width))


def rows(findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    """The cells of `COLUMNS`, a row for each cause."""
    return [
        (one.feature or "-", one.split, one.reason, one.expected, one.seen, "" if one.rows is None else f"{one.rows:,}")
        for one in joined(findings)
    ]


def joined(findings: Sequence[Finding]) -> list[Finding]:
    """The findings as a person reads them: one for each cause, whatever number of splits it is found in.

    Args:
        findings: of one action, each of one split.

    Returns:
        The findings with the same feature and reason as one: its splits and its rows together, and what differs per
            split, such as a share, behind the split's name.
    """
    together: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        cause = (finding.feature, finding.reason, finding.expected, finding.seen)
        for parts in (2, 3, 4):
            group = together.setdefault(cause[:parts], [])
            if not any(_splits(other) & _splits(finding) for other in group):
                break
            # A second cause in the same split, such as another distance from other data.
        group.append(finding)
    result = []
    for group in together.values():
        counted = [finding.rows for finding in group if finding.rows is not None]
        result.append(
            replace(
                group[0],
                split=", ".join(finding.split for finding in group),
                expected=_per_split([(finding.split, finding.expected) for finding in group]),
                seen=_per_split([(finding.split, finding.seen) for finding in group]),
                rows=sum(counted) if counted else None,
            )
        )
    return result


def _splits(finding: Finding) -> set[str]:
    return set(finding.split.split(", "))


def _per_split(texts: Sequence[tuple[str, str]]) -> str:
    if len({text for _, text in texts}) == 1:
        return texts[0][1]
    return "; ".join(f"{split}: {text}" for split, text in texts)


def remedy(verdict: Verdict, files: Files, today: date) -> str:
    """The next commands: for bad input what to fix, for a broken contract the three ways to go on.

    Args:
        verdict: the gate's.
        files: the paths that the commands name.
        today: by which the waiver that it offers is dated.
    """
    blocking = verdict.of("block")
    steps = list(dict.fromkeys(_FIXES[finding.reason] for finding in blocking if finding.reason in _FIXES))
    if steps and files.config:
        steps.append(f"(keys such as label.column are in {files.config})")
    if verdict.exit_code == REFUSED:
        contract = [finding for finding in blocking if finding.reason not in _FIXES]
        steps += _contract_steps(contract, files, today)
    return "\n".join(steps)


def _contract_steps(contract: Sequence[Finding], files: Files, today: date) -> list[str]:
    """The ways to go on, each command in a line of its own, which a terminal of 80 columns need not fold."""
    steps = ["fix the data, then run again; or choose:"]
    if any(finding.reason not in MOVED for finding in contract):
        option = default_configuration.option(files.config, files.environment)
        steps += [
            "  the data is right:",
            f"    millrace schema propose{option}",
            f"    millrace schema accept N{option}",
            *([f"    (or edit {files.schema})"] if files.schema else []),
        ]
    waivable = [finding for finding in contract if finding.reason not in OWN and finding.feature]
    causes = list(dict.fromkeys((finding.feature, finding.reason) for finding in waivable))
    if causes:
        where = f" in {files.config}" if files.config else ""
        steps.append(f"  accept {'it' if len(causes) == 1 else 'them'} for now: add to data_gate.waivers{where}")
        until = (today + timedelta(days=_WAIVER_DAYS)).isoformat()
        for feature, reason in causes[:_MOST_WAIVERS]:
            # JSON's quotes are YAML's: a name may hold anything.
            name = feature if feature.isidentifier() else json.dumps(feature)
            waiver = f"    - {{feature: {name}, reason: {reason}, until: {until}, because: ...}}"
            steps.append(waiver if len(waiver) <= _WAIVER_WIDTH else waiver.replace(", until", ",\n       until"))
        if len(causes) > _MOST_WAIVERS:
            steps.append(f"    and one for each of the other {len(causes) - _MOST_WAIVERS} that are listed above")
    if any(finding.reason in MOVED for finding in waivable):
        steps.append("  the world changed:")
        steps.append("    waive it as above; once a model is blessed on this data, the next data is")
        steps.append("    compared with this, and the waiver can go")
    return steps


_DISTANCES = (
    TableColumn("feature"),
    TableColumn("split"),
    TableColumn("of"),
    TableColumn("distance", right=True),
    TableColumn("limit", right=True),
    TableColumn("usual", right=True),
)


def distances(splits: Sequence[CheckedSplit]) -> list[str]:
    """What was measured of drift and skew, and once for each column what was not, and why.

    Args:
        splits: with their comparisons.
    """
    rows = [
        (
            one.feature,
            split.name,
            f"{comparison.kind}, {one.measure}",
            f"{one.value:.3g}",
            f"{one.limit:.3g}",
            "" if one.usual is None else f"{one.usual:.3g}",
        )
        for split in splits
        for comparison in split.comparisons
        for one in comparison.distances
    ]
    reasons: dict[tuple[str, str], dict[str, None]] = {}
    for split in splits:
        for comparison in split.comparisons:
            for feature, why in comparison.unmeasured.items():
                reasons.setdefault((comparison.kind, why), {})[feature] = None
    parts = []
    if rows:
        parts += ["Distances; usual is what chance alone exceeds once in a hundred times, of as many rows:"]
        parts += ["\n".join(printing.page(_DISTANCES, rows, _WIDTH))]
    for (kind, why), features in reasons.items():
        parts.append(visible(f"Not measured, {kind} of {', '.join(features)}: {why}."))
    return parts


_NO_LIMIT = """\
No column has a limit of drift, so that a jump which no rule above knows passes. The configuration gives every column
that the model reads one, data_gate: {drift: {false_alarm_rate: 0.001}}; a drift_comparator in the schema gives a column
its own."""


def as_text(
    verdict: Verdict,
    splits: Sequence[CheckedSplit],
    blessed: Sequence[CheckedSplit] = (),
    unmeasured: str = "",
    references: Optional[References] = None,
) -> str:
    """The report of a run that may go on, warnings and waived findings listed.

    Args:
        verdict: the gate's.
        splits: what was judged, for the numbers of rows.
        blessed: the latest blessed data, with which it was compared; none when there was none.
        unmeasured: the URI of the latest blessing where it holds no statistics to compare with; else empty.
        references: what drift and skew were measured from.
    """
    before = f"compared with the latest blessed data: {_sizes(blessed)}" if blessed else "no blessed data before it"
    if unmeasured:
        before = f"not compared with the latest blessed data: its blessing {unmeasured} holds no statistics"
    parts = [f"{SAYS}passed ({_sizes(splits)}; {before})."]
    for action, title in (("warn", "Warnings"), ("waived", "Waived"), ("ignore", "Ignored")):
        findings = verdict.of(action)
        if findings:
            notes = dict.fromkeys(f"{finding.feature or '-'}: {finding.note}" for finding in findings if finding.note)
            parts += [f"{title}:", table(findings), *map(visible, notes)]
    parts += [visible(sentence) for sentence in (references.words if references else ())]
    parts += distances(splits)
    limited = any(
        one.kind == "drift" and (one.distances or one.unmeasured) for each in splits for one in each.comparisons
    )
    if references and references.drift and not limited:
        parts.append(_NO_LIMIT)
    return "\n\n".join(parts) + "\n"


def read_warnings(folder: Path) -> list[Finding]:
    """What a run was warned of and went on.

    Args:
        folder: of a DataGateReport.

    Returns:
        The findings with the action `warn`, one for each cause; none where there is no report on this machine.

    Raises:
        DataError: the report is damaged.
    """
    return joined([finding for finding in read_findings(folder) or () if finding.action == "warn"])


def read_findings(folder: Path) -> Optional[list[Finding]]:
    """All that DataGate said of a run that it let pass.

    Args:
        folder: of a DataGateReport.

    Returns:
        The findings as they were recorded; None where there is no report on this machine.

    Raises:
        DataError: the report is damaged.
    """
    file = folder / JSON_NAME
    if not file.is_file():
        return None
    try:
        return [Finding(**finding) for finding in json.loads(file.read_text(encoding="utf-8"))["findings"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "the artifact is damaged: run the pipeline again with --no-cache"
        raise DataError("this is no report of DataGate", where=str(file), remedy=remedy) from error


def _sizes(splits: Sequence[CheckedSplit]) -> str:
    return ", ".join(f"{split.name} {split.rows:,} rows" for split in splits)


def as_json(
    verdict: Verdict,
    splits: Sequence[CheckedSplit],
    policy: Mapping[str, str],
    today: date,
    blessed: Sequence[CheckedSplit] = (),
    unmeasured: str = "",
    references: Optional[References] = None,
) -> str:
    """The whole verdict: the day, the splits' rows, the policy's changes, every finding with its action.

    Args:
        verdict: the gate's.
        splits: what was judged, for the numbers of rows.
        policy: the configured actions by reason.
        today: the day on which waivers were looked at.
        blessed: the latest blessed data, with which it was compared; none when there was none.
        unmeasured: the URI of the latest blessing where it holds no statistics to compare with; else empty.
        references: what drift and skew were measured from.
    """
    document = {
        "passed": verdict.passed,
        "judged_on": today.isoformat(),
        "splits": {split.name: split.rows for split in splits},
        "baseline": {split.name: split.rows for split in blessed},
        "baseline_without_statistics": unmeasured,
        "compared_with": references.to_json() if references else {},
        "comparisons": {split.name: [one.to_json() for one in split.comparisons] for split in splits},
        "policy": dict(policy),
        "findings": [finding.to_json() for finding in verdict.findings],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
