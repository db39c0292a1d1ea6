"""What the workbench does with the schema file, said once for the commands and the pages: look at an edit, make it.

Every change is made under the file's lock, from the text that a person saw, and put on record; a file that somebody
changed in the meantime is left as it is.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base.errors import SchemaError
from millrace.base.names import did_you_mean, nearest
from millrace.schema import files, words
from millrace.schema import impact as impacts
from millrace.schema import lint as rules
from millrace.schema import proposals as answers
from millrace.schema.evidence import Evidence
from millrace.schema.impact import Impact
from millrace.schema.lint import Issue
from millrace.schema.patches import patch
from millrace.schema.proposals import Proposal
from millrace.schema.protections import given_up
from millrace.schema.workbench import Workbench
from millrace.textproto import schema_text
from millrace.textproto.rewrite import rewrite
from millrace.textproto.schema_text import SchemaText


@dataclass(frozen=True)
class EditReview:
    """What an edit says and does, before it is made.

    Args:
        text: the whole text that it would write.
        issues: what the schema's own check has to say of it, in the order of its lines.
        words: what changes, in words; never empty.
        gives_up: what data would be held to no longer, or less.
        impacts: what would have become of past runs, the oldest first.
        patch: the edit as a unified diff; empty when nothing changes.
    """

    text: str
    issues: tuple[Issue, ...]
    words: tuple[str, ...]
    gives_up: tuple[str, ...]
    impacts: tuple[Impact, ...]
    patch: str


@dataclass(frozen=True)
class MadeEdit:
    """What was made in the file.

    Args:
        numbers: of the proposals that it came from; none where it came from none.
        words: what changed; none where the file said so already.
        patch: the same as a unified diff.
    """

    numbers: tuple[str, ...]
    words: tuple[str, ...]
    patch: str


def review(bench: Workbench, before: str, after: str, last: int) -> EditReview:
    """Looks at an edit of the whole text.

    Args:
        bench: the schema's workbench.
        before: the text that it starts from; it need not be a schema.
        after: the text that it would write.
        last: how many past runs to validate again.

    Raises:
        SchemaError: `after` is not a schema; with the line.
    """
    source = schema_text.parse(after, bench.shown_path)
    changed: tuple[str, ...] = ("fixed: the file was not a schema",)
    lost: tuple[str, ...] = ()
    with contextlib.suppress(SchemaError):
        old = schema_text.parse(before, source.name).proto
        changed = tuple(str(change) for change in words.changes(old, source.proto)) or ("only the layout changes",)
        lost = given_up(old, source.proto)
    return EditReview(
        text=after,
        issues=tuple(rules.lint(source, bench.seen(), bench.uses)),
        words=changed,
        gives_up=lost,
        impacts=tuple(impacts.impact(source.proto, bench.last(last), bench.blocks)),
        patch=patch(before, after, source.name),
    )


def keep(bench: Workbench, before: str, after: str, changes: Sequence[str]) -> None:
    """Writes an edit of the whole text.

    Args:
        bench: the schema's workbench.
        before: the text that it started from.
        after: the text to write.
        changes: what changes, in words.

    Raises:
        SchemaError: the file is no longer `before`, or `after` is not a schema.
    """
    with files.locked(bench.path):
        bench.history.change(before, after, "edit", tuple(changes))


def proposals(bench: Workbench, source: SchemaText, run: Evidence) -> list[Proposal]:
    """The edits that would end a run's anomalies.

    Args:
        bench: the schema's workbench.
        source: the schema file.
        run: whose anomalies.
    """
    return answers.propose(source.text, source.proto, run, bench.anomalies(run), source.name)


def accepted_text(source: SchemaText, chosen: Sequence[Proposal], run: Evidence) -> str:
    """The file's text with some proposals made, comments and layout kept.

    Args:
        source: the schema file.
        chosen: which.
        run: that they come from.
    """
    return rewrite(source.text, answers.accept(source.proto, chosen, run))


def accept(bench: Workbench, run: Evidence, numbers: Sequence[str], reasons: Sequence[str] = ()) -> MadeEdit:
    """Makes proposals in the file.

    Args:
        bench: the schema's workbench.
        run: that they come from.
        numbers: of the proposals.
        reasons: every preferred proposal for one of these too.

    Raises:
        SchemaError: there is no such proposal, or it has no edit, or the file cannot be written.
    """
    with files.locked(bench.path):
        source = bench.read()
        chosen = choose(proposals(bench, source, run), numbers, reasons)
        text = accepted_text(source, chosen, run)
        changed = tuple(
            str(change) for change in words.changes(source.proto, schema_text.parse(text, source.name).proto)
        )
        made = tuple(proposal.number for proposal in chosen)
        if text != source.text:
            bench.history.change(source.text, text, f"accept {' '.join(made)}", changed)
    return MadeEdit(made, changed, patch(source.text, text, source.name))


def choose(offered: Sequence[Proposal], numbers: Sequence[str], reasons: Sequence[str] = ()) -> list[Proposal]:
    """The proposals that are meant, each once.

    Args:
        offered: all that there are.
        numbers: of those to take.
        reasons: every preferred proposal for one of these too.

    Raises:
        SchemaError: a number or a reason is unknown, a proposal has no edit, or two are alternatives.
    """
    by_number = {proposal.number: proposal for proposal in offered}
    unknown = [number for number in numbers if number not in by_number]
    if unknown:
        remedy = f"there are {', '.join(by_number) or 'none'}"
        raise SchemaError(f"no proposal {', '.join(unknown)}", remedy=remedy)
    chosen = [by_number[number] for number in dict.fromkeys(numbers)]
    empty = [proposal.number for proposal in chosen if proposal.after is None]
    if empty:
        raise SchemaError(f"{', '.join(empty)} has no edit", remedy="fix the data or the configuration")
    for reason in reasons:
        fitting = [p for p in offered if p.anomaly.reason == reason and p.preferred and p.after is not None]
        if not fitting:
            there = sorted({proposal.anomaly.reason for proposal in offered})
            near = nearest(reason, there) or there
            remedy = f"the reasons of the latest run: {', '.join(near) or 'none'}"
            raise SchemaError(f"no proposal for {reason}", remedy=remedy)
        chosen += [proposal for proposal in fitting if proposal not in chosen]
    for place, proposal in enumerate(chosen):
        other = next((one for one in chosen[:place] if one.anomaly == proposal.anomaly), None)
        if other:
            what = f"{other.number} and {proposal.number} are two answers to one anomaly"
            raise SchemaError(what, remedy="choose one of them")
    return chosen


def drop(bench: Workbench, columns: Sequence[str]) -> MadeEdit:
    """Takes features out of the file, and each domain that only they name.

    Args:
        bench: the schema's workbench.
        columns: the features' names.

    Returns:
        What changed.

    Raises:
        SchemaError: the file describes no such feature, or nothing would be left, or it cannot be written.
    """
    with files.locked(bench.path):
        source = bench.read()
        named = [feature.name for feature in source.proto.feature]
        for column in columns:
            if column not in named:
                raise SchemaError(
                    f"{source.name} describes no {column}{did_you_mean(column, named)}",
                    remedy=f"millrace schema show{bench.option} lists what it describes",
                )
        if set(columns) >= set(named):
            raise SchemaError("nothing would be left of the schema", source.name, "keep the columns that are read")
        target = schema_pb2.Schema()
        target.CopyFrom(source.proto)
        kept = [feature for feature in source.proto.feature if feature.name not in columns]
        del target.feature[:]
        target.feature.extend(kept)
        needed = {feature.domain for feature in kept}
        freed = {feature.domain for feature in source.proto.feature if feature.name in columns} - needed - {""}
        domains = [domain for domain in source.proto.string_domain if domain.name not in freed]
        del target.string_domain[:]
        target.string_domain.extend(domains)
        text = rewrite(source.text, target)
        changed = tuple(str(change) for change in words.changes(source.proto, target))
        bench.history.change(source.text, text, f"drop {' '.join(columns)}", changed)
    return MadeEdit((), changed, patch(source.text, text, source.name))
