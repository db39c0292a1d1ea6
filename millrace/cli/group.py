"""A group of commands that says which one may have been meant, and imports a command only to run it."""

import importlib
from collections.abc import Mapping
from typing import Any, Optional

import click
from click.shell_completion import CompletionItem

from millrace.base.names import did_you_mean


class Group(click.Group):
    """click's group, with a nearest name in the message of a command that does not exist, whatever click's version."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[Optional[str], Optional[click.Command], list[str]]:
        """Finds the command that the first argument names.

        Args:
            ctx: of the group.
            args: the arguments from the command's name on.

        Returns:
            The command's name, the command, and the arguments after it.

        Raises:
            click.UsageError: there is no such command.
        """
        name = args[0]
        if not name.startswith("-") and not ctx.resilient_parsing and self.get_command(ctx, name) is None:
            ctx.fail(f"there is no command {name}{did_you_mean(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


class ListingGroup(Group):
    """A group that lists when no command of it is named, so that `millrace jobs -n 5` works."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts `list` in front of options alone."""
        if ctx.resilient_parsing and not args:
            return super().parse_args(ctx, args)
        named = args and (not args[0].startswith("-") or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else ["list", *args])


class LazyGroup(Group):
    """A group whose help, and whose completion, import none of its commands.

    Args:
        commands_by_path: by name the path of each command below `millrace.cli`, `MODULE:NAME`, and its help in a line.
        others: as click's group takes them.
    """

    def __init__(self, *, commands_by_path: Mapping[str, tuple[str, str]], **others: Any) -> None:
        super().__init__(**others)
        self._paths = commands_by_path

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands' names, in their order."""
        return list(self._paths)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        """Imports a command; None where there is none of that name."""
        if cmd_name not in self._paths:
            return None
        module, _, name = self._paths[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(f"millrace.cli.{module}"), name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem[str]]":
        """The commands that begin so; click's own would import every command for its help."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        lines = {name: line for name, (_, line) in self._paths.items() if name.startswith(incomplete)}
        return [CompletionItem(name, help=line) for name, line in lines.items()]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands with their help in one line."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._paths.items()])
