"""YAML text as plain values, each with the place where it was written.

YAML 1.1 reads some plain words as something else, and loses others without a sound. What a person cannot have meant is
refused with its place: `1:30` is the number 90 to YAML, `010` is 8, the key `NO` is false, a key written twice drops
the first one, and a line break that no editor shows hides what follows a comment.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union

import yaml

from millrace.base import files
from millrace.base.errors import ConfigError, Signal

Keys = tuple[Union[str, int], ...]

# A configuration has some six levels and a few hundred values; what has more is a mistake, or meant to exhaust memory.
DEEPEST = 60
MOST_VALUES = 100_000
# Characters of a value that a message repeats.
_LONGEST_SHOWN = 60

_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_OCTAL = re.compile(r"[-+]?0[0-9_]+")
# YAML takes them for line breaks, and editors do not.
_HIDDEN_BREAKS = re.compile("[\x85\u2028\u2029]")
# NUL ends a text in every library that is written in C; half a surrogate pair cannot be written in UTF-8.
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
_KINDS = {
    f"tag:yaml.org,2002:{name}": kind
    for name, kind in {
        "null": "nothing",
        "bool": "true or false",
        "int": "a number",
        "float": "a number",
        "str": "a text",
        "timestamp": "a date or time",
    }.items()
}


@dataclass(frozen=True)
class Place:
    """Where something is written.

    Args:
        line: from 1.
        column: from 1.
        text: a plain value as it is written, which tells `NO` from `false`; empty for a list or a mapping.
        file: the file, as it was named; empty for text that is in none.
    """

    line: int
    column: int
    text: str = ""
    file: str = ""


class YamlError(Signal):
    """Text that is no YAML, or that says something else than it seems to.

    Args:
        problem: what is wrong, without the place.
        place: where; None when that is not known.
        remedy: what to write instead.
        is_syntax: whether it is no YAML at all.
    """

    def __init__(self, problem: str, place: Union[Place, None], remedy: str, is_syntax: bool = False) -> None:
        super().__init__(problem, place, remedy, is_syntax)
        self.problem = problem
        self.place = place
        self.remedy = remedy
        self.is_syntax = is_syntax


@dataclass
class Document:
    """What a text says.

    Args:
        values: plain values: mappings with texts as keys, lists, texts, numbers, dates, true, false and null.
        keys: where each key is written, by the keys that lead to it.
        places: where each value is written, by the keys and indices that lead to it.
    """

    values: Any = None
    keys: dict[Keys, Place] = field(default_factory=dict)
    places: dict[Keys, Place] = field(default_factory=dict)

    def forget(self, path: Keys) -> None:
        """Drops the places of a value that is taken out, and of what lies in it.

        Args:
            path: the keys and indices that lead to it.
        """
        for table in (self.keys, self.places):
            for one in [one for one in table if one[: len(path)] == path]:
                del table[one]


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which goes no deeper than a configuration can be."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        if self.depth > DEEPEST:
            raise _refused("nested too deeply", self.peek_event().start_mark, "write plain lists and mappings")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


# YAML 1.1 wants a point in a number with an exponent; everybody else, JSON too, takes 1e-3 for a number.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?([0-9]+|\.[0-9]+|[0-9]+\.[0-9]*)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def read(text: str, file: str = "") -> Document:
    """Reads one YAML document.

    Args:
        text: the text, without a byte order mark.
        file: where it was read from, for the places; empty for text that is in no file.

    Returns:
        Its values and their places; the value None for an empty text.

    Raises:
        YamlError: it is no YAML, is nested too deeply, repeats itself by anchors without end, or says something else
            than it seems to.
    """
    hidden = _HIDDEN_BREAKS.search(text)
    if hidden:
        raise YamlError(
            f"the character U+{ord(hidden[0]):04X} is a line break to YAML, and no editor shows it as one",
            _place_at(text, hidden.start()),
            "take it out, or write it in double quotes as an escape",
        )
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        document = Document()
        if node is not None:
            document.values = _Reader(loader, document, file).value(node, ())
        return document
    except yaml.reader.ReaderError as error:
        problem = f"the control character U+{error.character:04X} cannot be in YAML"
        raise YamlError(problem, _place_at(text, error.position), "take it out", is_syntax=True) from error
    except yaml.MarkedYAMLError as error:
        place = _place(error.problem_mark or error.context_mark)
        remedy = "indent with spaces, not tabs" if r"'\t'" in str(error.problem) else "fix that line"
        raise YamlError(f"not YAML: {error.problem}", place, remedy, is_syntax=True) from error
    finally:
        if loader is not None:
            loader.dispose()


def read_file(file: Path) -> Document:
    """Reads a file of one YAML document.

    Args:
        file: to read.

    Raises:
        FileNotFoundError: there is none.
        ConfigError: it cannot be read, or as `read` says.
    """
    try:
        return read(files.read_text(file, ConfigError), str(file))
    except YamlError as error:
        where = f"{file}:{error.place.line}:{error.place.column}" if error.place else str(file)
        raise ConfigError(error.problem, where=where, remedy=error.remedy) from error


class _Reader:
    """Turns nodes into values; an anchor's node is read again wherever it is named, so what is read is counted."""

    def __init__(self, loader: _Loader, document: Document, file: str) -> None:
        self._loader = loader
        self._document = document
        self._file = file
        self._count = 0

    def value(self, node: yaml.Node, path: Keys) -> Any:
        self._count += 1
        if self._count > MOST_VALUES:
            raise _refused("anchors repeat each other too often", node.start_mark, "write the values out")
        if len(path) > DEEPEST:
            raise _refused("nested too deeply", node.start_mark, "write plain lists and mappings")
        written = node.value if isinstance(node, yaml.ScalarNode) else ""
        self._document.places[path] = _place(node.start_mark, written, self._file)
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.value(entry, (*path, index)) for index, entry in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Keys) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key in values:
                raise _refused(f"the key {key!r} is written twice", key_node.start_mark, "take one of the two out")
            below = (*path, key)
            self._document.keys[below] = _place(key_node.start_mark, file=self._file)
            values[key] = self.value(value_node, below)
        return values

    def _key(self, node: yaml.Node) -> str:
        if node.tag == "tag:yaml.org,2002:merge":
            raise _refused("merge keys (<<) are not read", node.start_mark, "write the keys out")
        if not isinstance(node, yaml.ScalarNode):
            raise _refused("a key must be a plain value", node.start_mark, "write a text as the key")
        if node.tag != "tag:yaml.org,2002:str":
            problem = f"the key {_shown(node)} is no text: YAML reads it as {_KINDS.get(node.tag, node.tag)}"
            raise _refused(problem, node.start_mark, _in_quotes(node))
        return _writable(node)

    def _scalar(self, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _KINDS:
            raise _refused(f"the tag {node.tag} is not read", node.start_mark, "write a plain value")
        written = node.value
        try:
            value = self._loader.construct_object(node)
        except (ValueError, ArithmeticError, LookupError, AttributeError) as error:
            # What YAML's own readers raise for a date that does not exist, or for `!!int ""`.
            if node.tag.endswith(":timestamp"):
                problem = f"there is no such day or time as {written}"
            else:
                problem = f"{_shown(node)} is not {_KINDS[node.tag]}"
            raise _refused(problem, node.start_mark, "fix it, or put it in quotes") from error
        # Python itself refuses to write such a number out, or to compare it with what a key allows.
        if isinstance(value, int) and abs(value) > sys.float_info.max:
            problem = f"{_shown(node)} is a number beyond any use"
            raise _refused(problem, node.start_mark, "fix it, or put it in quotes")
        if isinstance(value, (int, float)) and _BASE_60.fullmatch(written):
            problem = f"{_shown(node)} is the number {value:g} to YAML, which reads it in base 60"
            raise _refused(problem, node.start_mark, f"write {value:g}, or {_in_quotes(node)}")
        if isinstance(value, int) and _OCTAL.fullmatch(written):
            problem = f"{_shown(node)} is the number {value} to YAML, which reads it in base 8"
            raise _refused(problem, node.start_mark, f"write {value}, or {_in_quotes(node)}")
        return _writable(node) if isinstance(value, str) else value


def is_writable(text: str) -> bool:
    """Whether a text can be written to a file and handed to TensorFlow."""
    return not _UNWRITABLE.search(text)


def _writable(node: yaml.Node) -> str:
    if not is_writable(node.value):
        raise _refused(f"no text can have the characters of {ascii(node.value)[:60]}", node.start_mark, "take them out")
    return str(node.value)


def _refused(problem: str, mark: yaml.Mark, remedy: str) -> YamlError:
    return YamlError(problem, _place(mark), remedy)


def _in_quotes(node: yaml.Node) -> str:
    return f"put it in quotes: '{node.value}'" if len(node.value) <= _LONGEST_SHOWN else "put it in quotes"


def _shown(node: yaml.Node) -> str:
    text = str(node.value)
    return (text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...") or "(nothing)"


def _place(mark: Any, text: str = "", file: str = "") -> Place:
    return Place(mark.line + 1, mark.column + 1, text, file) if mark else Place(1, 1, text, file)


def _place_at(text: str, index: int) -> Place:
    before = text[:index]
    return Place(before.count("\n") + 1, index - before.rfind("\n"))


def nearest_place(document: Document, path: Keys, of_key: bool) -> Union[Place, None]:
    """Where something is written, or the nearest thing around it.

    Args:
        document: what was read.
        path: the keys and indices that lead to it.
        of_key: whether the key itself is meant, and not its value.

    Returns:
        Its place, or that of what it lies in; None where nothing of it is written.
    """
    sources: list[Mapping[Keys, Place]] = [document.keys, document.places] if of_key else [document.places]
    for source in sources:
        if path in source:
            return source[path]
    for length in range(len(path) - 1, 0, -1):
        for table in (document.keys, document.places):
            if path[:length] in table:
                return table[path[:length]]
    return None
