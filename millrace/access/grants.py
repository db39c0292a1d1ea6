"""A role that an account needs on a resource, and what for."""

from collections.abc import Iterable
from dataclasses import dataclass

SUBMITTER = "whoever submits"
"""A person, or the CI: `submit` and `schedules create` run with their credentials."""

TEMPLATE_WRITER = "whoever uploads templates"
"""A person, or the CI: `templates upload` runs with their credentials."""

PROMOTER = "whoever promotes"
"""A person, or the CI: `promote` runs with their credentials."""


@dataclass(frozen=True)
class Grant:
    """One role.

    Args:
        account: a service account's address, an agent of Google's in words, or one of the words above for who works.
        role: a predefined role, the least one with what is done.
        resource: what it is needed on: projects/P, gs://BUCKET, a secret, a key, a service account, a dataset.
        reasons: each step with what it does there; `STEP: what`.
    """

    account: str
    role: str
    resource: str
    reasons: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """What the grant is, without why."""
        return self.account, self.role, self.resource

    def by_what(self) -> dict[str, list[str]]:
        """The steps that do the same with it, by what they do."""
        steps: dict[str, list[str]] = {}
        for reason in self.reasons:
            step, _, what = reason.partition(": ")
            steps.setdefault(what, []).append(step)
        return steps


def merged(grants: Iterable[Grant]) -> list[Grant]:
    """The same grants, each once with all its reasons; an account's together, in the order in which they came.

    A role to read a bucket is left out where the account may write to it.
    """
    by_key: dict[tuple[str, str, str], list[str]] = {}
    for grant in grants:
        reasons = by_key.setdefault(grant.key, [])
        reasons += [reason for reason in grant.reasons if reason not in reasons]
    for account, role, resource in list(by_key):
        writing = (account, "roles/storage.objectUser", resource)
        if role == "roles/storage.objectViewer" and writing in by_key:
            by_key[writing] += by_key.pop((account, role, resource))
    accounts = list(dict.fromkeys(account for account, _, _ in by_key))
    ordered = sorted(by_key, key=lambda key: accounts.index(key[0]))
    return [Grant(*key, tuple(by_key[key])) for key in ordered]
