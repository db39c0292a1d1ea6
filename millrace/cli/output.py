"""What the commands print through: a text from data never reaches the terminal raw."""

from typing import Any

import click
from rich import markup

from millrace.base.visible import visible


def echo(text: str = "", **how: Any) -> None:
    """Prints a line.

    Args:
        text: what to print; what would steer the terminal is spelled out.
        how: as `click.secho` takes it, for instance `fg`, `bold`, `nl`, `err`.
    """
    click.secho(visible(text), **how)


def escape(text: str) -> str:
    """A text as it stands in rich's markup, with what would steer the terminal spelled out."""
    return markup.escape(visible(text))
