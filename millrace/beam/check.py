"""What would go wrong with the data stages on another engine, found on this machine before anything is sent."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from millrace.base.errors import BadInput, ConfigError
from millrace.beam.arguments import beam_arguments
from millrace.beam.options import option_problems
from millrace.beam.package import package_problems
from millrace.config.beam_section import Beam
from millrace.config.config import Config
from millrace.project.project import entered

_SERVER_SECONDS = 10
_CARRIERS = ("--setup_file=", "--sdk_container_image=", "--extra_package=", "--requirements_file=")


def check_engine(config: Config, package: bool = True) -> list[BadInput]:
    """Checks where and how Beam will work.

    Args:
        config: the configuration, laid out for where it will run (`millrace.config.platform.deployed`).
        package: also pack the project, install it where nothing else of it is, and import it: some ten seconds.

    Returns:
        Every problem, with its remedy; none where Beam works on this machine and its options are valid.
    """
    problems = [*option_problems(config), *_reach_problems(config), *_code_problems(config)]
    setup_file = _setup_file(config.beam)
    if package and setup_file.is_file():
        with tempfile.TemporaryDirectory() as folder:
            problems += package_problems(str(setup_file), Path(folder))
    return problems


def require_usable(config: Config) -> None:
    """Refuses what would fail in the middle of a run: options that Beam refuses, a job server that does not answer.

    Raises:
        ConfigError: with the first mistake.
    """
    problems = option_problems(config)
    if problems:
        raise problems[0]
    if config.beam.mode in ("portable", "flink", "spark") and config.beam.job_server:
        _require_server(config.beam.job_server)


def _require_server(address: str) -> None:
    """Beam itself would wait five minutes."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), _SERVER_SECONDS):
            pass
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no job server answers at {address}: {getattr(error, 'strerror', None) or error}",
            where="beam.job_server",
            remedy="start it, or name it as HOST:PORT (docs/guides/beam.md)",
        ) from error


def _setup_file(beam: Beam) -> Path:
    """The configured one; where it is a path inside an image, the project's own, from which the image is made."""
    named = beam.setup_file
    if not named or Path(named).is_file():
        return Path(named or "")
    here = entered()
    return here.setup_file if here else Path(named)


def _reach_problems(config: Config) -> Iterator[BadInput]:
    """Workers of a service cannot see this machine's folders."""
    if config.beam.mode != "dataflow":
        return
    paths = {"root": config.root, "data.path": config.data.path}
    if config.data.format == "bigquery":
        del paths["data.path"]  # a query has none
    for key, path in paths.items():
        if "://" not in path:
            yield ConfigError(
                "Dataflow's workers cannot reach a folder of this machine",
                where=f"{key} is {path}",
                remedy=f"set {key} to a gs:// folder (under vertex: for a compiled job)",
            )


def _code_problems(config: Config) -> Iterator[BadInput]:
    """Workers elsewhere have this project only when something brings it."""
    beam = config.beam
    if beam.mode not in ("dataflow", "flink", "spark", "portable"):
        return
    if not any(argument.startswith(_CARRIERS) for argument in beam_arguments(config)):
        yield ConfigError(
            "nothing brings this project's code to the workers",
            where="beam",
            remedy="name beam.image (an image with the project and its lock in it), or beam.setup_file",
        )
    if beam.image and "@sha256:" not in beam.image:
        yield ConfigError(
            f"the workers' image {beam.image} is named without a digest: it may change between two stages of a run",
            where="beam.image",
            remedy="name it as IMAGE@sha256:DIGEST",
        )
