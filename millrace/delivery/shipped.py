"""The releases that have been promoted to an environment, as the service there knows them by its jobs.

A promotion is a job whose id is made of its pipeline, environment and number, and whose labels, which nobody can
change, say of which release it is. So the service itself is the record of what ran: it starts no second job of the same
number, whoever asks. A job that has the labels and another id is none.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional, Protocol

from millrace.base.outcomes import ending
from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.remote.jobs import RemoteJob, Service
from millrace.release.bundle import Manifest

RELEASE = "millrace_release"
COMMIT = "millrace_commit"
IMAGES = "millrace_images"
OVERRIDES = "millrace_overrides"
ENVIRONMENT = "millrace_environment"
NUMBER = "millrace_promotion"
"""The labels of such a job, which `millrace.jobspec.rules.naming` keeps anybody else from giving to one."""

# In the images already, by its digest; CI names it for each environment.
_IN_THE_IMAGES = "vertex.image"


class LabelledJobs(Service, Protocol):
    """A service that finds jobs by their labels."""

    def labelled(self, pipeline: str, label: str, value: str) -> list[RemoteJob]:
        """The jobs of a pipeline with a label, newest first, without their tasks.

        Args:
            pipeline: whose.
            label: its key.
            value: its value.
        """


@dataclass(frozen=True)
class Shipped:
    """A release that was promoted.

    Args:
        number: of the promotion, counted from 1 in its environment.
        release: the beginning of the release's SHA-256.
        commit: that it was built of.
        images: the digest of its images' names.
        overrides: the digest of the `--set` values that it was compiled with.
        job: what runs, or ran; without its tasks.
    """

    number: int
    release: str
    commit: str
    images: str
    overrides: str
    job: RemoteJob

    def is_of(self, manifest: Manifest) -> bool:
        """Whether it is of the same commit and the same images as another release."""
        return (self.commit, self.images) == (manifest.commit[:40], images_digest(manifest))

    def is_set_as(self, manifest: Manifest) -> bool:
        """Whether it was compiled with the same `--set` values as another release."""
        return self.overrides == overrides_digest(manifest)


def labels(manifest: Manifest, digest: str, number: int) -> dict[str, str]:
    """The labels of a promotion's job.

    Args:
        manifest: the release's.
        digest: the SHA-256 of its file.
        number: of the promotion.
    """
    return {
        RELEASE: digest[:12],
        COMMIT: manifest.commit[:40],
        IMAGES: images_digest(manifest),
        OVERRIDES: overrides_digest(manifest),
        ENVIRONMENT: label_of(manifest.environment),
        NUMBER: str(number),
    }


def job_id(pipeline: str, environment: str, number: int) -> str:
    """The id of a promotion's job: of two people who promote at once both mean the same one."""
    return f"{_stem(pipeline)}{_distinct(environment, 'a-z0-9-', 30)}-release-{number}"


def is_promotions_id(pipeline: str, name: str) -> bool:
    """Whether a job of that id would take a number from the promotions of a pipeline, to whichever environment."""
    return bool(re.fullmatch(re.escape(_stem(pipeline)) + "[-a-z0-9]*-release-[0-9]+", name))


def _stem(pipeline: str) -> str:
    stem = pipeline if pipeline[:1].isalpha() else f"job-{pipeline}"
    return f"{stem if len(stem) <= 70 else _distinct(stem, 'a-z0-9-', 70)}-"


def label_of(environment: str) -> str:
    """An environment's name as a label's value can have it: two names have two labels."""
    return _distinct(environment, "a-z0-9_-", 63)


def _distinct(name: str, signs: str, most: int) -> str:
    """A name of these signs alone, so many of them; where that makes another of it, its digest tells it from others."""
    plain = re.sub(f"[^{signs}]", "-", name.lower())
    if plain == name and len(name) <= most:
        return name
    return f"{plain[: most - 9]}-{_short([name])[:8]}"


def images_digest(manifest: Manifest) -> str:
    """One short text for the images of a release."""
    return _short(manifest.images)


def overrides_digest(manifest: Manifest) -> str:
    """One short text for what a release was compiled with besides its commit and its environment."""
    return _short(one for one in manifest.overrides if one.partition("=")[0].strip() != _IN_THE_IMAGES)


def _short(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


def shipped(service: LabelledJobs, pipeline: str, environment: str) -> list[Shipped]:
    """Every promotion to an environment, the last one last.

    Args:
        service: of that environment.
        pipeline: whose releases.
        environment: its name.
    """
    jobs = service.labelled(pipeline, ENVIRONMENT, label_of(environment))
    found = [_of(job) for job in jobs if re.fullmatch("[0-9]+", job.labels.get(NUMBER, ""))]
    return sorted(
        (one for one in found if one.job.name == job_id(pipeline, environment, one.number)), key=lambda one: one.number
    )


def _of(job: RemoteJob) -> Shipped:
    release, commit, images, overrides = (job.labels.get(key, "") for key in (RELEASE, COMMIT, IMAGES, OVERRIDES))
    return Shipped(int(job.labels[NUMBER]), release, commit, images, overrides, job)


def next_number(service: LabelledJobs, pipeline: str, environment: str, every: list[Shipped]) -> int:
    """The number of the next promotion: the one after the last, and after whatever else has the id of a promotion.

    Of two people who ask at once both are told the same one: what is a promotion is not stepped over.

    Args:
        service: of the environment.
        pipeline: whose releases.
        environment: its name.
        every: the promotions to it, the last one last.
    """
    number = 1 + max((one.number for one in every), default=0)
    while _taken_by_another(service, pipeline, environment, number):
        number += 1
    return number


def _taken_by_another(service: Service, pipeline: str, environment: str, number: int) -> bool:
    try:
        there = service.job(job_id(pipeline, environment, number))
    except ServiceFailure as failure:
        if failure.status == 404:
            return False
        raise
    said = (there.pipeline or pipeline, there.labels.get(ENVIRONMENT), there.labels.get(NUMBER))
    return said != (pipeline, label_of(environment), str(number))


def outcome(service: Service, one: Shipped) -> tuple[bool, str]:
    """How a promotion ended.

    Args:
        service: of its environment.
        one: the promotion.

    Returns:
        Whether its job came to its end with every gate content, and in words what became of it.
    """
    if not one.job.is_over:
        return False, f"{one.job.name} has not ended yet"
    ended = service.job(one.job.name)
    blocked = [task.name for task in ended.tasks if task.blocked]
    words = "every gate was content" if ended.exit_code == 0 else f"{ending(ended.exit_code)}"
    against = f", {' and '.join(blocked)} said no" if blocked else ""
    return ended.exit_code == 0, f"{one.job.name}: {words}{against}"


def in_place(service: Service, every: list[Shipped]) -> Optional[Shipped]:
    """The promotion that an environment is at: the last one whose job came to its end; None where there is none.

    Args:
        service: of the environment.
        every: the promotions to it, the last one last.
    """
    return next((one for one in reversed(every) if outcome(service, one)[0]), None)


def line(service: Service, every: list[Shipped]) -> list[Shipped]:
    """The promotions that led to the present one, it the last: who goes back goes to an earlier one of them.

    Those that were gone back from are not among them, nor is what a gate has stopped: it led nowhere.

    Args:
        service: of the environment.
        every: the promotions to it, the last one last.
    """
    led: list[Shipped] = []
    for one in every:
        if outcome(service, one)[0]:
            before = [earlier.release for earlier in led]
            led = [*led[: before.index(one.release)], one] if one.release in before else [*led, one]
    return led
