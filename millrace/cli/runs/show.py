"""`millrace runs show`: one run, the reason first."""

import json
import time
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from millrace.base import printing
from millrace.base.numbers import counted, rounded, seconds
from millrace.base.outcomes import FAULT, State, blessing
from millrace.base.printing import TableColumn
from millrace.base.visible import visible
from millrace.cli import completing
from millrace.cli.options import again, config_options
from millrace.cli.output import echo_json
from millrace.cli.running.board import STYLES
from millrace.cli.running.failures import say_failure
from millrace.components.evaluator.gate_report import EXAMPLE_COUNT
from millrace.config.environments import as_options
from millrace.config.loading import load
from millrace.config.trials import as_asked
from millrace.metadata.evaluations import by_slice
from millrace.metadata.run_details import RunDetail, StageDetail, run_detail
from millrace.metadata.run_names import named
from millrace.metadata.run_summaries import Runs
from millrace.tables import windows
from millrace.tables.patterns import FilePattern

_COLUMNS = (
    TableColumn("stage"),
    TableColumn("state"),
    TableColumn("seconds", right=True),
    TableColumn("why", folds=True, breaks=True),
)
_LOG_LINES = 8


@click.command()
@click.argument("run", default="last", shell_complete=completing.run_ids)
@config_options
@click.option("--outputs", is_flag=True, help="Also where each artifact lies.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def show(run: str, config_file: str, overrides: tuple[str, ...], outputs: bool, as_json: bool) -> None:
    """Show a run: its stages and why each ran or was cached, verdicts, metrics, and what to do.

    RUN: an id or the beginning of one, or last, last~1 and so on; the newest when left out.
    """
    runs = Runs(load(config_file, overrides))
    detail = run_detail(runs, named(runs, run), time.time())
    assert detail is not None, "it was found by its name"
    if as_json:
        echo_json(detail)
    else:
        print_detail(detail, Console(highlight=False), outputs)


def print_detail(detail: RunDetail, console: Console, outputs: bool = False) -> None:
    """Prints a run for a person: why it ended so, its stages, what was judged, what it was made from.

    Args:
        detail: the run.
        console: where a person looks.
        outputs: whether the places of its artifacts are printed too.
    """
    summary = detail.summary
    kind = "rehearsal" if summary.rehearsal else "run"
    state = Text(summary.state.value, style=STYLES[summary.state])
    took = "" if summary.state is State.RUNNING else f" in {seconds(summary.seconds)} s"
    head = Text(f"{kind} {visible(summary.run_id)}: ") + state + f"{took}, began {summary.started}"
    printing.say(head, console)
    broken_off = summary.state in (State.INTERRUPTED, State.KILLED) and bool(summary.reason)
    if broken_off:
        printing.say(visible(summary.reason), console)
    elif detail.failure:
        say_failure(detail.failure, detail.remedy, console)
    if detail.remedy and (broken_off or not detail.failure):
        printing.say(f"remedy: {detail.remedy}", console, indent=2)
    if detail.stages:
        console.print()
        printing.show(_COLUMNS, [_stage(stage) for stage in detail.stages], console)
    console.print()
    for title, text, style in _facts(detail):
        printing.say(Text(f"{title + ':':<16}", style=style) + Text(visible(text)), console)
    if outputs:
        console.print()
        printing.show(_OUTPUTS, _outputs(detail), console)
    # What a gate or the input's fault has to say is said above; of anything else the log knows more.
    if detail.failure and detail.failure.exit_code == FAULT and detail.log_tail:
        console.print()
        printing.say(f"the end of {detail.log}:", console)
        for line in detail.log_tail[-_LOG_LINES:]:
            printing.say(line, console, indent=2)


def _stage(stage: StageDetail) -> tuple[printing.Cell, ...]:
    took = "" if stage.seconds is None else seconds(stage.seconds)
    words = "; ".join(filter(None, (stage.note, stage.why)))
    return stage.stage, Text(stage.state.value, style=STYLES[stage.state]), took, words


def _facts(detail: RunDetail) -> list[tuple[str, str, str]]:
    """Titles, texts and styles of what is said below the stages, the unhappy first."""
    facts = []
    for verdict in sorted(detail.verdicts, key=lambda one: one.blessed):
        why = f"; {verdict.reason}" if verdict.reason else ""
        facts.append((verdict.stage, blessing(verdict.blessed) + why, "" if verdict.blessed else "bold red"))
    slices = by_slice(detail.metrics)
    for name, of_slice in slices.items():
        missed = [f"{metric} {threshold}" for metric, one in of_slice.items() for threshold in one.missed]
        if missed:
            facts.append(("missed", f"{name}: {', '.join(missed)}", "bold red"))
    summary = detail.summary
    if summary.metrics:
        # How many examples there were is no metric, though TFMA counts it as one.
        metrics = [f"{name} {rounded(value, 4)}" for name, value in summary.metrics.items() if name != EXAMPLE_COUNT]
        facts.append(("metrics", "  ".join(metrics), ""))
    folded = [(one.name, one.overall.folds) for one in detail.metrics if one.overall.folds]
    facts += [("folds", folds.origin(), "") for _, folds in folded[:1]]
    facts += [("folds", f"{name} {folds.words()}", "") for name, folds in folded]
    facts += [(title, said, "") for title, said in detail.predictions]
    measured = len(slices) - 1
    if measured > 0:
        facts.append(("slices", f"{measured} measured; all are in {detail.gate_report}", ""))
    if summary.cleaned:
        option = again(detail.request.config_file, detail.request.overrides) if detail.request else ""
        repeat = f"millrace runs repeat {summary.run_id}{option} makes it again"
        facts.append(("cleaned", f"millrace runs clean deleted what it made, and its log; {repeat}", ""))
    elif gone := sorted({one.path for stage in detail.stages for one in stage.outputs if not one.there}):
        more = f" and {len(gone) - 1} more (--outputs has all)" if len(gone) > 1 else ""
        facts.append(("gone", f"{gone[0]}{more}: what stood in there is not shown", "bold red"))
    if summary.pushed_to and not summary.cleaned:
        facts.append(("trial" if summary.trial else "pushed to", summary.pushed_to, ""))
    facts += [("data", text, "") for text in [_data(detail)] if text]
    facts += [("code", text, "") for text in [_code(detail)] if text]
    facts += [("environment", text, "") for text in [_environment(detail)] if text]
    if detail.request:
        asked = as_options(as_asked(detail.request.overrides, detail.request.repeats))
        values = "".join(f" {option} {value}" for option, value in asked)
        repeats = f", to repeat run {detail.request.repeats}" if detail.request.repeats else ""
        facts.append(("asked for", f"{detail.request.config_file}{values}{repeats}", ""))
    if detail.log:
        facts.append(("log", detail.log, ""))
    return facts


def _data(detail: RunDetail) -> str:
    """The span and the files, as ExampleGen's driver and the run's own record have them."""
    examples = detail.output("ExampleGen", "examples")
    span = examples.properties.get("span") if examples else None
    files = detail.provenance.data if detail.provenance else None
    window = examples.properties.get("spans") if examples else None
    words = [f"span {_span_name(detail, span)}"] if span not in (None, "") else []
    words = [windows.in_words(json.loads(str(window)))] if window else words
    if files and files.count:
        words.append(f"{counted(files.count, 'file')}, {files.bytes:,} bytes: {files.files[0]}")
        words += ["..."] if files.count > 1 else []
    return ", ".join(words)


def _span_name(detail: RunDetail, span: Any) -> str:
    """A span as its run's file pattern names it; its number where the run did not record that."""
    patterns = detail.provenance.configuration.get("data", {}).get("pattern") if detail.provenance else None
    first = next(iter(patterns.values()), None) if isinstance(patterns, dict) else patterns
    try:
        return FilePattern.parse(first).span_name(int(span)) if isinstance(first, str) else str(span)
    except ValueError:
        return str(span)


def _code(detail: RunDetail) -> str:
    revision = detail.provenance.revision if detail.provenance else None
    if revision is None or not revision.commit:
        return ""
    branch = f" ({revision.branch})" if revision.branch else ""
    changed = f", {counted(len(revision.changed), 'file')} not committed" if not revision.clean else ""
    return f"commit {revision.commit[:12]}{branch}{changed}"


def _environment(detail: RunDetail) -> str:
    return str(detail.provenance.configuration.get("environment", "")) if detail.provenance else ""


_OUTPUTS = (TableColumn("stage"), TableColumn("output"), TableColumn("made by"), TableColumn("path"))


def _outputs(detail: RunDetail) -> Sequence[tuple[printing.Cell, ...]]:
    return [
        (stage.stage, one.key, one.made_by, one.path + ("" if one.there else " (not there any more)"))
        for stage in detail.stages
        for one in stage.outputs
    ]
