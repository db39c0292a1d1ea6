"""`millrace promote FILE`: a release goes to the environment that it was built for, and its job is waited for."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import click

from millrace.base import printing
from millrace.base.errors import BadInput
from millrace.base.outcomes import INTERRUPTED
from millrace.base.printing import TableColumn
from millrace.cli.cloud.service_options import also, on_the_terminal
from millrace.cli.cloud.submit import expects_experiment, followed, put_into_experiment
from millrace.cli.options import again
from millrace.cli.output import echo, echo_json, say
from millrace.cli.running.project_runner import given_runner
from millrace.cloud.services import VERTEX, CloudRunner, connect
from millrace.config import environments
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.project import project
from millrace.registry.registry import this_person

if TYPE_CHECKING:
    from millrace.delivery.shipped import LabelledJobs
    from millrace.delivery.shipping import ShippingPlan

PUBLIC_KEY = "release.pub"


def is_release(name: str) -> bool:
    """Whether what is to be promoted is a release, and not a version: a number or an alias has no such name."""
    return name.endswith((".tar", ".release")) or "/" in name


def promote_release(
    file: Path,
    to: str,
    because: str,
    dry_run: bool,
    public_key: Optional[Path],
    every: float,
    config_file: str,
    overrides: Sequence[str],
    as_json: bool,
) -> None:
    """Promotes a release, or says what would happen.

    Args:
        file: the release's.
        to: the environment that takes it in.
        because: why.
        dry_run: whether nothing is to be changed.
        public_key: whose signature it must have; None for the project's own.
        every: seconds between looks at its job.
        config_file: of `-c`.
        overrides: of `--env`, which may only name where it comes from anyway.
        as_json: whether a program reads what is said.
    """
    from millrace.delivery import record, shipping

    if as_json and not dry_run:
        raise click.UsageError("a release's job is followed on the terminal: --json goes with --dry-run")
    key = signing_key(public_key)
    config = load(config_file, [environments.option(to)])
    release = shipping.signed(file, key)
    origin = shipping.require_for(release, config)
    named = environments.of_overrides(overrides)
    if named and named != origin:
        raise BadInput(
            f"a release comes to {to} from {origin or 'no environment'}, and not from {named}",
            where="--env",
            remedy="leave it out: promotion.releases_after, else promotion.after, says where from",
        )
    source = _service(load(config_file, [environments.option(origin)])) if origin else None
    target, who = _service(config), this_person()
    chosen = shipping.plan(release, source, target, config, who, time.time())
    more = also(config_file, (environments.option(to),), None)
    if dry_run:
        _say_plan(chosen, origin, to, as_json)
        shipping.require_allowed(chosen, config)
        return
    record.catch_up(config, target, chosen, because, who)
    in_experiment = expects_experiment(config)
    sent, job = shipping.send(chosen, target, config, on_the_terminal())
    record.sent(config, chosen, because, who)
    echo(f"job:  {sent.name}")
    echo(f"link: {sent.link}")
    ended = followed(config, target, sent, job, every, more)
    # Of a job that goes on nothing is said: the next command says how it ended.
    if ended is not None:
        record.ended(config, chosen, ended.exit_code, who)
    if in_experiment:
        put_into_experiment(config, sent.name, again(config_file, (environments.option(to),)))
    if ended is not None and ended.exit_code == 0:
        echo(f"{to}: at release {release.digest[:12]}{_was(chosen)}")
    raise click.exceptions.Exit(INTERRUPTED if ended is None else ended.exit_code)


def _service(config: Config) -> "LabelledJobs":
    """The service that runs an environment's releases, which finds their jobs by labels."""
    own = given_runner(CloudRunner)
    service: Any = own.connect(config) if own else connect(config, VERTEX)
    if not hasattr(service, "labelled"):
        raise BadInput(
            f"{service.name} does not find jobs by their labels, by which releases are known",
            where="runners/",
            remedy="give the service of the project's runner a method labelled, as millrace.cloud.vertex.service has",
        )
    found: LabelledJobs = service
    return found


def _say_plan(chosen: "ShippingPlan", origin: str, to: str, as_json: bool) -> None:
    """What would happen: each rule of the policy, then the job."""
    manifest, digest = chosen.release.manifest, chosen.release.digest
    if as_json:
        echo_json(
            {
                "done": False,
                "release": digest,
                "commit": manifest.commit,
                "overrides": manifest.overrides,
                "from": origin,
                "to": to,
                "job": chosen.job,
                "before": chosen.before.release if chosen.before else None,
                "going_back": chosen.going_back,
                "rules": chosen.rules,
                "refused": chosen.refusals,
            }
        )
        return
    where = f"from {origin} to {to}" if origin else f"to {to}, where releases come first"
    back = ", which ran there before: a roll-back, of which little is asked" if chosen.going_back else ""
    say(f"release {digest[:12]} of {manifest.pipeline}, commit {manifest.commit[:12]}, {where}{back}")
    if manifest.overrides:
        say(f"compiled with --set {' --set '.join(manifest.overrides)}")
    rows = [(one.name, "yes" if one.holds else "no", one.words) for one in chosen.rules]
    echo()
    printing.show([TableColumn("rule"), TableColumn("holds"), TableColumn("because", folds=True, breaks=True)], rows)
    echo()
    if not chosen.refusals:
        say(f"would send its job as it was built, as {chosen.job}, and wait for it{_was(chosen)}")
        say("nothing has changed: leave --dry-run out")


def _was(chosen: "ShippingPlan") -> str:
    return f", was {chosen.before.release}" if chosen.before else ""


def signing_key(file: Optional[Path]) -> Any:
    """The key that releases are checked with.

    Args:
        file: of `--public-key`; None for the project's own.

    Raises:
        BadInput: there is no such file, or no key in it.
    """
    from millrace.release import signing

    place = file or project.require(Path()).root / PUBLIC_KEY
    if not place.is_file():
        raise BadInput(
            "there is no public key to check the release's signature with",
            where=str(place),
            remedy="take it of the private one: openssl pkey -in release.pem -pubout -out release.pub; or --public-key",
        )
    return signing.public_key(place)
