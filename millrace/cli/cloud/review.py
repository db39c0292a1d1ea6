"""`millrace review`: what a change does to the pipeline in every environment, as a comment for a pull request."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import click

from millrace.base import files
from millrace.base.errors import BadInput
from millrace.cli.options import config_options
from millrace.cli.output import echo, say
from millrace.config import environments
from millrace.config.loading import load
from millrace.project import project

if TYPE_CHECKING:
    from millrace.delivery.review import Compiled


@click.command()
@click.option("--against", default="HEAD~1", show_default=True, metavar="COMMIT", help="What it is compared with.")
@config_options
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the comment into this file."
)
def review(against: str, config_file: str, overrides: tuple[str, ...], output: Optional[Path]) -> None:
    """Say in Markdown what changed since a commit: graph, schema in words, compiled job, roles and cost.

    Both are compiled, each by its own code, in every environment or in that of --env; nothing is sent. What nothing
    changes about is said in one sentence.
    """
    from millrace.delivery.checkout import checked_out
    from millrace.delivery.review import comment

    if any(name == "--set" for name, _ in environments.as_options(overrides)):
        raise BadInput("a review is of what is committed, and takes no --set", where="--set", remedy="leave it out")
    root = project.require(Path()).root.resolve()
    place = Path(config_file).resolve()
    if not place.is_relative_to(root):
        raise BadInput("no configuration of this project", where=config_file, remedy="name one below its conf/")
    name = place.relative_to(root).as_posix()
    named = environments.of_overrides(overrides)
    chosen = [named] if named else environments.names(place) or [""]
    with checked_out(root, against) as before:
        had = environments.names(before / name)
        both = {
            one or "the configuration": (
                _compiled(before, name, one) if not one or one in had else None,
                _compiled(root, name, one),
            )
            for one in chosen
        }
        text = comment(against, _schema(before / name, place, chosen), both)
    if output is None:
        echo(text.rstrip())
        return
    files.write_named(output, text)
    say(f"wrote {output}")


def _compiled(folder: Path, name: str, environment: str) -> "Compiled":
    from millrace.delivery.checkout import compiled
    from millrace.delivery.review import Compiled

    config = load(str(folder / name), [environments.option(environment)] if environment else [])
    return Compiled(compiled(folder, name, environment), config)


def _schema(before: Path, after: Path, chosen: Sequence[str]) -> list[str]:
    """What differs in the curated schema, in words; it is the same file in every environment, but an overlay's own."""
    from millrace.schema import words
    from millrace.textproto import schema_text

    said: dict[str, None] = {}
    for one in chosen:
        option = [environments.option(one)] if one else []
        known = environments.names(before)
        earlier = load(str(before), option if not one or one in known else []).schema_.file
        now = load(str(after), option).schema_.file
        if earlier and now:
            changes = words.changes(schema_text.read(earlier).proto, schema_text.read(now).proto)
            said.update(dict.fromkeys(str(change) for change in changes))
        elif earlier or now:
            said["it is curated from now on" if now else "it is inferred from the data from now on"] = None
    return list(said)
