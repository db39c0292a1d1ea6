"""`millrace lineage`: where something comes from, and what was made of it, as a tree."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Optional

import click
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from millrace.base import files, printing
from millrace.base.errors import BadInput
from millrace.base.numbers import counted
from millrace.base.visible import visible
from millrace.cli import completing
from millrace.cli.options import config_options
from millrace.cli.output import echo
from millrace.config.loading import load
from millrace.metadata.lineage import YES_OR_NO, Lineage, LineageEdge, LineageNode, about, in_words, lineage, meant
from millrace.metadata.run_summaries import Runs

# Of TFX's properties those that say nothing of where something comes from.
_UNSAID = frozenset(
    """
    split_names file_format payload_format sample_rate_by_split stats_dashboard_link current_model current_model_id
    baseline_model baseline_model_id has_model pushed
    """.split()  # noqa: SIM905 (as literals it would take a line each)
)
# A pipe has no width.
_ENDLESS = 10_000
# What the guides of a tree take in front of a line, for each step below its root.
_GUIDE = 4


@click.command("lineage")
@click.argument("what", default="last", shell_complete=completing.run_ids)
@config_options
@click.option("--up", "direction", flag_value="up", help="Only what it was made from.")
@click.option("--down", "direction", flag_value="down", help="Only what was made of it.")
@click.option("--vertex", "by_vertex", is_flag=True, help="WHAT is a job of Vertex AI: its id, or last.")
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Draw it into a file.")
@click.option("--json", "as_json", is_flag=True, help="Print the graph as JSON.")
def lineage_command(
    what: str,
    config_file: str,
    overrides: tuple[str, ...],
    direction: str,
    by_vertex: bool,
    svg: Optional[Path],
    as_json: bool,
) -> None:
    """Say what something was made from, and what was made of it.

    WHAT: a run (an id or the beginning of one, last, last~1), a pushed version, the path of an artifact, or a folder
    from which a server serves; the newest run when left out.
    """
    config = load(config_file, overrides)
    up, down = direction != "down", direction != "up"
    if by_vertex:
        from millrace.cloud.vertex.lineage import job_lineage

        what, graph = job_lineage(config, what, up, down)
    else:
        runs = Runs(config)
        try:
            start = meant(runs, what)
        except BadInput:
            made_from = about(what)
            if made_from is None:
                raise
            # ML Metadata does not know it: a model that was copied here says itself what it was made from.
            _print_about(made_from, as_json)
            return
        graph = lineage(runs, start, up, down)
    if svg:
        from millrace.console.lineage_picture import picture

        drawing = picture(graph, f"What {what} was made from, and what was made of it")
        files.write_named(svg, drawing, "name another file with --svg")
        echo(f"drawn into {svg}: {counted(len(graph.nodes), 'artifact')}")
        return
    if as_json:
        click.echo(json.dumps(asdict(graph), indent=2))
        return
    print_lineage(graph, direction or "", Console(highlight=False))


def print_lineage(graph: Lineage, direction: str, console: Console) -> None:
    """Prints what was made of what: folded between words on a terminal, and whole in a pipe.

    Args:
        graph: around what was asked for.
        direction: `up` or `down`; empty for both.
        console: where a person looks.
    """
    width = console.width if console.is_terminal else _ENDLESS
    # Rich cuts a tree at the console's width: the lines are folded here, and a path that is longer stays whole.
    console.width = _ENDLESS
    for number in graph.start:
        if direction != "down":
            console.print(_tree(graph, number, width, up=True))
        if direction != "up" and graph.targets(number):
            console.print("made of it:")
            console.print(_tree(graph, number, width, up=False))
        elif direction == "down":
            console.print(f"nothing was made of it: {graph.node(number).path}", soft_wrap=True)


def _print_about(made_from: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"made_from": made_from}, indent=2))
        return
    echo("not known to this pipeline's ML Metadata; the model itself says:")
    for name, value in made_from.items():
        echo(f"  {name}: {value}")


def _tree(graph: Lineage, start: int, width: int, up: bool) -> Tree:
    """The graph as a tree: what is reached twice is told once, and named again."""
    told: set[int] = set()

    def grow(parent: Tree, number: int, guides: int) -> None:
        told.add(number)
        edges = graph.sources(number) if up else graph.targets(number)
        for edge in edges:
            other = graph.node(edge.source if up else edge.target)
            again = other.id in told
            label = _label(other, edge, again, graph.node(number).run)
            branch = parent.add(printing.folded(label, width - guides, hanging=2))
            if not again and not edge.compared:
                grow(branch, other.id, guides + _GUIDE)

    root = Tree(printing.folded(_label(graph.node(start), None), width, hanging=2), guide_style="dim")
    grow(root, start, _GUIDE)
    return root


def _label(node: LineageNode, edge: Optional[LineageEdge], again: bool = False, run: str = "") -> Text:
    """An artifact with what made it; below the root by its place within the pipeline's own."""
    words = Text(f"{edge.key}: " if edge and edge.key else "", style="dim")
    words.append(visible(node.type), style="bold")
    words.append(visible(f"  {'/'.join(node.path.split('/')[-3:]) if edge else node.path}"))
    if again:
        return words.append("  (told above)", style="dim")
    if not node.there:
        words.append("  not there any more", style="yellow")
    if node.run and node.run != run:
        words.append(visible(f"\nrun {node.run}"), style="dim")
    if edge and edge.compared:
        return words.append("\ncompared with, and not followed", style="dim")
    for name, value in node.facts.items():
        # The commit is the run's; that a model was pushed, its folder says.
        is_said = name not in _UNSAID or (name == "pushed" and not value)
        if is_said and value != "" and (name != "commit" or node.run != run):
            shown = ("yes" if value else "no") if name in YES_OR_NO else in_words(value)
            words.append(visible(f"\n{name}: {shown}"), style="dim")
    return words
