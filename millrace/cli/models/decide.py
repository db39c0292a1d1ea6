"""The commands of `millrace models` that decide: approve, reject, alias, rollback."""

from collections.abc import Sequence
from typing import Optional

import click

from millrace.cli import completing
from millrace.cli.models.models import opened, quiet, version_json
from millrace.cli.options import again, because_option, config_options
from millrace.cli.output import echo, echo_json, say
from millrace.cli.version_words import next_steps, standing
from millrace.config.loading import load
from millrace.registry import rollback as going_back
from millrace.registry.events import CHAMPION, VersionState
from millrace.registry.registry import Registry
from millrace.registry.vertex import is_behind, require_can_follow, roll_back_is_behind
from millrace.serving.vertex_follower import follow_in_vertex


def _say_what_servers_do(registry: Registry, done_in_vertex: Sequence[str] = ()) -> None:
    for line in done_in_vertex:
        say(line)
    say(f"servers follow: {registry.served_file}")
    above = registry.above_champion()
    if above:
        say(f"one that polls {registry.serving} by itself goes on with {above}, the highest number there")


@click.command()
@click.argument("version", shell_complete=completing.versions)
@because_option
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print the version as JSON.")
def approve(version: str, because: str, config_file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Say that VERSION, a number or an alias, may be served; it is not served by that."""
    with opened(load(config_file, overrides)) as registry:
        one = registry.version(version)
        registry.approve(one, because)
        one = registry.version(str(one.number))
        if as_json:
            echo_json(version_json(one))
            return
        say(f"version {one.number} is {standing(one)}")
        champion = registry.aliases().get(CHAMPION)
        for line in next_steps(one, champion.number if champion else None, again(config_file, overrides)):
            say(line, whole=True)


@click.command()
@click.argument("version", shell_complete=completing.versions)
@because_option
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print the version as JSON.")
def reject(version: str, because: str, config_file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Say that VERSION, a number or an alias, must not be served: no alias can name it until it is approved."""
    with opened(load(config_file, overrides)) as registry:
        one = registry.version(version)
        registry.reject(one, because)
        one = registry.version(str(one.number))
        if as_json:
            echo_json(version_json(one))
        else:
            say(f"version {one.number} is {standing(one)}")


@click.command()
@click.argument("name", shell_complete=completing.aliases)
@click.argument("version", required=False, shell_complete=completing.versions)
@because_option
@config_options
@click.option("--remove", is_flag=True, help="Take the alias away.")
@click.option("--json", "as_json", is_flag=True, help="Print the aliases as JSON.")
def alias(
    name: str,
    version: Optional[str],
    because: str,
    config_file: str,
    overrides: tuple[str, ...],
    remove: bool,
    as_json: bool,
) -> None:
    """Have the alias NAME name VERSION, or with --remove take it away.

    Servers that follow the registry serve a version that has an alias, by the alias too. champion is the one that
    answers who asks for no other; it must be approved.
    """
    if remove == (version is not None):
        raise click.UsageError("name a VERSION, or give --remove")
    config = load(config_file, overrides)
    with opened(config) as registry:
        before = registry.aliases().get(name)
        target = registry.version(version) if version is not None else None
        if config.push.vertex and target:
            require_can_follow(name, target)
        stands = (before and before.number) == (target and target.number)
        # Given again where Vertex AI has not followed, the command has that step left.
        if config.push.vertex is None or not stands or not is_behind(registry, name):
            if target is None:
                registry.remove(name, because)
            else:
                registry.move(name, target, because)
        done_in_vertex = follow_in_vertex(config, registry, name)
        now = registry.aliases()
        if as_json:
            echo_json({one: of.number for one, of in now.items()})
            return
        was = f", was {before.number}" if before and not stands else ""
        say(f"{name} is {now[name].number}{was}" if name in now else f"{name} is no alias any more{was}")
        _say_what_servers_do(registry, done_in_vertex)


@click.command()
@because_option
@click.option("--to", metavar="VERSION", help="By default the champion before.", shell_complete=completing.versions)
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def rollback(because: str, to: Optional[str], config_file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Go back to an earlier version of the champion.

    That version must lie there as it was registered, and answer its own warm-up requests in a model server, before
    anything moves. Exit code 2: it is gone or damaged. 3: it does not answer. Nothing has moved then.
    """
    config = load(config_file, overrides)
    with opened(config) as registry:
        target = registry.version(to) if to else registry.before_champion()
        if config.push.vertex:
            now = registry.aliases().get(CHAMPION)
            if roll_back_is_behind(registry) and (to is None or target == now):
                # Given again where Vertex AI has not followed: that step is left, and nothing goes back any further.
                _say_what_servers_do(registry, follow_in_vertex(config, registry, CHAMPION))
                return
            if target:
                require_can_follow(CHAMPION, target)
        if target:
            # Whoever goes back is in a hurry, and TensorFlow takes its time.
            echo(f"trying version {target.number} in a model server of its own", err=True)
        with quiet(config):
            done = going_back.roll_back(registry, target, because, config.infra_validation)
        done_in_vertex = follow_in_vertex(config, registry, CHAMPION)
        if as_json:
            echo_json(
                {
                    "champion": done.after.number,
                    "before": done.before.number,
                    "load_seconds": done.load_seconds,
                    "requests": done.requests,
                }
            )
            return
        say(f"champion is {done.after.number}, was {done.before.number}")
        say(f"tried: it loads in {done.load_seconds:.1f} s and answered {done.requests} requests")
        _say_what_servers_do(registry, done_in_vertex)
        if done.before.state is VersionState.APPROVED:
            option = again(config_file, overrides)
            again_not = f"millrace models reject {done.before.number} --because WHY{option}"
            say(f"next, if it must not come back: {again_not}", whole=True)
