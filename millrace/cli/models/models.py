"""`millrace models`: the versions of a pipeline's model, and what may be served; its commands decide and explain."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from millrace.base import printing
from millrace.base.numbers import counted, rounded, size
from millrace.base.printing import TableColumn
from millrace.base.quiet import output_to
from millrace.cli import completing
from millrace.cli.group import LazyGroup
from millrace.cli.options import again, config_options
from millrace.cli.output import echo, echo_json
from millrace.cli.version_words import print_events, standing, state_cell, when
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.metadata.run_summaries import Runs
from millrace.registry.events import Event
from millrace.registry.intake import open_registry, up_to_date
from millrace.registry.registry import Registry
from millrace.registry.version import Version

COMMANDS = {
    "list": ("models.models:list_command", "List versions; what millrace models does by itself."),
    "show": ("models.models:show", "Show a version: what it is, what it was made from, what happened to it."),
    "compare": ("models.explain:compare_command", "Compare two versions: what went in, what they score."),
    "approve": ("models.decide:approve", "Say that a version may be served."),
    "reject": ("models.decide:reject", "Say that a version must not be served."),
    "alias": ("models.decide:alias", "Have an alias name a version, or take an alias away."),
    "rollback": ("models.decide:rollback", "Go back to an earlier champion, once that has answered."),
    "card": ("models.card:card", "Write a version's model card, and say what nobody has written."),
    "why": ("models.explain:why", "Tell a version's story, and what going back would change."),
    "export": ("models.archive:export", "Write a version to one archive, with checksums."),
    "import": ("models.archive:import_command", "Take in a version from an archive."),
}
_FIELDS = ("version", "state", "aliases", "registered", "run", "span", "metrics", "folder")


class _Models(LazyGroup):
    """Lists versions where no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        bare = not args and not ctx.resilient_parsing
        if bare or (args and args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Models, commands_by_path=COMMANDS)
def models() -> None:
    """List the versions of the model, decide which are served, and explain them.

    Without a command it lists them, with the options of `millrace models list`. VERSION is a number or an alias;
    champion is the version that is served.
    """


@contextmanager
def opened(config: Config) -> Iterator[Registry]:
    """The registry of a pipeline, with all that was pushed; what TensorFlow says meanwhile goes to a log.

    Args:
        config: the pipeline's configuration.
    """
    with open_registry(config) as registry:
        with quiet(config):
            up_to_date(registry, Runs(config))
        yield registry


@contextmanager
def quiet(config: Config) -> Iterator[None]:
    """Sends what libraries print to the file `models.log` in the pipeline's folder.

    Args:
        config: the pipeline's configuration.
    """
    with output_to(log_file(config)):
        yield


def log_file(config: Config) -> Path:
    """The log of these commands."""
    return layout(config).local / "models.log"


@click.command("list")
@config_options
@click.option("--trials", is_flag=True, help="Also the models of trials, which are not served.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(config_file: str, overrides: tuple[str, ...], trials: bool, as_json: bool) -> None:
    """List versions with their states, aliases and metrics, the newest last.

    In a pipe the fields are whole, with tabs between them.
    """
    config = load(config_file, overrides)
    with opened(config) as registry:
        every = registry.versions()
        versions = [one for one in every if trials or not one.trial]
        if as_json:
            echo_json([version_json(one) for one in versions])
        elif versions:
            print_versions(versions, Console(highlight=False))
            hidden = len(every) - len(versions)
            if hidden and Console().is_terminal:
                echo(f"{counted(hidden, 'trial')} not shown: --trials shows them")
        else:
            option = again(config_file, overrides)
            echo(f"no version of {config.name} yet: millrace run{option} pushes what the judges bless")


def version_json(version: Version) -> dict[str, object]:
    """A version as JSON has it: what is known of it, and how it stands."""
    return {
        "model": version.model,
        "number": version.number,
        "state": version.state.value,
        "aliases": list(version.aliases),
        "there": version.there,
        "run": version.run,
        "registered": version.registered,
        **version.facts.to_details(),
    }


def print_versions(versions: Sequence[Version], console: Console) -> None:
    """Prints a line for each version.

    Args:
        versions: the newest last.
        console: where a person looks.
    """
    if not console.is_terminal:
        for line in printing.separated(_FIELDS, [_fields(one) for one in versions]):
            # rich would make spaces of the tabs.
            print(line, file=console.file)
        return
    heads = ("version", "state", "alias", "registered (UTC)", "metrics")
    columns = [TableColumn(head) for head in heads]
    for most in range(max(len(one.facts.judged) for one in versions), -1, -1):
        rows: list[tuple[printing.Cell, ...]] = [
            (
                str(one.number),
                state_cell(one),
                ", ".join(one.aliases),
                when(one.registered),
                # Those that have a threshold, as many as there is room for; the others are in `models show`.
                "  ".join(f"{name} {rounded(value, 4)}" for name, value in list(one.facts.judged.items())[:most]),
            )
            for one in versions
        ]
        if max(map(len, printing.lines(columns, rows))) <= console.width:
            break
    printing.show(columns, rows, console)


def _fields(version: Version) -> tuple[str, ...]:
    metrics = "; ".join(f"{name} {rounded(value, 4)}" for name, value in version.facts.metrics.items())
    span = "" if version.span is None else str(version.span)
    aliases = ", ".join(version.aliases)
    return (
        str(version.number), str(state_cell(version)), aliases, version.registered, version.run, span, metrics,
        str(version.folder),
    )  # fmt: skip


@click.command()
@click.argument("version", default="champion", shell_complete=completing.versions)
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def show(version: str, config_file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show a version: what it is, what it was made from, and what happened to it.

    VERSION: a number or an alias; the champion when left out.
    """
    with opened(load(config_file, overrides)) as registry:
        one = registry.version(version)
        events = registry.events(one.number)
        if as_json:
            echo_json({**version_json(one), "events": events})
        else:
            print_version(one, events, Console(highlight=False))


def print_version(version: Version, events: Sequence[Event], console: Console) -> None:
    """Prints a version for a person: how it stands, what it was made from, and what happened to it.

    Args:
        version: any.
        events: those of the version.
        console: where a person looks.
    """
    printing.say(f"version {version.number} of {version.model}: {standing(version)}", console)
    for title, text in _facts(version):
        printing.say(f"{title + ':':<13}{text}", console)
    console.print()
    print_events(events, console, numbered=False)


def _facts(version: Version) -> list[tuple[str, str]]:
    kept = version.facts
    lines = [
        ("folder", f"{version.folder}{'' if version.there else ' (not there any more)'}"),
        ("files", f"{counted(len(kept.files), 'file')}, {size(kept.bytes)}, sha256 {kept.checksum[:16]}"),
    ]
    for name, one in version.signatures.items():
        more = f", and {len(one.inputs) - 3} more" if len(one.inputs) > 3 else ""
        inputs = ", ".join(f"{key} {kind}" for key, kind in list(one.inputs.items())[:3])
        outputs = ", ".join([*list(one.outputs)[:3], *(["..."] if len(one.outputs) > 3 else [])])
        lines.append(("signature", f"{name}({inputs}{more}) gives {outputs}"))
    if kept.vertex:
        lines.append(("Vertex AI", kept.vertex))
    if version.run:
        lines.append(("run", version.run))
    if kept.imported_from:
        lines.append(("imported", f"from {kept.imported_from}"))
    if version.span is not None:
        lines.append(("span", str(version.span)))
    lines.append(("data", kept.fingerprint.replace(",", ", ") or "not recorded"))
    lines.append(("schema", kept.schema_digest or "inferred, or not recorded"))
    if kept.commit:
        lines.append(("code", f"commit {kept.commit}"))
    if kept.metrics:
        words = [f"{name} {rounded(value, 4)}" for name, value in kept.metrics.items() if name != "example_count"]
        lines.append(("metrics", "  ".join(words)))
    if kept.verdicts:
        said = [f"{stage} {'blessed' if yes else 'did not bless'} it" for stage, yes in kept.verdicts.items()]
        lines.append(("verdicts", ", ".join(said)))
    if kept.gate_report:
        lines.append(("gate report", kept.gate_report))
    return lines
