"""The decision: every finding meets the policy and the waivers, and either the run goes on or it is told why not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Optional

from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.components.data_gate import policy as reasons
from millrace.components.data_gate.anomalies import tfdv_findings
from millrace.components.data_gate.findings import CheckedSplit, Finding
from millrace.components.data_gate.moved import moved_findings
from millrace.components.data_gate.presence import presence_findings
from millrace.components.data_gate.rules import Use, own_findings
from millrace.components.data_gate.section import DataGateSection

_ABSENT = frozenset(
    {
        "SCHEMA_MISSING_COLUMN",
        "FEATURE_TYPE_NOT_PRESENT",
        "FEATURE_TYPE_LOW_FRACTION_PRESENT",
        "FEATURE_TYPE_LOW_NUMBER_PRESENT",
        "FEATURE_TYPE_LOW_NUMBER_VALUES",
        "FEATURE_TYPE_NO_VALUES",
        "INVALID_FEATURE_SHAPE",
    }
)
_TOO_SELDOM = frozenset({"FEATURE_TYPE_LOW_FRACTION_PRESENT", "FEATURE_TYPE_LOW_NUMBER_PRESENT"})
# What is said about a feature for the same cause; said once, so that bad input is not told as a broken contract too.
_EXPLAINS = {
    # Where the schema asks for the column, the data broke the contract: that is said, and `schema propose` answers it.
    "LABEL_COLUMN_MISSING": _ABSENT - {"SCHEMA_MISSING_COLUMN"},
    "LABEL_VALUES_MISSING": _ABSENT,
    "FEATURE_COLUMN_MISSING": _ABSENT - {"SCHEMA_MISSING_COLUMN"},
    "SCHEMA_MISSING_COLUMN": frozenset(
        {"LABEL_COLUMN_MISSING", "WEIGHT_COLUMN_MISSING", "FEATURE_COLUMN_MISSING", *_TOO_SELDOM}
    ),
    "FEATURE_ALL_MISSING": _ABSENT,
    "LABEL_NOT_IN_SCHEMA": frozenset({"SCHEMA_NEW_COLUMN"}),
    "WEIGHT_COLUMN_MISSING": _ABSENT - {"SCHEMA_MISSING_COLUMN"},
    "WEIGHT_VALUES_MISSING": _ABSENT,
    "WEIGHT_NOT_IN_SCHEMA": frozenset({"SCHEMA_NEW_COLUMN"}),
    "FEATURE_NOT_IN_SCHEMA": frozenset({"SCHEMA_NEW_COLUMN"}),
    "FEATURE_EMPTY_IN_SPLIT": frozenset({"FEATURE_TYPE_LOW_NUMBER_PRESENT"}),
    **dict.fromkeys((*_ABSENT - {"SCHEMA_MISSING_COLUMN"}, "FLOAT_TYPE_HAS_NAN"), _TOO_SELDOM),
}
# A finding about the column itself says why it is not as it was.
_EXPLAIN_MOVED = frozenset(
    {*_ABSENT, "LABEL_VALUES_MISSING", "LABEL_SINGLE_CLASS", "LABEL_CLASS_UNEXPECTED", "LABEL_NOT_NUMERIC"}
    | {"LABEL_CONSTANT", "FEATURE_ALL_MISSING", "FEATURE_EMPTY_IN_SPLIT", "UNEXPECTED_DATA_TYPE"}
)
# A rare column may be empty where a model is only judged, so this explains although it lets the run go on.
_EXPLAINS_ANYWAY = "FEATURE_EMPTY_IN_SPLIT"
_EXPLAIN_ALL = {
    "DATA_EMPTY": None,
    "SCHEMA_MATCHES_NOTHING": frozenset({"SCHEMA_MISSING_COLUMN", "SCHEMA_NEW_COLUMN"}),
}
_SOFTENED = {
    "LABEL_MOVED": "a flipped label would have moved it further",
    "NUMBER_MOVED": "another unit in all of these rows would have moved it further",
    **dict.fromkeys(reasons.DISTANCES, "no jump from the span before that chance does not make"),
}


@dataclass(frozen=True)
class Verdict:
    """What was found and decided: every finding with its action."""

    findings: tuple[Finding, ...]

    def of(self, action: str) -> tuple[Finding, ...]:
        """The findings with one action: block, warn, ignore or waived."""
        return tuple(finding for finding in self.findings if finding.action == action)

    @property
    def passed(self) -> bool:
        """Whether the run may go on."""
        return not self.of("block")

    @property
    def exit_code(self) -> int:
        """0 when passed; 2 when only bad input blocks; 3 when the contract was broken."""
        return max((reasons.default(finding.reason).exit_code for finding in self.of("block")), default=0)


def judge(
    splits: Sequence[CheckedSplit],
    schema: schema_pb2.Schema,
    use: Use,
    *,
    section: DataGateSection,
    today: date,
    blessed: Sequence[CheckedSplit] = (),
) -> Verdict:
    """Looks at every split and decides about every finding.

    Args:
        splits: statistics and anomalies of each split.
        schema: the schema that the splits were validated against.
        use: the label and the columns that features read.
        section: actions by reason code, over the defaults of `policy.DEFAULTS`, and what is accepted until a day.
        today: the day (UTC) on which it is judged.
        blessed: the splits of the latest blessed data; none before the first blessing.

    Returns:
        The verdict, with findings in the order: DataGate's own, TFDV's split by split, then those
        about how often columns are filled, and what changed since the latest blessed data.
    """
    held = section.in_force(today)
    own = [_decide(finding, held) for finding in own_findings(splits, schema, use)]
    of_tfdv = [_decide(finding, held) for split in splits for finding in tfdv_findings(split, schema)]
    of_presence = [_decide(finding, held) for split in splits for finding in presence_findings(split, schema)]
    contract = [_explained(finding, own) for finding in of_tfdv]
    own = [_explained(finding, contract) for finding in own]
    contract += [_explained(finding, [*own, *contract]) for finding in of_presence]
    since_blessed = [_decide(finding, held) for finding in moved_findings(splits, blessed, use)]
    moved = [_explained(finding, [*own, *contract]) for finding in since_blessed]
    return Verdict((*own, *contract, *moved))


def _decide(finding: Finding, held: DataGateSection) -> Finding:
    """A finding with its action: the policy's word, else the default, which a severity of WARNING softens."""
    action: Optional[str] = held.policy.get(finding.reason)
    note = "by the policy" if action else ""
    if action is None:
        action = reasons.default(finding.reason).action
        if action == "block" and finding.severity == "WARNING":
            action, note = "warn", _SOFTENED.get(finding.reason, "the validator calls it a warning")
    waiver = held.waiver_for(finding.feature, finding.reason)
    if waiver is not None and action != "ignore":
        action, note = "waived", f"until {waiver.until}: {waiver.because}"
    return replace(finding, action=action, note=note)


def _explained(finding: Finding, own: Sequence[Finding]) -> Finding:
    """The finding, set to ignore when a finding that blocks already says why."""
    for cause in own:
        says_why = cause.action == "block" or cause.reason == _EXPLAINS_ANYWAY
        if says_why and _same_cause(cause, finding):
            return replace(finding, action="ignore", note=f"explained by {cause.reason}")
    return finding


def _same_cause(cause: Finding, finding: Finding) -> bool:
    if cause.reason in _EXPLAIN_ALL:
        covered = _EXPLAIN_ALL[cause.reason]
        return covered is None or finding.reason in covered
    if finding.reason in reasons.MOVED and cause.feature == finding.feature:
        return cause.reason in _EXPLAIN_MOVED and cause.split == finding.split
    same_place = (cause.feature, cause.split) == (finding.feature, finding.split)
    return same_place and finding.reason in _EXPLAINS.get(cause.reason, frozenset())
