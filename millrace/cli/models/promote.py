"""`millrace promote`: a version or a release goes to the next environment, or that one goes back to an earlier one."""

import time
from pathlib import Path
from typing import Any, Optional

import click

from millrace.base import printing
from millrace.base.errors import BadInput
from millrace.base.numbers import counted, size
from millrace.base.printing import TableColumn
from millrace.cli import completing
from millrace.cli.cloud.promote_release import is_release, promote_release
from millrace.cli.models.models import opened, quiet, version_json
from millrace.cli.options import NumberRange, again, because_option_of_a_plan, config_options
from millrace.cli.output import echo, echo_json, say
from millrace.config import environments
from millrace.config.loading import load
from millrace.promotion import promoting
from millrace.promotion.promoting import PromotionPlan
from millrace.promotion.side import Side
from millrace.promotion.vertex import VertexCopies, VertexCopy
from millrace.registry.events import CANDIDATE
from millrace.registry.registry import this_person


@click.command()
@click.argument("version", default="champion", shell_complete=completing.versions)
@click.option("--to", required=True, metavar="ENV", help="The environment that takes it in.",
              shell_complete=completing.environment_names)  # fmt: skip
@because_option_of_a_plan
@click.option("--dry-run", is_flag=True, help="Say what would happen, and what each rule says; change nothing.")
@click.option("--public-key", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Of a release: whose signature it must have.  [default: release.pub in the project]")  # fmt: skip
@click.option(
    "--every", default=10.0, show_default=True, type=NumberRange(min=0.05), help="Of a release: seconds a look."
)
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def promote(
    version: str,
    to: str,
    because: str,
    dry_run: bool,
    public_key: Optional[Path],
    every: float,
    config_file: str,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Move a version or a release to the environment --to, when its policy, the section promotion, has it.

    VERSION: a number, or an alias in the environment that it comes from; the champion when left out. It comes from the
    environment --env, by default the one that promotion.after names. A version that was champion in --to before is
    gone back to, as by millrace models rollback.

    Where both environments push to Vertex AI, the version is copied there too: into the model of --to, with its
    evaluations, and the alias last. The command given again goes on where it was interrupted.

    Or the file of a release, built for --to: its job is sent as it was built, and waited for. One that ran there before
    is gone back to.

    Exit code 0: done, or with --dry-run it would be. 2: bad input. 3: policy says no, or somebody else was first, and
    nothing has changed; or a gate stopped the release's job.
    """
    if not dry_run and not because:
        raise click.UsageError("say --because WHY: who reads it later was not there")
    if any(name == "--set" for name, _ in environments.as_options(overrides)):
        raise BadInput(
            "a promotion is between environments as their files say them, and takes no --set",
            where="--set",
            remedy="write it into the overlay, and have that reviewed",
        )
    if is_release(version):
        promote_release(Path(version), to, because, dry_run, public_key, every, config_file, overrides, as_json)
        return
    there = load(config_file, [environments.option(to)])
    origin = environments.of_overrides(overrides) or there.promotion.after or ""
    here = load(config_file, [environments.option(origin)] if origin else [])
    if here.environment == there.environment:
        raise BadInput(f"a version of {to} cannot be promoted to {to}", where="--to", remedy="name another with --env")
    who, now = this_person(), time.time()
    with opened(here) as from_registry, opened(there) as to_registry:
        source, target = Side(here, from_registry), Side(there, to_registry)
        service = _vertex(source, target)
        if service and not dry_run:
            # The service copies for minutes.
            echo("asking Vertex AI; whoever is interrupted goes on by the same command", err=True)
        with quiet(there):
            if dry_run:
                chosen = promoting.plan(source, target, version, who, now, service)
            else:
                chosen = promoting.promote(source, target, version, because, who, now, service)
        if as_json:
            echo_json(_as_json(chosen, source, target, done=not dry_run))
        elif dry_run:
            _say_plan(chosen, source, target)
        else:
            _say_done(chosen, source, target, again(config_file, [environments.option(to)]))
        promoting.require_allowed(chosen, target)


def _vertex(source: Side, target: Side) -> Optional[VertexCopies]:
    """Vertex AI, where the environment that takes the version in pushes to it."""
    there, here = target.config.push.vertex, source.config.push.vertex
    if there is None:
        return None
    # Google's clients take seconds to import.
    from millrace.cloud.vertex.model_copy import ModelCopies

    return ModelCopies(source.config.vertex, (here or there).project, there, target.config.vertex)


def _as_json(chosen: PromotionPlan, source: Side, target: Side, done: bool) -> dict[str, Any]:
    return {
        "done": done,
        "from": source.config.environment,
        "to": target.config.environment,
        "alias": chosen.alias,
        "before": chosen.before,
        "going_back": chosen.going_back,
        "rules": chosen.rules,
        "refused": chosen.refusals,
        "vertex": chosen.copy,
        "only_follow": chosen.only_follow,
        "only_record": chosen.only_record,
        "followed": chosen.followed,
        "version": version_json(chosen.version),
    }


def _say_plan(chosen: PromotionPlan, source: Side, target: Side) -> None:
    """What would happen: each rule of the policy, then each step."""
    number = chosen.version.number
    if chosen.only_follow:
        say(f"version {number} is {chosen.alias} of {target.name} already, and Vertex AI has not followed")
        say(f"would make it {chosen.alias} there too, and nothing else")
        return
    if chosen.only_record:
        say(f"version {number} is {chosen.alias} of {target.name} already, and {source.name} does not say so")
        say(f"would record there that it was promoted to {target.name}, and nothing else")
        return
    if chosen.going_back:
        say(f"version {number} was champion of {target.name} before: a roll-back, of which no rule is asked")
        say(f"would try it in a model server, then make it champion there, was {chosen.before}")
        if target.config.push.vertex:
            say(f"last, Vertex AI follows: champion is {_short(chosen.version.facts.vertex)}, and gets the traffic")
        return
    say(f"version {number} of {chosen.version.model}, from {source.name} to {target.name}")
    rows = [(one.name, "yes" if one.holds else "no", one.words) for one in chosen.rules]
    echo()
    printing.show([TableColumn("rule"), TableColumn("holds"), TableColumn("because", folds=True, breaks=True)], rows)
    echo()
    if chosen.refusals:
        return
    if chosen.copy:
        _say_copy(chosen.copy)
    brings = f"{size(chosen.version.facts.bytes)} to {target.registry.serving}/{number}"
    say(f"would bring {brings}, with its report, card and lineage")
    say(f"then approve it in {target.name} and make it {chosen.alias} there{_was(chosen.before)}")
    if chosen.copy:
        was = f", was {_short(chosen.copy.named)}" if chosen.copy.named else ""
        say(f"last, make the copy {chosen.alias} in Vertex AI{was}")
    _say_not_copied(source, target)
    say("nothing has changed: leave --dry-run out")


def _say_copy(copy: VertexCopy) -> None:
    """What would be done in Vertex AI before anything is brought here."""
    what = f"{copy.of} to {'the new model' if copy.new else 'the next version of'} {copy.model}"
    say(f"has copied {copy.of} to {copy.there} in Vertex AI already" if copy.there else f"would copy {what}")
    say(f"with its labels, {counted(copy.evaluations, 'evaluation')} and {copy.key or 'no encryption key of its own'}")


def _say_not_copied(source: Side, target: Side) -> None:
    if source.config.push.vertex and target.config.push.vertex is None:
        say(f"Vertex AI: nothing is copied, since {target.name} does not push there (push.vertex)")


def _say_done(chosen: PromotionPlan, source: Side, target: Side, option: str) -> None:
    number = chosen.version.number
    was = "" if chosen.only_follow or chosen.only_record else _was(chosen.before)
    say(f"{target.name}: {chosen.alias} is {number}{was}")
    if chosen.copy:
        copied = target.registry.version(str(number)).facts.vertex
        say(f"Vertex AI: {copied} is a copy of {chosen.copy.of}")
    for line in chosen.followed:
        say(line)
    if not chosen.going_back:
        _say_not_copied(source, target)
    say(f"servers follow: {target.registry.served_file}")
    above = target.registry.above_champion()
    if above:
        say(f"one that polls {target.registry.serving} by itself serves {above}, the highest number there")
    if chosen.alias == CANDIDATE:
        say(f"next: millrace rollout start {CANDIDATE} --because WHY{option}", whole=True)
    elif chosen.before is not None and not (chosen.only_follow or chosen.only_record):
        to = target.config.environment
        say(f"to go back: millrace promote {chosen.before} --to {to} --because WHY")


def _was(before: Optional[int]) -> str:
    return f", was {before}" if before is not None else ""


def _short(name: str) -> str:
    return name.rsplit("/", 1)[-1]
