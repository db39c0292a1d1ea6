"""The page of the command line, from click's own commands."""

import inspect
import re
from collections.abc import Iterator
from typing import Optional

import click

from millrace.cli.main import millrace

HEAD = """\
# The command line

`millrace --help` lists the commands, `millrace COMMAND --help` says what this page says. Every command finds the
project from where you stand, or above. `millrace --debug COMMAND` shows the traceback of an error.

| exit code | means |
|---|---|
| 0 | done |
| 1 | a fault: something failed that is not your input |
| 2 | bad input: the message says what, where, and what to do |
| 3 | a gate said no: DataGate, Evaluator or InfraValidator |
| 130 | interrupted |
"""


def page() -> str:
    """The page, as Markdown."""
    return "\n".join([HEAD, *_command(millrace, click.Context(millrace, info_name="millrace"), depth=1)])


def _command(command: click.Command, context: click.Context, depth: int) -> Iterator[str]:
    if depth > 1:
        yield f"{'#' * depth} {context.command_path}\n"
        usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
        yield f"```text\n{usage}\n```\n"
        yield f"{_text(command.help)}\n"
        options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
        if options:
            yield "| option | means | default |\n|---|---|---|"
            yield from (_row(option, context) for option in options)
            yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _command(below, click.Context(below, info_name=name, parent=context), depth + 1)


def _row(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    value = "" if option.is_flag else f" `{option.make_metavar(context)}`"
    default = f"`{option.default}`" if option.show_default and option.default not in (None, "") else ""
    return f"| {names}{value} | {_text(option.help)} | {default} |".replace("\\|", "|")


def _text(text: Optional[str]) -> str:
    """The help, with options set as code; a paragraph that click must not fold is a block."""
    paragraphs = []
    for paragraph in inspect.cleandoc(text or "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            paragraphs.append(f"```text\n{paragraph[2:]}\n```")
        else:
            paragraphs.append(re.sub(r"(?<![\w`-])(--[a-z][a-z-]+)", r"`\1`", paragraph))
    return "\n\n".join(paragraphs)
