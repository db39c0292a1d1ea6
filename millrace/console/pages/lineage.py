"""Where a thing comes from, and what was made of it: the artifacts around one, or around what a run made last."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Optional, Union

from millrace.base.errors import BadInput
from millrace.config.config import Config
from millrace.console.drawing import DrawnNode
from millrace.console.page import GoTo, NotFound, Page, PageRequest, Table, address
from millrace.console.pages.runs import named_run
from millrace.metadata.lineage import YES_OR_NO, Lineage, LineageNode, in_words, lineage, meant, pushed_version
from millrace.metadata.run_summaries import Runs

_MOST_DRAWN = 60
_LONGEST_FACT = 160
# The kinds of an address whose name may be what a person calls a run or a version.
_NAMED = ("run", "version")


@dataclass(frozen=True)
class LineageRow:
    """One artifact around the one in question.

    Args:
        node: the artifact.
        steps: how many stages lie between them.
        facts: what there is to say of it, as text.
    """

    node: LineageNode
    steps: int
    facts: dict[str, str]


@dataclass(frozen=True)
class LineageView:
    """The artifacts around some.

    Args:
        name: what was asked for.
        start: the artifacts in question.
        made_from: what they come from, the nearest first.
        made_of_it: what was made of them, the nearest first.
        drawn: the boxes of the picture; none where there are too many to be seen.
        upstream: the boxes that each box comes from.
    """

    name: str
    start: tuple[LineageRow, ...]
    made_from: tuple[LineageRow, ...]
    made_of_it: tuple[LineageRow, ...]
    drawn: tuple[DrawnNode, ...]
    upstream: dict[str, tuple[str, ...]]


def view(request: PageRequest) -> Union[LineageView, GoTo]:
    """The lineage of a run's last artifact, or of the artifact with a number."""
    runs, kind, name = Runs(request.config), request.path["kind"], request.path["id"]
    if kind in _NAMED and not runs.summary(name):
        return _place_of(runs, name)
    graph = _graph(runs, kind, name)
    if graph is None:
        raise NotFound(
            f"no {'run' if kind == 'run' else 'artifact'} of {request.config.name} is called that",
            name,
            "a run's page leads to the lineage of each artifact that it made; millrace lineage takes paths too",
        )
    above = _distances(graph.start, {node.id: [edge.source for edge in graph.sources(node.id)] for node in graph.nodes})
    below = _distances(graph.start, {node.id: [edge.target for edge in graph.targets(node.id)] for node in graph.nodes})
    return LineageView(
        name=name,
        start=_rows(graph, dict.fromkeys(graph.start, 0)),
        made_from=_rows(graph, above),
        made_of_it=_rows(graph, below),
        drawn=drawn(graph) if len(graph.nodes) <= _MOST_DRAWN else (),
        upstream={str(node.id): tuple(str(edge.source) for edge in graph.sources(node.id)) for node in graph.nodes},
    )


def _by_name(request: PageRequest) -> GoTo:
    return _place_of(Runs(request.config), request.path["what"])


def _place_of(runs: Runs, what: str) -> GoTo:
    """Where the lineage is of what the terminal calls so: a run, or a pushed version."""
    runs.require_kept_store()
    pushed = pushed_version(runs, what) if runs.store is not None else ()
    if pushed:
        return GoTo(address("lineage", "artifact", str(pushed[0])))
    return GoTo(address("lineage", "run", named_run(runs, what)))


def _graph(runs: Runs, kind: str, name: str) -> Optional[Lineage]:
    """The graph; None where nothing is called so. No path of an address is looked at on the disk."""
    runs.require_kept_store()
    if kind == "run":
        made = _made_by(runs, name)
        return lineage(runs, made, down=False) if made else None
    if kind != "artifact" or not (name.isascii() and name.isdecimal() and len(name) < 10) or runs.store is None:
        return None
    return lineage(runs, [int(name)]) if runs.store.get_artifacts_by_id([int(name)]) else None


def _made_by(runs: Runs, run_id: str) -> tuple[int, ...]:
    """The last artifact of a run; none where there is no such run, or it made nothing to follow."""
    if not runs.summary(run_id) or runs.store is None:
        return ()
    try:
        return meant(runs, run_id)
    except BadInput:
        return ()


def _distances(start: Iterable[int], next_of: Mapping[int, Iterable[int]]) -> dict[int, int]:
    """How many steps each artifact is away, without those that are asked for."""
    distances = dict.fromkeys(start, 0)
    waiting = list(distances)
    for number in waiting:
        for other in next_of.get(number, ()):
            if other not in distances:
                distances[other] = distances[number] + 1
                waiting.append(other)
    return {number: steps for number, steps in distances.items() if steps}


def _rows(graph: Lineage, distances: Mapping[int, int]) -> tuple[LineageRow, ...]:
    ordered = sorted(distances.items(), key=lambda one: (one[1], -one[0]))
    return tuple(LineageRow(graph.node(number), steps, _facts(graph.node(number))) for number, steps in ordered)


def _facts(node: LineageNode) -> dict[str, str]:
    texts = {
        name: ("yes" if value else "no") if name in YES_OR_NO else in_words(value).replace("\n", " ")
        for name, value in node.facts.items()
    }
    return {
        name: text if len(text) <= _LONGEST_FACT else f"{text[:_LONGEST_FACT]}…" for name, text in texts.items() if text
    }


def drawn(graph: Lineage) -> tuple[DrawnNode, ...]:
    """The boxes of a lineage's picture, one for each artifact."""
    return tuple(
        DrawnNode(
            id=str(node.id),
            name=node.type.rpartition(".")[2],
            under=node.run or "from elsewhere",
            kind="chosen" if node.id in graph.start else "made" if node.there else "gone",
            title=f"{node.type} of {node.stage or 'elsewhere'}, {node.path}" + ("" if node.there else ", gone"),
            address=address("lineage", "artifact", str(node.id)),
            marked=False,
        )
        for node in graph.nodes
    )


def _table(view: LineageView) -> Table:
    sides = [("", view.start), ("made from", view.made_from), ("made of it", view.made_of_it)]
    return Table(
        ("side", "artifact", "type", "stage", "run", "path"),
        [
            (side, one.node.id, one.node.type, one.node.stage, one.node.run, one.node.path)
            for side, rows in sides
            for one in rows
        ],
    )


def _section(config: Config, run_id: str) -> Optional[Mapping[str, str]]:
    return {"kind": "run", "id": run_id} if _made_by(Runs(config), run_id) else None


LINEAGE = Page(
    address="/lineage/{kind}/{id}",
    title="Lineage of {id}",
    template="pages/lineage.html",
    view=view,
    section=_section,
    rows=_table,
)

PAGES = (
    Page(
        address="/lineage",
        title="Lineage",
        template="pages/lineage.html",
        view=lambda request: GoTo(address("lineage", "run", "last")),
    ),
    Page(address="/lineage/{what}", title="Lineage of {what}", template="pages/lineage.html", view=_by_name),
    LINEAGE,
)
