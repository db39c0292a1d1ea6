"""Numbered proposals: for each anomaly of a run, the edits that would end it, in words and as patches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from tensorflow_metadata.proto.v0.schema_pb2 import Schema
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics as Statistics

from millrace.schema import native, words
from millrace.schema.evidence import Evidence
from millrace.schema.patches import patch
from millrace.schema.protections import given_up
from millrace.schema.ways import Anomaly, Way, ways_to_end
from millrace.textproto.rewrite import preview

_NO_EDIT = "no edit of the schema answers this: fix the data or the configuration"


@dataclass(frozen=True)
class Proposal:
    """One edit that would end an anomaly.

    Args:
        number: what `accept` is given: the anomaly's place, and a letter for another way to end the same one.
        anomaly: what it answers.
        words: the edit in words; empty when the file already says so.
        patch: the edit as a unified diff.
        note: what to think of before it is accepted.
        gives_up: what data would be held to no longer, or less; said before it is accepted.
        preferred: whether `accept --all-of` takes it; another way to end the same anomaly is not.
        after: the schema with this edit alone; None when the workbench knows no edit.
    """

    number: str
    anomaly: Anomaly
    words: tuple[str, ...]
    patch: str
    note: str
    preferred: bool
    after: Optional[Schema]
    gives_up: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether the file already says what the edit would make it say."""
        return self.after is not None and not self.words


def propose(text: str, schema: Schema, evidence: Evidence, anomalies: Sequence[Anomaly], name: str) -> list[Proposal]:
    """The edits that answer a run's anomalies, in the anomalies' order.

    The numbers depend on the run and on nothing else: accepting one edit does not change what another is called.

    Args:
        text: the schema file's text, as it is now.
        schema: what it says.
        evidence: the run's statistics and anomalies.
        anomalies: what was found in the run.
        name: the file's name, for the patches.
    """
    relaxed = _relaxed(schema, evidence.statistics.values())
    proposals: list[Proposal] = []
    for number, anomaly in enumerate(anomalies, start=1):
        ways = list(ways_to_end(anomaly, schema, relaxed, evidence))
        for place, way in enumerate(ways):
            letter = chr(ord("a") + place) if place else ""
            proposals.append(_proposal(f"{number}{letter}", anomaly, way, place == 0, text, schema, name))
        if not ways:
            proposals.append(Proposal(str(number), anomaly, (), "", _NO_EDIT, True, None))
    return proposals


def accept(schema: Schema, chosen: Iterable[Proposal], evidence: Evidence) -> Schema:
    """A schema with several edits made, one after the other.

    Args:
        schema: what the file says now.
        chosen: the proposals to make.
        evidence: the run that they come from.
    """
    result = Schema()
    result.CopyFrom(schema)
    for proposal in chosen:
        if proposal.after is None:
            continue
        relaxed = _relaxed(result, evidence.statistics.values())
        ways = list(ways_to_end(proposal.anomaly, result, relaxed, evidence))
        # The way is found again on the schema as it is by now, so that two edits of one domain add up.
        place = ord(proposal.number[-1]) - ord("a") if proposal.number[-1].isalpha() else 0
        if place < len(ways):
            ways[place].edit(result)
    return result


def _proposal(number: str, anomaly: Anomaly, way: Way, first: bool, text: str, schema: Schema, name: str) -> Proposal:
    after = Schema()
    after.CopyFrom(schema)
    way.edit(after)
    phrases = tuple(str(change) for change in words.changes(schema, after))
    edit = patch(text, preview(text, after), name)
    return Proposal(number, anomaly, phrases, edit, way.note, first, after, given_up(schema, after))


def _relaxed(schema: Schema, statistics: Iterable[Statistics]) -> Schema:
    """The schema as TFDV would relax it until every split fits."""
    largest = max((len(domain.value) for domain in schema.string_domain), default=0)
    for split in statistics:
        schema = native.update(schema, split, max(native.MAX_STRING_DOMAIN, largest))
    return schema
