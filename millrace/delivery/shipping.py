"""Promotes a release: what would be done, and sending its job as it was built."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from millrace.base.errors import BadInput, GateRefused
from millrace.base.numbers import counted
from millrace.cloud.prepared_job import Progress, ready
from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.remote.jobs import RemoteJob
from millrace.config.config import Config
from millrace.delivery import release_rules
from millrace.delivery.approval import approvals, approving
from millrace.delivery.shipped import (
    NUMBER,
    RELEASE,
    LabelledJobs,
    Shipped,
    in_place,
    job_id,
    labels,
    line,
    next_number,
    shipped,
)
from millrace.jobspec.job import CompiledJob
from millrace.project.default_configuration import option
from millrace.promotion.policy import PolicyRule
from millrace.release.bundle import Manifest
from millrace.release.signing import SUFFIX
from millrace.release.verify import job_of, verified


@dataclass(frozen=True)
class SignedRelease:
    """A release that is whole and signed.

    Args:
        file: where it is.
        digest: the SHA-256 of the file.
        manifest: what it is.
        job: its compiled job.
    """

    file: Path
    digest: str
    manifest: Manifest
    job: CompiledJob


@dataclass(frozen=True)
class ShippingPlan:
    """What the promotion of a release does, or would do.

    Args:
        release: which one.
        number: of the promotion in its environment.
        before: the promotion that the environment is at; None where there is none.
        going_back: whether the release ran there to its end before; little is asked then.
        rules: of the policy, each with what became of it.
        every: the promotions to the environment so far, the last one last.
    """

    release: SignedRelease
    number: int
    before: Optional[Shipped]
    going_back: bool
    rules: tuple[PolicyRule, ...]
    every: tuple[Shipped, ...] = ()

    @property
    def job(self) -> str:
        """The id of the job."""
        return job_id(self.release.manifest.pipeline, self.release.manifest.environment, self.number)

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why policy says no; none where it says yes."""
        return tuple(f"{one.name}: {one.words}" for one in self.rules if not one.holds)


def signed(file: Path, key: Ed25519PublicKey) -> SignedRelease:
    """Reads a release that may go on.

    Args:
        file: the release's.
        key: whose signature it must have.

    Raises:
        BadInput: it is no release.
        GateRefused: something in it was changed, or it is not signed by that key.
    """
    release = verified(file, key)
    # Of the bytes that were verified: the file may be another one by now.
    return SignedRelease(file, release.sha256, release.manifest, job_of(release, str(file)))


def require_for(release: SignedRelease, target: Config) -> str:
    """The environment that a release comes from; empty where it comes to the target first.

    Args:
        release: which one.
        target: the configuration of the environment that is to take it in.

    Raises:
        BadInput: the release is of another pipeline or was built for another environment, or none may come.
    """
    manifest = release.manifest
    if manifest.pipeline != target.name:
        raise BadInput(
            f"a release of {manifest.pipeline}, and not of {target.name}",
            where=str(release.file),
            remedy="name its configuration with -c",
        )
    if manifest.environment != target.environment:
        raise BadInput(
            f"built for {manifest.environment or 'no environment'}, and not for {target.environment}",
            where=str(release.file),
            remedy=f"take the one of the same commit for {target.environment}: make release ENV={target.environment}",
        )
    origin = target.promotion.release_from
    if origin is None:
        raise BadInput(
            f"nothing says what {target.environment} comes after, so nothing is promoted to it",
            where=target.place("promotion"),
            remedy="write promotion: {after: ENVIRONMENT} into its overlay, or releases_after: '' where they begin",
        )
    return origin


def plan(
    release: SignedRelease, source: Optional[LabelledJobs], target: LabelledJobs, config: Config, who: str, now: float
) -> ShippingPlan:
    """Says what the promotion of a release would do; nothing is changed.

    Args:
        release: which one.
        source: the service of the environment that it comes from; None where it comes to the target first.
        target: the service of the environment that takes it in.
        config: of that environment, whose section `promotion` is the policy.
        who: who promotes it.
        now: seconds since the epoch.

    Raises:
        ServiceFailure: a service does not tell what has run there.
    """
    every = shipped(target, config.name, config.environment)
    current = in_place(target, every)
    # The service is asked for each job that ever ran there only where this release is one of them.
    known = any(one.release == release.digest[:12] for one in every)
    going_back = known and any(one.release == release.digest[:12] for one in line(target, every)[:-1])
    asked = tuple(_rules(release, source, every, current, going_back, config, who, now))
    number = next_number(target, config.name, config.environment, every)
    return ShippingPlan(release, number, current, going_back, asked, tuple(every))


def _rules(
    release: SignedRelease,
    source: Optional[LabelledJobs],
    every: list[Shipped],
    current: Optional[Shipped],
    going_back: bool,
    config: Config,
    who: str,
    now: float,
) -> Iterator[PolicyRule]:
    name = config.environment
    if not going_back:
        yield from release_rules.came_from(source, config.promotion.release_from or "", name, release.manifest)
        yield release_rules.approved(config.promotion, name, approvals(release.file, release.digest), who)
    whole = counted(len(release.manifest.files), "file")
    words = f"{whole} as built, sha256 {release.digest[:16]}, signed in {release.file.name}{SUFFIX}"
    yield PolicyRule("files", True, words)
    yield from release_rules.at_rest(every, current, release.digest, name)
    if not going_back:
        yield release_rules.frozen(config, now)
        if config.vertex.cost.budget is not None:
            yield release_rules.within_budget(release.job, config)


def require_allowed(chosen: ShippingPlan, config: Config) -> None:
    """Refuses what policy says no to.

    Args:
        chosen: of `plan`.
        config: of the environment that takes the release in.

    Raises:
        GateRefused: with each reason.
    """
    if chosen.refusals:
        raise GateRefused(
            f"{config.environment} does not take {chosen.release.file.name}: {'; '.join(chosen.refusals)}",
            where=config.place("promotion"),
            remedy=_remedy(chosen, config),
        )


def _remedy(chosen: ShippingPlan, config: Config) -> str:
    """What to do about a refusal, in whole commands where there are some."""
    refused = {one.name for one in chosen.rules if not one.holds}
    if "once" in refused:
        return "nothing is left to do"
    working = [one.job.name for one in chosen.every if not one.job.is_over]
    steps = [_look(name, config) for name in working[-1:]]
    if "approval" in refused:
        steps.append(approving(chosen.release.file, config.promotion.approvers))
    return "; ".join(steps) or "put right what each reason names"


def _look(job: str, config: Config) -> str:
    return f"millrace jobs show{option(config.file, config.environment)} {job}"


def send(
    chosen: ShippingPlan, target: LabelledJobs, config: Config, progress: Progress
) -> tuple[RemoteJob, CompiledJob]:
    """Sends the job of a release as it was built, under an id that no other promotion has.

    Args:
        chosen: of `plan`; what policy says no to is not sent.
        target: the service of the environment that takes it in.
        config: of that environment.
        progress: is given what the check of the job said.

    Returns:
        The job as the service made it, and as it was sent.

    Raises:
        BadInput: the job would be refused.
        GateRefused: policy says no, or somebody else has sent a job of that id meanwhile. Nothing was sent.
        ServiceFailure: the service does not start it.
    """
    require_allowed(chosen, config)
    release = chosen.release
    # What ran there to its end goes back as it was, whatever tables and budgets say by now.
    job = release.job if chosen.going_back else ready(release.job, config, {}, progress, as_built=True)
    target.check(job)
    said = labels(release.manifest, release.digest, chosen.number)
    job = replace(job, labels={**job.labels, **said})
    try:
        sent = target.submit(job, chosen.job)
    except ServiceFailure as failure:
        if failure.status != 409:
            raise
        raise _somebody_else(chosen, config) from failure
    # After a silence the service is asked for the job, which may be somebody else's.
    if any(sent.labels.get(key) != said[key] for key in (RELEASE, NUMBER)):
        raise _somebody_else(chosen, config)
    return sent, job


def _somebody_else(chosen: ShippingPlan, config: Config) -> GateRefused:
    return GateRefused(
        f"somebody else has sent {chosen.job} to {config.environment} at this moment; nothing of yours was sent",
        where=str(chosen.release.file),
        remedy=f"look, then decide again: {_look(chosen.job, config)}",
    )
