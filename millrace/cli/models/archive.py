"""`millrace models export` and `import`: a version as one file."""

from pathlib import Path
from typing import Optional

import click

from millrace.base.numbers import size
from millrace.cli import completing
from millrace.cli.models.models import opened, version_json
from millrace.cli.options import again, because_option, config_options
from millrace.cli.output import echo_json, say
from millrace.cli.version_words import next_steps, standing
from millrace.config.loading import load
from millrace.registry import archive


@click.command()
@click.argument("version", default="champion", shell_complete=completing.versions)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="By default MODEL-VERSION.tar, here.",
)
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def export(version: str, output: Optional[Path], config_file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Write a version to one archive: the SavedModel, what is known of it, and a checksum of each file.

    VERSION: a number or an alias; the champion when left out.
    """
    with opened(load(config_file, overrides)) as registry:
        one = registry.version(version)
        target = output or Path(f"{one.model}-{one.number}.tar")
        written = archive.export(registry, one, target)
        if as_json:
            echo_json({"file": str(target), "bytes": written, "number": one.number, "checksum": one.checksum})
        else:
            say(f"{target}: version {one.number} of {one.model}, {size(written)}, sha256 {one.checksum[:16]}")


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@because_option
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print the version as JSON.")
def import_command(file: Path, because: str, config_file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Take in a version from an archive that `millrace models export` wrote.

    It is registered, and neither approved nor served by that. Where the registry knows it and its files are gone, they
    are put back.
    """
    with opened(load(config_file, overrides)) as registry:
        done = archive.import_version(registry, file, because)
        if as_json:
            echo_json({**version_json(done.version), "restored": done.restored})
            return
        what = "is whole again" if done.restored else "is registered"
        say(f"version {done.version.number} {what}: {standing(done.version)}")
        above = registry.above_champion()
        if above == done.version.number:
            say(f"a server that polls {registry.serving} by itself serves it at once: it is the highest number there")
        if not done.restored:
            for line in next_steps(done.version, above, again(config_file, overrides)):
                say(line, whole=True)
