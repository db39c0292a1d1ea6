"""`millrace schema`: show, compare and change the data contract, with what the data says beside it."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import click

from millrace.base.errors import SchemaError
from millrace.base.names import did_you_mean
from millrace.cli import completing
from millrace.cli.data import schema_tables as tables
from millrace.cli.group import Group
from millrace.cli.options import config_options
from millrace.cli.output import echo
from millrace.schema import edits, files, words
from millrace.schema import impact as impacts
from millrace.schema import lint as rules
from millrace.schema.workbench import Workbench
from millrace.textproto import schema_text

_SLICES = 6
_LAST = click.option("-n", "--last", default=10, show_default=True, type=click.IntRange(min=1), help="Runs to look at.")


@click.group(cls=Group)
def schema() -> None:
    """Show, compare and change the data contract.

    A run that was blocked: propose, accept, run again. A decision of your own: edit. What it would have done to past
    runs: impact.
    """


def _command(function: Callable[..., Any]) -> Any:
    """A command of the group that gets the workbench first, and has `-c`, `--set` and `--json`."""

    @functools.wraps(function)
    def start(config_file: str, overrides: tuple[str, ...], **options: Any) -> Any:
        return function(Workbench.of(config_file, overrides), **options)

    with_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(start)
    return schema.command(function.__name__.strip("_"))(config_options(with_json))


@_command
@click.argument("features", nargs=-1, metavar="[FEATURE]...")
@click.option("--all", "every", is_flag=True, help="On a terminal, a row for each feature, those alike too.")
@click.option("--split", default=None, help="The split whose statistics to show; train when there is one.")
@click.option("--slice", "slice_", default="", help="The slice of its rows, as statistics.slices makes them; all rows.")
def show(
    bench: Workbench, features: tuple[str, ...], every: bool, split: Optional[str], slice_: str, as_json: bool
) -> None:
    """Show the features, or those that are named, and what the latest run saw of them.

    On a terminal features of which the schema says the same are told as one; a pipe has each of them.
    """
    source = bench.read() if bench.config.schema_.file else bench.source("run:last")
    splits = bench.seen(slice_)
    if split is not None and split not in splits:
        remedy = f"the latest run has: {', '.join(splits) or 'no statistics'}"
        raise SchemaError("no such split", where=split, remedy=remedy)
    rows = tables.feature_rows(source.proto, splits)
    known = {row["feature"] for row in rows}
    for name in features:
        if name not in known:
            near = did_you_mean(name, known)
            raise SchemaError(f"no such feature{near}", where=name, remedy="millrace schema show --all lists them")
    undescribed = sorted({path for columns in splits.values() for path in columns} - known)
    run = bench.latest.run_id if bench.latest else None
    shown = [row for row in rows if row["feature"] in features] if features else rows
    if as_json:
        facts: dict[str, Any] = {"file": source.name, "run": run, "undescribed": undescribed}
        facts |= {"environments": list(source.proto.default_environment), "slice": slice_, "slices": bench.slices()}
        tables.print_json({**facts, "features": shown})
        return
    split = split or ("train" if "train" in splits else next(iter(splits), None))
    if tables.print_features(shown, split, grouped=not (every or features)):
        echo("alike are told as one: --all shows each, FEATURE one")
    if features:
        return
    environments = ", ".join(source.proto.default_environment) or "none"
    echo(f"{source.name}: {len(rows)} features, environments: {environments}")
    echo(
        f"seen: in {f'slice {slice_} of ' if slice_ else ''}run {run}"
        if run
        else f"{bench.lacks}: millrace run{bench.option}"
    )
    if not slice_ and bench.slices():
        first = list(bench.slices())[:_SLICES]
        rest = len(bench.slices()) - len(first)
        echo(f"slices, for --slice: {', '.join(first)}{f' and {rest} more' if rest else ''}")
    if undescribed:
        echo(f"in the data, and not in the schema: {', '.join(undescribed)}")


@_command
@click.argument("data", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@click.option(
    "--run",
    "run_id",
    shell_complete=completing.run_ids,
    default="latest",
    show_default=True,
    help="Without DATA: the run to infer from.",
)
@click.option("--force", is_flag=True, help="Overwrite the output; undo takes it back.")
def infer(
    bench: Workbench, data: tuple[Path, ...], output: Optional[Path], run_id: str, force: bool, as_json: bool
) -> None:
    """Infer a schema from DATA (CSV or Parquet files), or from a run's statistics."""
    from millrace.schema import inference

    statistics = inference.statistics_of(data) if data else list(bench.run(run_id).statistics.values())
    text = inference.text(inference.schema_of(statistics))
    if output is not None:
        if output.exists() and not force:
            raise SchemaError("this file exists", where=str(output), remedy="add --force to overwrite it")
        output.parent.mkdir(parents=True, exist_ok=True)
        before = schema_text.read_text(output) if output.exists() else ""
        with files.locked(output):
            files.History(bench.history_folder, output).change(before, text, "infer", ("a schema was inferred",))
    if as_json:
        tables.print_json({"file": str(output) if output else None, "schema": text})
    elif output:
        echo(f"{output}: written")
    elif sys.stdout.isatty():
        echo(text, nl=False)
    else:
        click.echo(text, nl=False, color=True)  # a file's content, which click must not strip of anything


@_command
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(bench: Workbench, file: Optional[Path], as_json: bool) -> None:
    """Look for mistakes in the file (the configured one, or FILE); exit code 2 when there are errors."""
    try:
        source = schema_text.read(file) if file else bench.read()
    except SchemaError as error:
        if as_json:
            tables.print_json({"file": str(file or bench.path), "error": {"where": error.where, "what": error.what}})
            raise click.exceptions.Exit(2) from error
        raise
    issues = rules.lint(source, bench.seen(), bench.uses)
    if as_json:
        tables.print_json({"file": source.name, "findings": [vars(finding) for finding in issues]})
    elif issues:
        tables.print_findings(issues, source.name)
    else:
        echo(f"{source.name}: nothing to fix")
    if any(finding.severity == "error" for finding in issues):
        raise click.exceptions.Exit(2)


@_command
@click.argument("before", required=False, shell_complete=completing.schema_sources)
@click.argument("after", required=False, shell_complete=completing.schema_sources)
def diff(bench: Workbench, before: Optional[str], after: Optional[str], as_json: bool) -> None:
    """Tell in words how AFTER differs from BEFORE.

    Each is a file, a git revision as REVISION:PATH, or a run's schema as run:ID or run:latest. AFTER is the configured
    file when it is left out, and BEFORE its last committed version.
    """
    old = bench.source(before or f"HEAD:{bench.path}")
    new = bench.source(after) if after else bench.read()
    changes = words.changes(old.proto, new.proto)
    if as_json:
        tables.print_json({"before": old.name, "after": new.name, "changes": [vars(change) for change in changes]})
        return
    for change in changes:
        echo(str(change))
    if not changes:
        echo(f"{old.name} and {new.name} say the same")


@_command
def propose(bench: Workbench, as_json: bool) -> None:
    """Propose an edit for each anomaly of the latest run."""
    run = bench.run("latest")
    proposals = edits.proposals(bench, bench.read(), run)
    if as_json:
        tables.print_json({"run": run.run_id, "proposals": [tables.proposal_values(one) for one in proposals]})
        return
    if not proposals:
        echo(f"run {run.run_id} found nothing that the schema does not expect")
        return
    tables.print_proposals(proposals)
    echo(f"of run {run.run_id}; to take one: millrace schema accept N{bench.option}")


@_command
@click.argument("numbers", nargs=-1, metavar="N...")
@click.option("--all-of", "reasons", multiple=True, metavar="REASON", help="Every proposal for a reason. Repeatable.")
def accept(bench: Workbench, numbers: tuple[str, ...], reasons: tuple[str, ...], as_json: bool) -> None:
    """Make proposed edits in the file, by their numbers or by the anomalies' reason."""
    if not numbers and not reasons:
        raise SchemaError("say which", remedy=f"millrace schema propose{bench.option} lists them")
    made = edits.accept(bench, bench.run("latest"), numbers, reasons)
    if as_json:
        tables.print_json({"accepted": list(made.numbers), "words": list(made.words), "patch": made.patch})
        return
    _print_made(bench, made)


@_command
@click.argument("columns", nargs=-1, required=True, metavar="COLUMN...")
def drop(bench: Workbench, columns: tuple[str, ...], as_json: bool) -> None:
    """Take columns out of the file, as data.leave_out wants it."""
    made = edits.drop(bench, columns)
    if as_json:
        tables.print_json({"dropped": list(columns), "words": list(made.words), "patch": made.patch})
        return
    _print_made(bench, made)


def _print_made(bench: Workbench, made: edits.MadeEdit) -> None:
    echo("\n".join(made.words) or "the file says so already: nothing changed")
    tables.print_patch(made.patch)
    if made.words:
        echo(f"to take it back: millrace schema undo{bench.option}")
        echo(f"what it does to past runs: millrace schema impact{bench.option}")


@_command
@click.option("--force", is_flag=True, help="Also when the file was edited by hand since.")
def undo(bench: Workbench, force: bool, as_json: bool) -> None:
    """Take the workbench's last edit back."""
    with files.locked(bench.path):
        edit = bench.history.undo(force)
    if as_json:
        tables.print_json({"undone": edit.why, "when": edit.when, "words": list(edit.words)})
        return
    echo(f"taken back: {edit.why} of {edit.when}")
    for line in edit.words:
        echo(f"  {line}")


@_command
@_LAST
def impact(bench: Workbench, last: int, as_json: bool) -> None:
    """Say what the file would have done to the last N runs, without reading their data again."""
    source = bench.read()
    impacts_of_runs = impacts.impact(source.proto, bench.last(last), bench.blocks)
    if as_json:
        tables.print_json({"file": source.name, "runs": [tables.impact_values(item) for item in impacts_of_runs]})
    elif impacts_of_runs:
        tables.print_impacts(impacts_of_runs)
    else:
        echo(f"{bench.lacks}: millrace run{bench.option}")


@_command
@_LAST
def edit(bench: Workbench, last: int, as_json: bool) -> None:
    """Open the file in $EDITOR; on save, check it, show what changed and what it would do, and ask."""
    source = schema_text.read_text(bench.path)
    draft = bench.history.draft
    draft.parent.mkdir(parents=True, exist_ok=True)
    if not (draft.exists() and click.confirm(f"an edit was interrupted ({draft}); go on with it?", default=True)):
        files.write(draft, source)
    while True:
        click.edit(filename=str(draft))
        text = schema_text.read_text(draft)
        if text == source:
            draft.unlink()
            echo("nothing changed")
            return
        choices = {"e": "keep editing", "r": "revert"}
        changed = _reviewed(bench, source, text, last)
        if changed is not None:
            choices["k"] = "keep"
        offered = ", ".join(f"{key} = {word}" for key, word in choices.items())
        answer = click.prompt(f"{offered}?", type=click.Choice(list(choices)), show_choices=False)
        if answer == "r":
            draft.unlink()
            echo("reverted: the file is as it was")
            return
        if answer == "k" and changed is not None:
            break
    _keep(bench, source, text, changed, draft)
    if as_json:
        tables.print_json({"words": list(changed)})
    else:
        echo(f"kept; to take it back: millrace schema undo{bench.option}")


def _reviewed(bench: Workbench, before: str, after: str, last: int) -> Optional[tuple[str, ...]]:
    """Shows what an edit says and does; returns the changes in words, or None when the text is not a schema."""
    try:
        review = edits.review(bench, before, after, last)
    except SchemaError as error:
        echo(f"{error.where}: {error.what}", err=True)
        return None
    if review.issues:
        tables.print_findings(review.issues, bench.shown_path)
    for line in review.words:
        echo(line)
    if review.impacts:
        tables.print_impacts(review.impacts)
    return review.words


def _keep(bench: Workbench, before: str, after: str, changes_made: tuple[str, ...], draft: Path) -> None:
    try:
        edits.keep(bench, before, after, changes_made)
    except SchemaError as error:
        raise SchemaError(error.what, where=error.where, remedy=f"your edit is kept in {draft}") from error
    draft.unlink()
