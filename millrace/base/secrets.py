"""Secrets, known by the names of their environment variables, and the text without them.

A configuration names variables and never holds what they hold. Whatever writes for a person or for later (a log, a
journal, ML Metadata, the terminal) cuts the values out, in every spelling that a library may give them: whole, in
parts, percent-encoded, quoted as Python or JSON do, or in base64.
"""

import base64
import html
import json
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any, Optional
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from millrace.base import secret_filter

CUT = "***"
# Names, never values: processes that a run starts know by it what to cut.
NAMES_VARIABLE = "MILLRACE_SECRET_NAMES"

# Parts of an address that are no secret: `services`, `hooks`, `api`, `v1`, `root`. A password is cut whatever it is.
_ORDINARY = re.compile(r"[a-z]{1,10}|.{1,3}", re.DOTALL)
# A variable may hold any bytes; Python spells those that are no UTF-8 as lone surrogates (PEP 383).
_ANY_BYTE = "surrogateescape"
_SEPARATORS = re.compile(r"[/?&=;#,:@]+")

_names: set[str] = set()
_pattern: tuple[frozenset[str], Optional[re.Pattern[str]]] = (frozenset(), None)


def names_variable(key: str) -> bool:
    """Whether a key's value is the name of a variable with a secret, in whose place the secret itself may stand."""
    return key.endswith("_env")


def named_variables(
    values: Any, path: tuple[Any, ...] = (), is_name: bool = False
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """What stands where names of variables should: under every key that ends in `_env`, in lists and mappings too.

    Args:
        values: plain values, as of a configuration.
        path: the keys and indices that lead to them.
        is_name: whether one of these keys says so.

    Yields:
        The path of each single value, and the value; a name, unless somebody has put something else there.
    """
    entries = (
        enumerate(values) if isinstance(values, (list, tuple)) else values.items() if isinstance(values, dict) else None
    )
    if entries is not None:
        for key, value in entries:
            yield from named_variables(value, (*path, key), is_name or names_variable(str(key)))
    elif is_name:
        yield path, values


def know(names: Iterable[str]) -> None:
    """Takes up names of variables that hold secrets, for this process and those that it starts.

    Args:
        names: names of environment variables; one that is not set may be set later.
    """
    _names.update(name for name in names if name)
    if _names:
        os.environ[NAMES_VARIABLE] = " ".join(sorted(_names | set(os.environ.get(NAMES_VARIABLE, "").split())))


def values() -> frozenset[str]:
    """What the known variables hold."""
    names = _names | set(os.environ.get(NAMES_VARIABLE, "").split())
    return frozenset(filter(None, (os.environ.get(name, "") for name in names)))


def cut(text: str) -> str:
    """A text without the secrets.

    Args:
        text: any text.

    Returns:
        The text with `***` in place of each of them, in whatever spelling.
    """
    global _pattern
    held = values()
    if held != _pattern[0]:
        known = spellings(held)
        _pattern = held, secret_filter.pattern(known) if known else None
    return _pattern[1].sub(CUT, text) if _pattern[1] else text


def spellings(secrets: Iterable[str]) -> list[str]:
    """Every text that gives a secret away.

    Args:
        secrets: the values.

    Returns:
        The values, their parts that are secret, and both as libraries write them; the longest first.
    """
    known: set[str] = set()
    for secret in secrets:
        for part in {secret, secret.strip(), *_parts(secret)} - {""}:
            for plain in {part, unquote(part, errors=_ANY_BYTE), unquote_plus(part, errors=_ANY_BYTE)}:
                known |= {quote(plain, safe, errors=_ANY_BYTE) for safe in ("/", "")}
                known |= {quote_plus(plain, errors=_ANY_BYTE), plain, html.escape(plain)}
                known |= {json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]}
                encoded = plain.encode(errors=_ANY_BYTE)
                known |= {repr(plain)[1:-1], ascii(plain)[1:-1], repr(encoded)[2:-1], encoded.decode(errors="replace")}
                known.add(base64.b64encode(encoded).decode())
    lower = {re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), spelling) for spelling in known}
    return sorted(known | lower, key=lambda spelling: (-len(spelling), spelling))


def _parts(secret: str) -> set[str]:
    """The parts of an address or of a text with lines and spaces that must not be seen by themselves."""
    _, is_address, rest = secret.partition("://")
    if not is_address:
        lines = {part for part in re.split(r"\s+", secret) if len(part) > 3}
        return lines if len(lines) > 1 else set()
    authority, _, path = rest.partition("/")
    port = authority.rpartition(":")[2]
    if "@" not in authority and "@" in rest and ":" in authority and not port.isdecimal():
        authority, _, path = rest.rpartition("@")  # a password with a slash in it
        authority, path = f"{authority}@", path.partition("/")[2]
    userinfo = authority.rpartition("@")[0]
    plain = re.split("[?#]", path)[0]
    parts = {f"/{path}", path, f"/{plain}", plain, *_SEPARATORS.split(path), *" ".join(_SEPARATORS.split(path)).split()}
    parts = {part for part in parts if not _ORDINARY.fullmatch(part.strip("/"))}
    user, _, password = userinfo.partition(":")
    if userinfo:
        parts |= {userinfo, password}
        parts |= {user} if not _ORDINARY.fullmatch(user) else set()
    return parts - {"", "/"}
