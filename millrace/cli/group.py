"""A group of commands that says which one may have been meant."""

from typing import Optional

import click

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
