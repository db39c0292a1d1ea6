"""Writes a new project whole, or leaves everything as it was."""

import os
import re
from pathlib import Path
from typing import Optional

from millrace.base.errors import BadInput
from millrace.init.plan import NewPipeline, dashed
from millrace.new.beside import folder_beside
from millrace.new.project_files import ProjectFile, locked_packages, project_files
from millrace.project.wheels import library_wheel

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 60


def require_name(name: str) -> None:
    """Refuses what cannot be a project's name, which is also that of its package and, with data, of its pipeline.

    Raises:
        BadInput: it cannot.
        MillraceError: the library's installation has not the files of a project.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        remedy = f"use lower-case letters, digits and single dashes, begin with a letter, {_LONGEST} at most"
        near = dashed(name)
        if _NAME.fullmatch(near):
            remedy += f": millrace new {near}"
        raise BadInput(f"{name!r} is no name for a project", where="NAME", remedy=remedy)
    if name == "millrace":
        raise BadInput("millrace is the name of the library", where="NAME", remedy="call the project something else")
    if name in locked_packages():
        raise BadInput(
            f"{name} is a package that the project stands on, and in an image its own would take that one's place",
            where="NAME",
            remedy=f"call the project something else: my-{name}",
        )


def require_empty(folder: Path) -> None:
    """Refuses a folder that holds something: nothing of a person's is ever overwritten.

    Raises:
        BadInput: it is a file, a folder that is not empty, or cannot be looked into.
    """
    remedy = "name a new or an empty folder: millrace new NAME DIR"
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise BadInput("this folder is not empty", where=str(folder), remedy=remedy)
        if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
            raise BadInput("this is no folder", where=str(folder), remedy=remedy)
    except OSError as error:
        raise BadInput(f"this cannot be looked into: {error.strerror}", where=str(folder), remedy=remedy) from error


def write_project(name: str, folder: Path, plan: Optional[NewPipeline] = None) -> list[str]:
    """Writes a project with the library's wheel in it.

    Args:
        name: its name.
        folder: where; not there yet, or empty.
        plan: what `init` made of a table, for that folder; without one the project has the taxi pipeline.

    Returns:
        The files' places in the project.

    Raises:
        BadInput: the name or the folder will not do, or nothing can be written there.
        MillraceError: the library's installation has not the files.
    """
    require_name(name)
    require_empty(folder)
    files = project_files(name, with_taxi=plan is None)
    if plan:
        files |= {path.relative_to(folder).as_posix(): ProjectFile(text.encode()) for path, text in plan.files.items()}
        files["conf/default"] = ProjectFile(f"{name}.yaml\n".encode())
    try:
        with folder_beside(folder) as beside:
            _write(files, beside)
            library_wheel(beside / "wheels")
            beside.chmod(0o755)
            # Takes the place of an empty folder too, and fails where something has come into it meanwhile.
            beside.rename(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return sorted(files)


def _write(files: dict[str, ProjectFile], folder: Path) -> None:
    for place, file in files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        if file.executable:
            os.chmod(path, 0o755)


def _unwritable(folder: Path, error: OSError) -> BadInput:
    return BadInput(
        f"nothing can be written here: {error.strerror}",
        where=str(error.filename or folder),
        remedy="name a folder that is yours, on a disk with space left: millrace new NAME DIR",
    )
