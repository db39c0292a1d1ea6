"""The code as workers get it: the library's wheel, and the project packed as Beam packs a `--setup_file`.

Beam's workers install extra packages before the `--setup_file`, so what the project requires is there by then.
"""

import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from millrace.base.errors import BadInput, MillraceError
from millrace.beam.arguments import beam_arguments
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.project.project import PACKAGES, Project
from millrace.project.wheels import library_wheel

# What a worker of the data stages unpickles, and what pickles refer to by name; the project's packages come on top.
IMPORTED = ("millrace.training.encoders", "millrace.components.example_gen.stages")


@dataclass(frozen=True)
class FreshEnvironment:
    """A Python environment with what the project requires, and nothing of the project but what is installed in it.

    Args:
        folder: of the virtual environment.
    """

    folder: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")

    @property
    def site(self) -> Path:
        """Where packages are installed in it."""
        return self.folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"

    @classmethod
    def make(cls, folder: Path) -> "FreshEnvironment":
        """Makes one in an empty folder, from this environment's packages.

        Their folder is on its path as a plain folder: files that would bring a checkout along, as an editable
        installation has them, are not looked at there.
        """
        venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
        made = cls(folder)
        (made.site / "packages.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
        return made

    def install(self, archive: Path) -> None:
        """Installs a wheel or an sdist, without network and without what it requires.

        Raises:
            BadInput: it does not build.
        """
        options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(self.site)]
        done = _run([sys.executable, "-m", "pip", "install", *options, str(archive)], archive.parent)
        if done.returncode:
            raise _broken(f"{archive.name} does not install", done)

    def run(self, *arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
        """Runs its interpreter in a folder outside the checkout."""
        return _run([self.python, *arguments], folder)


def pack(setup_file: str, folder: Path) -> Path:
    """Packs the project with the command that Beam gives when a job is sent (`Stager._build_setup_package`).

    Args:
        setup_file: setup.py's path.
        folder: an empty folder, in which the archive is left.

    Raises:
        BadInput: it is not there, or cannot be packed.
    """
    setup = Path(setup_file)
    if setup.name != "setup.py" or not setup.is_file():
        raise BadInput(f"there is no setup.py here: {setup_file}", where="beam.setup_file", remedy=_SETUP_REMEDY)
    command = [sys.executable, setup.name, "--quiet", "sdist", "--dist-dir", str(folder)]
    done = subprocess.run(command, cwd=setup.parent, capture_output=True, text=True)
    archives = list(folder.glob("*.tar.gz"))
    if done.returncode or len(archives) != 1:
        raise _broken("the project cannot be packed", done, _SETUP_REMEDY)
    return archives[0]


_SETUP_REMEDY = "name the setup.py of this project, in a folder where files may be written"


def package_problems(setup_file: str, folder: Path) -> list[BadInput]:
    """What is wrong with the code that workers would install from `--setup_file`.

    Args:
        setup_file: setup.py's path.
        folder: an empty folder to work in.
    """
    try:
        (folder / "packed").mkdir()
        archive = pack(setup_file, folder / "packed")
        environment = FreshEnvironment.make(folder / "environment")
        environment.install(library_wheel(folder / "library"))
        environment.install(archive)
    except BadInput as problem:
        return [problem]
    except MillraceError as problem:
        return [BadInput(problem.what, where=problem.where, remedy=problem.remedy)]
    project = Project(Path(setup_file).parent)
    own = project.shipped.union(name for name in PACKAGES if (project.root / name / "__init__.py").is_file())
    modules = [*IMPORTED, *sorted(own)]
    done = environment.run("-c", f"import {', '.join(modules)}", folder=folder)
    return [_broken("the packed project cannot be imported on a worker", done)] if done.returncode else []


def with_library(arguments: Sequence[str], folder: Path) -> list[str]:
    """Beam's options with the library's wheel as an extra package, where the project goes along as a `--setup_file`.

    Args:
        arguments: Beam's options. Those that name an image, or an extra package of the library, stay as they are.
        folder: where the wheel is made; it must stay until the job has been sent.

    Raises:
        MillraceError: the wheel cannot be made.
    """
    packed = any(text.startswith("--setup_file") for text in arguments)
    image = any(text.startswith("--sdk_container_image") for text in arguments)
    named = any(text.startswith("--extra_package") and "millrace" in text for text in arguments)
    if not packed or image or named:
        return list(arguments)
    return [*arguments, f"--extra_package={library_wheel(folder)}"]


def bringing_library(config: Config) -> Config:
    """The configuration of a run on this machine, with the library's wheel among Beam's options where workers need it.

    Args:
        config: the configuration; the wheel is made in the folder `beam` below its root.
    """
    arguments = beam_arguments(config)
    added = with_library(arguments, layout(config).local / "beam")[len(arguments) :]
    if not added:
        return config
    options = (*config.beam.options, *added)
    return config.model_copy(update={"beam": config.beam.model_copy(update={"options": options})})


def contents(archive: Path) -> set[str]:
    """The files of an sdist, without its outermost folder."""
    with tarfile.open(archive) as files:
        return {name.partition("/")[2] for name in files.getnames()}


def _run(command: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    # Not this process's path: what is found through it might not be there on a worker.
    environment = {"PATH": "/usr/bin:/bin", "TF_CPP_MIN_LOG_LEVEL": "2", "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


_MISSING = "see that setup.py lists the package that is missing, and that the code needs nothing beside it"


def _broken(what: str, done: "subprocess.CompletedProcess[str]", remedy: str = _MISSING) -> BadInput:
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return BadInput(f"{what}: {lines[-1] if lines else 'no reason was given'}", where="beam.setup_file", remedy=remedy)
