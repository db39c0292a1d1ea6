"""The edits of the schema that the latest run's anomalies ask for: what they say, do and give up, and making them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Optional, Union

from millrace.base.errors import Failure, SchemaError, describe
from millrace.console.page import GoTo, Page, PageRequest, address
from millrace.console.pages.runs import asked_again
from millrace.console.pages.schema import require_unchanged, workbench
from millrace.metadata.run_summaries import Runs
from millrace.schema import edits, files
from millrace.schema.edits import EditReview
from millrace.schema.evidence import Evidence
from millrace.schema.proposals import Proposal
from millrace.schema.workbench import Workbench
from millrace.textproto.schema_text import SchemaText

LAST_RUNS = 10
"""Past runs that are judged again to say what an edit would have done."""


@dataclass(frozen=True)
class ProposalRow:
    """One proposal.

    Args:
        number: what it is called.
        feature: that it is about; empty for the data as a whole.
        reason: the anomaly's reason code.
        splits: that have the anomaly.
        rows: how many rows it concerns, in words; empty where that is not known.
        described: what was expected and seen.
        words: the edit in words; none where the file says so already, or there is no edit.
        gives_up: what data would be held to no longer, or less.
        note: what to think of before.
        patch: the edit as a unified diff.
        alternative: whether another edit for the same anomaly stands before it.
        can_be_made: whether there is an edit that is not made yet.
        chosen: whether a person has chosen it.
    """

    number: str
    feature: str
    reason: str
    splits: tuple[str, ...]
    rows: str
    described: str
    words: tuple[str, ...]
    gives_up: tuple[str, ...]
    note: str
    patch: str
    alternative: bool
    can_be_made: bool
    chosen: bool


@dataclass(frozen=True)
class ProposalsPage:
    """What a run's anomalies ask for.

    Args:
        file: the schema file.
        digest: of its text.
        run: whose anomalies; empty where nothing ran yet.
        state: how that run ended.
        proposals: in the order of the anomalies.
        review: what the chosen ones together say and do; None where none are chosen.
        start: the command that runs the pipeline.
        problem: why what was asked for was not done.
    """

    file: str
    digest: str
    run: str
    state: str
    proposals: tuple[ProposalRow, ...]
    review: Optional[EditReview]
    start: str
    problem: Optional[Failure] = None


def view(request: PageRequest) -> ProposalsPage:
    """The edits that the latest run's anomalies ask for."""
    bench = workbench(request)
    return _proposals(bench, bench.read(), bench.latest, ())


def act(request: PageRequest) -> Union[GoTo, ProposalsPage]:
    """Shows what the chosen edits together say and do, or makes them."""
    bench = workbench(request)
    numbers = request.form.get("number", "").split()
    run = bench.latest
    try:
        if run is None or request.form.get("run") != run.run_id:
            remedy = "look at them again: their numbers are those of the latest run"
            raise SchemaError("another run has ended since these were shown", request.form.get("run", ""), remedy)
        require_unchanged(bench, request.form.get("digest", ""))
        if not numbers:
            raise SchemaError("none was chosen", remedy="tick one or more")
        if request.form.get("do") == "accept":
            edits.accept(bench, run, numbers)
            return GoTo(address("schema"))
        source = bench.read()
        chosen = edits.choose(edits.proposals(bench, source, run), numbers)
        review = edits.review(bench, source.text, edits.accepted_text(source, chosen, run), LAST_RUNS)
    except SchemaError as error:
        return replace(_proposals(bench, bench.read(), run, numbers), problem=describe(error))
    return replace(_proposals(bench, source, run, numbers), review=review)


def _proposals(bench: Workbench, source: SchemaText, run: Optional[Evidence], chosen: Sequence[str]) -> ProposalsPage:
    offered = edits.proposals(bench, source, run) if run is not None else []
    folder = Runs(bench.config).folder(run.run_id) if run is not None else None
    return ProposalsPage(
        file=bench.shown_path,
        digest=files.digest(source.text),
        run=run.run_id if run is not None else "",
        state=run.state if run is not None else "",
        proposals=tuple(_proposal(one, one.number in chosen) for one in offered),
        review=None,
        start=asked_again(bench.config, folder.request() if folder else None),
    )


def _proposal(proposal: Proposal, chosen: bool) -> ProposalRow:
    anomaly = proposal.anomaly
    count = "" if anomaly.rows is None else f"{'' if anomaly.exact else 'at most '}{anomaly.rows:,} rows"
    return ProposalRow(
        number=proposal.number,
        feature=anomaly.feature,
        reason=anomaly.reason,
        splits=anomaly.splits,
        rows=count,
        described=anomaly.words,
        words=proposal.words,
        gives_up=proposal.gives_up,
        note="the file says so already" if proposal.done else proposal.note,
        patch=proposal.patch,
        alternative=not proposal.preferred,
        can_be_made=bool(proposal.words),
        chosen=chosen,
    )


PAGES = (
    Page(
        address="/schema/proposals",
        title="Proposed edits",
        template="pages/proposals.html",
        view=view,
        act=act,
    ),
)
