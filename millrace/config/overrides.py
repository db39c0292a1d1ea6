"""`--set KEY=VALUE`: values laid over those of the file, each remembered by the text that said it."""

import re
from dataclasses import dataclass
from typing import Any, Optional

from millrace.base.errors import ConfigError
from millrace.base.secrets import names_variable
from millrace.config.yaml_text import Document, Keys, YamlError, is_writable, read


@dataclass(frozen=True)
class Override:
    """One `--set`.

    Args:
        path: the keys and indices that lead to the value.
        text: what was written, `KEY=VALUE`.
        document: the value, and the places in its text.
    """

    path: Keys
    text: str
    document: Document

    @property
    def shown(self) -> str:
        """The option as a message shows it."""
        return _shown(self.text)


def apply(values: dict[str, Any], text: str) -> Override:
    """Lays one override over the values, in place.

    Args:
        values: what the file says, and the overrides before this one.
        text: `dotted.key=value`; the value is read as YAML where it is YAML and is a text where it is not, such as the
            file pattern `*.csv`. A list's entry is named by its index.

    Returns:
        The override, with the path at which its value is now.

    Raises:
        ConfigError: it has no `=`, its key leads nowhere, or its value says something else than it seems to.
    """
    key, separator, written = text.partition("=")
    if not separator or not key:
        raise ConfigError(f"{_shown(text)}: expected KEY=VALUE", remedy="for instance --set training.steps=200")
    if not is_writable(text):
        raise ConfigError(f"--set {_short(ascii(text))}: is no text in UTF-8")
    try:
        document = read(written)
    except YamlError as error:
        if not error.is_syntax:
            raise ConfigError(error.problem, where=_shown(text), remedy=error.remedy) from error
        document = Document(written)
    path: list[Any] = []
    node: Any = values
    *parents, last = key.split(".")
    for part in parents:
        path.append(_index(node, part, text) if isinstance(node, list) else part)
        if isinstance(node, dict) and node.get(part) is None:
            node[part] = {}
        node = node[path[-1]]
        if not isinstance(node, (dict, list)):
            raise ConfigError(f"{_shown(text)}: {part} is a value, it has no keys below it")
    path.append(_index(node, last, text) if isinstance(node, list) else last)
    node[path[-1]] = document.values
    return Override(tuple(path), text, document)


def covering(overrides: list[Override], path: Keys) -> Optional[Override]:
    """Finds who said a value.

    Args:
        overrides: in their order.
        path: the keys and indices that lead to the value.

    Returns:
        The last override of the value, or of what it lies in; None where the file says it.
    """
    return next((one for one in reversed(overrides) if path[: len(one.path)] == one.path), None)


def _index(node: list[Any], part: str, text: str) -> int:
    # No list has so many entries that its index has ten digits.
    if not part.isdecimal() or len(part) > 9 or int(part) >= len(node):
        remedy = f"0 to {len(node) - 1}" if node else "the list is empty; set it as a whole"
        raise ConfigError(f"{_shown(text)}: {_short(part)} is not an entry of this list", remedy=remedy)
    return int(part)


def _shown(text: str) -> str:
    """The option; without its value where what stands in place of a variable's name may be the secret itself."""
    key, _, value = text.partition("=")
    keys = re.findall(r"[\w-]+", key) + re.findall(r"([\w-]+)[\"']?\s*:", value)
    if not any(map(names_variable, keys)):
        return f"--set {_short(text)}"
    # Where the `=` is missing, the value is in what would be the key.
    key = re.split(r"[^\w.-]", key)[0]
    return f"--set {key}=..."


def _short(text: str, most: int = 120) -> str:
    return text if len(text) <= most else f"{text[:most]}..."
