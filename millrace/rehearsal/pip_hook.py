"""Runs in a task's interpreter: answers `python -m pip install NAME ...`, since a rehearsal fetches nothing.

Copied into the rehearsal's environment and imported when Python starts; it must stand alone. What is installed already,
in whichever version, counts as installed; what is not ends the command, with the reason where the rehearsal looks for
it. A call that installs files of its own is pip's.
"""

import json
import os
import sys
from typing import Optional

FILE_VARIABLE = "MILLRACE_REHEARSAL_FAILURE"
# Of pip's options, those that take a value, but for those that name files to install or where to.
_VALUED = """
-i --index-url --extra-index-url --trusted-host --proxy --timeout --retries --cert --client-cert --cache-dir
--progress-bar --log --exists-action --root-user-action --upgrade-strategy --only-binary --no-binary
"""
_WITH_VALUE = frozenset(_VALUED.split())
_OF_FILES = ("-r", "--requirement", "-c", "--constraint", "-t", "--target", "-e", "--editable", "--prefix", "--root")


def requirements_of(words: list[str]) -> Optional[list[str]]:
    """The requirements among the words after `pip install`; None when files take part.

    Args:
        words: the command's words.
    """
    wanted, waiting = [], False
    for word in words:
        if waiting:
            waiting = False
        elif word.partition("=")[0] in _OF_FILES or word.endswith((".whl", ".tar.gz")) or word.startswith((".", "/")):
            return None
        elif word in _WITH_VALUE:
            waiting = True
        elif not word.startswith("-"):
            wanted.append(word)
    return wanted


def missing(wanted: list[str]) -> list[str]:
    """Those of some requirements that nothing installed answers; says which others are there in another version.

    Args:
        wanted: requirements (PEP 508).
    """
    import importlib
    import importlib.util
    from importlib import metadata

    # An environment without packaging has pip, which brings it along.
    above = "" if importlib.util.find_spec("packaging") else "pip._vendor."
    requirements = importlib.import_module(f"{above}packaging.requirements")
    lacking = []
    for text in wanted:
        try:
            requirement = requirements.Requirement(text)
            if requirement.marker and not requirement.marker.evaluate():
                continue
            version = metadata.version(requirement.name)
        except (requirements.InvalidRequirement, metadata.PackageNotFoundError):
            lacking.append(text)
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            note = f"{requirement.name} {version} stands in for {text}"
            print(f"rehearsal: {note}", file=sys.stderr)
            if os.environ.get(FILE_VARIABLE):
                with open(f"{os.environ[FILE_VARIABLE]}.versions", "a", encoding="utf-8") as file:
                    file.write(f"{note}\n")
    return lacking


def answer(words: list[str]) -> None:
    """Ends the process as `pip install` would have done it.

    Args:
        words: the command's words after `install`.
    """
    wanted = requirements_of(words)
    if not wanted:
        return
    lacking = missing(wanted)
    if lacking:
        what = f"it installs {', '.join(lacking)} when it starts, which this environment lacks"
        print(f"rehearsal: {what}", file=sys.stderr)
        if os.environ.get(FILE_VARIABLE):
            with open(os.environ[FILE_VARIABLE], "w", encoding="utf-8") as file:
                json.dump([{"type": "NotInstalled", "text": what}], file)
    os._exit(1 if lacking else 0)


_words = getattr(sys, "orig_argv", [])[1:]
while _words and _words[0].startswith("-") and _words[0] != "-m":
    del _words[0]
if _words[:3] == ["-m", "pip", "install"]:
    answer(_words[3:])
