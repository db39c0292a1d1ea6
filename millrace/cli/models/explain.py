"""`millrace models compare` and `why`: what differs between two versions, and a version's story."""

import time

import click
from rich.console import Console

from millrace.base import printing
from millrace.base.errors import BadInput
from millrace.base.numbers import counted, rounded, share
from millrace.base.printing import TableColumn
from millrace.cli import completing
from millrace.cli.models.models import opened, quiet, version_json
from millrace.cli.options import config_options
from millrace.cli.output import echo_json
from millrace.cli.runs.diff import print_comparison
from millrace.cli.version_words import print_events, standing, when
from millrace.config.loading import load
from millrace.metadata.run_summaries import Runs
from millrace.registry.events import CANDIDATE, CHAMPION
from millrace.registry.registry import Registry
from millrace.registry.replay import Replay
from millrace.registry.story import Story, story
from millrace.registry.version import Version
from millrace.registry.version_comparison import VersionComparison, compare_versions

_NUMBERS = [TableColumn(head, right=True) for head in ("before", "after", "change")]
_TIMES = (
    TableColumn("alias"),
    TableColumn("from"),
    TableColumn("until"),
    TableColumn("why", folds=True, breaks=True),
)


@click.command("compare")
@click.argument("versions", nargs=-1, metavar="[BEFORE] [AFTER]", shell_complete=completing.versions)
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def compare_command(versions: tuple[str, ...], config_file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Compare two versions: signatures, configuration, code, schema, data, metrics and slices.

    BEFORE and AFTER: a number or an alias. One alone is compared with the champion; with none it is the candidate, or
    else the newest version.
    """
    if len(versions) > 2:
        raise click.UsageError("name two versions at most")
    config = load(config_file, overrides)
    with opened(config) as registry:
        old = registry.version(versions[0] if len(versions) == 2 else CHAMPION)
        new = registry.version(versions[-1]) if versions else _newest(registry)
        if old.number == new.number:
            raise BadInput(f"both are version {old.number}", remedy="name two; millrace models list shows them")
        with quiet(config):
            comparison = compare_versions(Runs(config), old, new)
        if as_json:
            both = {"before": version_json(old), "after": version_json(new)}
            echo_json({**both, "signatures": comparison.signatures, "same_files": comparison.same_files,
                       "runs": comparison.runs, "metrics": comparison.metrics})  # fmt: skip
        else:
            _print_comparison(comparison, Console(highlight=False))


def _newest(registry: Registry) -> Version:
    """The candidate, or else the newest version that may be served and is not."""
    others = [one for one in registry.versions() if not one.trial and CHAMPION not in one.aliases]
    if not others:
        raise BadInput("there is no version beside the champion", remedy="millrace models list shows them")
    return next((one for one in others if CANDIDATE in one.aliases), others[-1])


def _print_comparison(comparison: VersionComparison, console: Console) -> None:
    for sign, one in (("-", comparison.before), ("+", comparison.after)):
        printing.say(f"{sign} {one.number}  {standing(one)}, registered {when(one.registered)}", console)
    if comparison.same_files:
        printing.say("\nboth have the same files", console)
    printing.say("\nsignatures" if comparison.signatures else "\nsignatures: the same", console)
    for line in comparison.signatures:
        printing.say(line, console, indent=2)
    if comparison.runs:
        console.print()
        print_comparison(comparison.runs, console)
        return
    printing.say(f"\nruns: not compared; {comparison.why_no_runs}", console)
    if comparison.metrics:
        console.print()
        rows = [
            (one.metric, rounded(one.before, 4), rounded(one.after, 4), f"{one.after - one.before:+.3g}")
            for one in comparison.metrics
        ]
        printing.show([TableColumn("metric"), *_NUMBERS], rows, console)


@click.command()
@click.argument("version", default="champion", shell_complete=completing.versions)
@config_options
@click.option("--no-replay", is_flag=True, help="Do not ask both versions the same.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def why(version: str, config_file: str, overrides: tuple[str, ...], no_replay: bool, as_json: bool) -> None:
    """Tell a version's story: data, verdicts, approvals, when it was served, and what going back would change.

    VERSION: a number or an alias; the champion when left out. The champion and the version to go back to are asked the
    requests of the last seven days, or where none were logged the examples on which the champion was judged, and the
    decisions that differ are counted.
    """
    config = load(config_file, overrides)
    with opened(config) as registry:
        one = registry.version(version)
        with quiet(config):
            told = story(registry, Runs(config), one, time.time(), asks=not no_replay)
        if as_json:
            echo_json(
                {
                    **version_json(one), "judges": told.verdicts, "served": told.served, "events": told.events,
                    "answered": told.answered, "replay": told.replay, "no_replay": told.no_replay,
                }
            )  # fmt: skip
        else:
            print_story(told, Console(highlight=False))


def print_story(told: Story, console: Console) -> None:
    """Prints a version's story.

    Args:
        told: the story.
        console: where a person looks.
    """
    version, kept = told.version, told.version.facts
    printing.say(f"version {version.number} of {version.model}: {standing(version)}", console)
    made = [
        f"learned from span {version.span}" if version.span is not None else "learned from data without a span",
        f"under schema {kept.schema_digest}" if kept.schema_digest else "",
        f"with commit {kept.commit}" if kept.commit else "",
        f"in run {version.run}" if version.run else f"imported from {kept.imported_from}",
    ]
    printing.say("\nmade from", console)
    for line in filter(None, made):
        printing.say(line, console, indent=2)
    printing.say("\njudged", console)
    for verdict in told.verdicts:
        reason = f": {verdict.reason}" if verdict.reason else ""
        printing.say(f"{verdict.stage} {'blessed' if verdict.blessed else 'did not bless'} it{reason}", console, 2)
    if kept.judged:
        printing.say("  ".join(f"{name} {rounded(value, 4)}" for name, value in kept.judged.items()), console, 2)
    if not told.verdicts and not kept.judged:
        printing.say("nothing is known here of its evaluation", console, 2)
    printing.say("\nserved" if told.served else "\nserved: never", console)
    if told.served:
        rows = [(one.alias, when(one.since), when(one.until) or "now", one.because) for one in told.served]
        printing.show(_TIMES, rows, console)
    if told.answered:
        one = told.answered
        span = f", from {when(str(one.since))} to {when(str(one.until))}" if one.since and one.until else ""
        printing.say(f"\nanswered {one.requests:,} requests with {counted(one.rows, 'row')}{span}", console)
        for label, count in sorted(one.decisions.items(), key=lambda pair: -pair[1]):
            printing.say(f"{label}: {count:,} ({share(count, one.rows)})", console, 2)
    printing.say("\nwhat happened", console)
    print_events(told.events, console, numbered=False)
    console.print()
    if told.replay:
        for line in _replay_lines(told.replay):
            printing.say(line, console)
    elif told.no_replay:
        printing.say(f"what going back would change is not known: {told.no_replay}", console)


def _replay_lines(replay: Replay) -> list[str]:
    what = "decisions" if replay.decisions else "predictions"
    lines = [
        f"if {replay.then} answered in place of {replay.now}: {replay.flipped:,} of {replay.examples:,} {what} would "
        f"be others ({share(replay.flipped, replay.examples)})",
        f"  asked with {replay.asked}",
    ]
    lines += [f"  {change}: {count:,}" for change, count in replay.changes.items()]
    numbers = "probabilities" if replay.decisions else "predictions"
    lines.append(
        f"  {numbers} differ by {rounded(replay.difference, 3)} in the mean, {rounded(replay.largest, 3)} at most"
    )
    return lines
