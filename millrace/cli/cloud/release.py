"""`millrace release`: one file that holds what was tested, built, verified, shown and approved."""

import shlex
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Optional

import click

from millrace.base import files, printing
from millrace.base.errors import BadInput
from millrace.base.numbers import size
from millrace.base.printing import TableColumn
from millrace.cli.group import Group
from millrace.cli.options import again, because_option, config_options
from millrace.cli.output import echo, echo_json, say
from millrace.config import environments
from millrace.config.checks import require_writable_root
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.project import project
from millrace.registry.registry import this_person
from millrace.release.bundle import JOB

_KEY = click.option(
    "--public-key", type=click.Path(path_type=Path, dir_okay=False), help="Whose signature it must have: a PEM file."
)
_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group(cls=Group)
def release() -> None:
    """Build, verify, show and approve a release: a compiled job with what it was made from, as one fixed file."""


@release.command("build")
@config_options
@click.option(
    "--job", "job_file", type=click.Path(path_type=Path, dir_okay=False),
    help="The compiled job that was tested.  [default: compiled now]",
)  # fmt: skip
@click.option("--key", default="", metavar="FILE", help="Sign with this private key of Ed25519, a PEM file.")
@click.option("--key-env", default="", metavar="NAME", help="Sign with the key whose PEM text this variable holds.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
    help="The file.  [default: ROOT/releases/NAME-ENV-DIGEST.release.tar]",
)  # fmt: skip
def build_command(
    config_file: str,
    overrides: tuple[str, ...],
    job_file: Optional[Path],
    key: str,
    key_env: str,
    output: Optional[Path],
) -> None:
    """Build a release of the configuration: job, configuration, schema, locks, commit, images, and a digest of each.

    Everything must be committed, the job must be what the configuration compiles to and pass millrace check, and images
    are named by their digest. The same commit gives the same bytes.
    """
    from millrace.cloud.compile import compile_for
    from millrace.jobspec.job import load as load_job
    from millrace.release import bundle, signing
    from millrace.release.build import build

    config = load(config_file, overrides)
    require_writable_root(config)
    signer = signing.private_key(key, key_env) if key or key_env else None
    tested = load_job(job_file) if job_file else None
    if tested and (tested.name, tested.dialect) != (config.name, "vertex"):
        what = f"a job of {tested.name} for {tested.dialect}, and not of {config.name} for vertex"
        raise BadInput(what, where=tested.file)
    compiled = compile_for(config, "vertex")
    made = build(tested or compiled, config, overrides, project.require(Path()).root, compiled)
    data = made.to_bytes()
    target = output or layout(config).local / "releases" / bundle.file_name(made)
    files.write_named(target, data)
    echo(f"release: {target}")
    if signer:
        beside = target.with_name(target.name + signing.SUFFIX)
        files.write_named(beside, signing.signature(data, signer))
        echo(f"signed:  {beside}")
    _say_next(config, config_file, target, signed=signer is not None)


def _say_next(config: Config, config_file: str, target: Path, signed: bool) -> None:
    """How it goes on: by a promotion, where the environment says what its releases come after."""
    from millrace.delivery.approval import approving

    quoted, to = shlex.quote(str(target)), shlex.quote(config.environment)
    if config.promotion.release_from is None:
        within = again(config_file, (environments.option(config.environment),))
        steps = [f"millrace release show {quoted} --into FOLDER", f"millrace submit{within} FOLDER/{JOB}"]
    else:
        steps = [] if signed else ["the same with --key FILE: only a signed release is promoted"]
        if config.promotion.approves_releases:
            steps.append(approving(target, config.promotion.approvers))
        steps.append(f"millrace promote{again(config_file, ())} {quoted} --to {to} --because WHY")
    for number, step in enumerate(steps):
        echo(f"{'then' if number else 'next'}: {step}")


@release.command("verify")
@_FILE
@_KEY
def verify_command(file: Path, public_key: Optional[Path]) -> None:
    """Say whether a release is what was built; what was changed is named.

    Exit code 0: every byte is. 2: it is no release. 3: something was changed, or it is not signed by the key.
    """
    from millrace.release import signing
    from millrace.release.verify import verified

    found = verified(file, signing.public_key(public_key) if public_key else None)
    signed = "and signed by that key" if public_key else "whose signature was not asked for: --public-key does"
    say(f"{file}: whole, {signed}; commit {found.manifest.commit[:12]}")


def _require_room(folder: Path, names: Iterable[str]) -> None:
    """Refuses a folder in which something stands in the way of a file, before any of them is written."""
    for target in (folder / name for name in names):
        in_the_way = [one for one in target.parents if one.exists() and not one.is_dir()]
        if target.is_dir() or in_the_way:
            what = "is a folder where the release has a file" if target.is_dir() else "is a file where a folder must be"
            where = target if target.is_dir() else in_the_way[0]
            raise BadInput(f"{what}: nothing was written", where=str(where), remedy="name another folder with --into")


@release.command("show")
@_FILE
@_KEY
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="Write its files into this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print its manifest as JSON.")
def show_command(file: Path, public_key: Optional[Path], into: Optional[Path], as_json: bool) -> None:
    """Show what is in a release that is whole; with --into its files too, so that the job can be submitted as it is."""
    from millrace.release import signing
    from millrace.release.verify import verified

    found = verified(file, signing.public_key(public_key) if public_key else None)
    manifest = found.manifest
    if into:
        _require_room(into, found.files)
        for name, content in found.files.items():
            files.write_named(into / name, content, remedy="name another folder with --into")
    if as_json:
        echo_json(manifest.model_dump(mode="json"))
        return
    lines = {
        "pipeline": manifest.pipeline,
        "environment": manifest.environment or "none",
        "commit": manifest.commit,
        "library": manifest.library,
        "set": ", ".join(manifest.overrides),
    }
    for name, value in lines.items():
        if value:
            echo(f"{name + ':':<13}{value}")
    for image in manifest.images:
        echo(f"{'image:':<13}{image}")
    echo()
    columns = [TableColumn("file"), TableColumn("size", right=True), TableColumn("sha256")]
    printing.show(columns, [(name, size(one.size), one.sha256[:12]) for name, one in manifest.files.items()])


@release.command("approve")
@_FILE
@_KEY
@because_option
@click.option("--key", default="", metavar="FILE", help="Sign with this private key of Ed25519, a PEM file.")
@click.option("--key-env", default="", metavar="NAME", help="Sign with the key whose PEM text this variable holds.")
def approve_command(file: Path, public_key: Optional[Path], because: str, key: str, key_env: str) -> None:
    """Approve a release that is whole, in a file beside it that goes where the release goes.

    Whether that is asked for, and by whom, is the section promotion of the environment that it goes to.
    """
    from millrace.delivery import approval
    from millrace.release import signing
    from millrace.release.verify import verified

    signer = signing.private_key(key, key_env) if key or key_env else None
    if not because.strip():
        raise click.UsageError("say --because WHY: who reads it later was not there")
    found = verified(file, signing.public_key(public_key) if public_key else None)
    # Of the bytes that were verified: the file may be another one by now.
    whole = found.sha256
    given = approval.approve(file, whole, this_person(), because.strip(), time.time(), signer)
    say(f"{file.name}: approved by {given.who}{', signed' if signer else ''}, in {approval.beside(file)}")
    to = found.manifest.environment or "ENV"
    echo(f"next: millrace promote {shlex.quote(str(file))} --to {shlex.quote(to)} --because WHY")
