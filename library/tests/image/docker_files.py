"""Reads a Dockerfile and a .dockerignore as Docker does, as far as the tests need it."""

import re
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name, its flags and the rest, with continued lines joined."""

    name: str
    flags: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True)
class Stage:
    """One build stage."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]

    def of(self, name: str) -> list[Instruction]:
        """Its instructions of one kind."""
        return [one for one in self.instructions if one.name == name]


def instructions(text: str) -> list[Instruction]:
    """The instructions of a Dockerfile, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        name, *words = line.split()
        flags = [word for word in words if word.startswith("--") and name in ("COPY", "FROM", "RUN")]
        flags = flags[: next((i for i, word in enumerate(words) if word not in flags), len(words))]
        found.append(Instruction(name, tuple(flags), tuple(words[len(flags) :])))
    return found


def stages(text: str) -> dict[str, Stage]:
    """The stages of a Dockerfile by name."""
    found: dict[str, list[Instruction]] = {}
    bases: dict[str, str] = {}
    current = ""
    for one in instructions(text):
        if one.name == "FROM":
            base, _, current = one.words
            bases[current], found[current] = base, []
        elif current:
            found[current].append(one)
    return {name: Stage(name, bases[name], tuple(found[name])) for name in found}


def is_sent(path: str, ignore: str) -> bool:
    """Whether a file is part of the build context: the last pattern that matches it or a folder above it decides."""
    parents = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
    sent = True
    for pattern in (line.strip() for line in ignore.splitlines()):
        if not pattern or pattern.startswith("#"):
            continue
        wanted = pattern.removeprefix("!").strip("/")
        if any(_matches(one, wanted) for one in parents):
            sent = pattern.startswith("!")
    return sent


def _matches(path: str, pattern: str) -> bool:
    """Go's filepath.Match, with `**` for any number of folders; `*` does not cross a slash."""
    parts = [".*" if part == "**" else translate(part)[4:-3].replace(".*", "[^/]*") for part in pattern.split("/")]
    return re.fullmatch("/".join(parts).replace(".*/", "(.*/)?"), path) is not None
