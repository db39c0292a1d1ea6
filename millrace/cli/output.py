"""What the commands print through: a text from data never reaches the terminal raw."""

import json
import os
import sys
from typing import Any

import click
from rich import markup
from rich.console import Console
from rich.text import Text

from millrace.base import printing
from millrace.base.plain_values import plain
from millrace.base.secrets import cut
from millrace.base.visible import visible


def echo(text: str = "", **how: Any) -> None:
    """Prints a line.

    Args:
        text: what to print; what would steer the terminal is spelled out.
        how: as `click.secho` takes it, for instance `fg`, `bold`, `nl`, `err`.
    """
    if os.environ.get("NO_COLOR"):
        # click does not look at it, as rich does.
        how = {name: value for name, value in how.items() if name not in ("fg", "bg")}
    # Left to itself, click writes UTF-8 where the terminal is said to take ASCII.
    click.secho(visible(text), file=sys.stderr if how.pop("err", False) else sys.stdout, **how)


def echo_json(value: Any) -> None:
    """Prints a value as JSON, without secrets.

    Args:
        value: dataclasses, lists, mappings and plain values.
    """
    click.echo(cut(json.dumps(plain(value), indent=2)))


def say(text: str, indent: int = 0, style: str = "", whole: bool = False) -> None:
    """Prints a sentence to standard output, folded between words where that is a terminal.

    Args:
        text: what would steer the terminal is spelled out.
        indent: how many spaces stand before it, and before what is folded.
        style: rich's, such as `bold`.
        whole: whether it holds a command, which is copied, so that nothing of it is folded.
    """
    printing.say(Text(visible(text), style=style), Console(highlight=False), indent, whole)


def escape(text: str) -> str:
    """A text as it stands in rich's markup, with what would steer the terminal spelled out."""
    return markup.escape(visible(text))
