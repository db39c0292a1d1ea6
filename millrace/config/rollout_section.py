"""The configuration's section `rollout:`: the gateway, and the policies by which a new version gets its traffic.

A policy that could not end as it is meant to is refused when it is read: one that waits for answers that nobody sends
to the candidate, or that is over before its own steps are.
"""

from itertools import pairwise
from typing import Annotated, Literal, Optional, Union

from pydantic import Field, model_validator

from millrace.base.names import did_you_mean
from millrace.base.section import Section

Share = Annotated[float, Field(gt=0, lt=1)]

LEAST_PERCENT = 0.01
"""The least part of the users that the gateway can tell apart."""


class Limit(Section):
    """How bad a version's answers may be. What is not said is not judged."""

    worse_by: Optional[Share] = Field(
        default=None,
        description="the part of the champion's good answers that the candidate may lack: 0.005 is half a point",
    )
    at_most: Optional[Share] = Field(default=None, description="the share of bad answers, whatever the champion's is")

    @model_validator(mode="after")
    def _limits_something(self) -> "Limit":
        if self.worse_by is None and self.at_most is None:
            raise ValueError("say worse_by, at_most, or both: a limit without a number would judge nothing")
        return self


class SlowAnswers(Limit):
    """How many answers may be slow."""

    over_ms: float = Field(default=500, gt=0, description="milliseconds from which an answer is slow")


class Judged(Section):
    """What a candidate is judged by while it gets traffic."""

    errors: Limit = Field(
        default=Limit(worse_by=0.005),
        description="answers of REST with 5xx or 429, of gRPC the like; of a mirror also 4xx that are only its own",
    )
    slow: Optional[SlowAnswers] = SlowAnswers(worse_by=0.02)
    disagreement: Optional[Limit] = Field(
        default=None, description="mirrored requests that the two versions decide differently; at_most alone"
    )
    wrong: Optional[Limit] = Field(
        default=None, description="answers that were wrong by the labels that millrace labels add brings"
    )
    metrics: tuple[str, ...] = Field(
        default=(),
        description="metrics whose evaluation.thresholds labelled answers must meet, the champion as baseline",
    )
    labels: int = Field(
        default=100, ge=1, description="labelled answers of each version that a step waits for, where labels are judged"
    )
    crashes: int = Field(default=0, ge=0, description="how often its server may end by itself")
    risk: Share = Field(default=0.05, description="the chance that a candidate within all limits is sent back")

    @model_validator(mode="after")
    def _disagreement_has_no_champion(self) -> "Judged":
        if self.disagreement and (self.disagreement.worse_by or not self.disagreement.at_most):
            raise ValueError("disagreement takes at_most alone: it is with the champion, which has none of its own")
        return self


class Step(Section):
    """A share of the traffic, until the time is over and enough was answered."""

    percent: float = Field(default=0, ge=0, le=100, description="users who get the candidate")
    mirror: int = Field(default=0, ge=0, le=100, description="requests that the candidate gets beside the champion")
    minutes: float = Field(default=30, ge=0, description="how long at least")
    requests: int = Field(default=100, ge=0, description="answers of the candidate at least")

    @model_validator(mode="after")
    def _sends_something(self) -> "Step":
        if 0 < self.percent < LEAST_PERCENT:
            raise ValueError(f"percent: {self.percent:g} would be nobody; {LEAST_PERCENT:g} is the least")
        if self.requests and not self.percent and not self.mirror:
            raise ValueError("it cannot end: it waits for answers, and sends nothing; say percent or mirror")
        return self


class Policy(Section):
    """What all policies have."""

    judged: Judged = Judged()
    hours: float = Field(default=72, gt=0, description="after that the candidate is sent back, whatever was seen")

    def minutes_needed(self) -> float:
        """The least that it takes where all goes well."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _can_end(self) -> "Policy":
        if self.minutes_needed() >= self.hours * 60:
            raise ValueError(
                f"it cannot end well: its steps take {self.minutes_needed() / 60:g} hours, and after {self.hours:g} "
                "the candidate is sent back; raise hours"
            )
        return self


_CANARY = (Step(percent=1, minutes=30), Step(percent=10, minutes=60), Step(percent=50, minutes=60))


class Canary(Policy):
    """More traffic step by step, all of it in the end."""

    kind: Literal["canary"] = "canary"
    steps: tuple[Step, ...] = Field(default=_CANARY, min_length=1)

    def minutes_needed(self) -> float:
        """The sum of its steps."""
        return sum(step.minutes for step in self.steps)

    @model_validator(mode="after")
    def _goes_up(self) -> "Canary":
        for before, after in pairwise(self.steps):
            if after.percent < before.percent or (after.percent == before.percent and before.percent):
                raise ValueError(f"steps go up: {after.percent:g} percent cannot follow {before.percent:g}")
        _require_mirror(self.judged, any(step.mirror for step in self.steps))
        return self


class Shadow(Policy):
    """The candidate gets requests beside the champion, and no user sees its answers; it is not promoted."""

    kind: Literal["shadow"] = "shadow"
    mirror: int = Field(default=100, ge=1, le=100, description="percent of the requests")
    minutes: float = Field(default=60, ge=0, description="how long at least")
    requests: int = Field(default=1000, ge=1, description="answers of the candidate at least")

    def minutes_needed(self) -> float:
        """How long it mirrors at least."""
        return self.minutes

    @model_validator(mode="after")
    def _is_labelled_by_nobody(self) -> "Shadow":
        if self.judged.wrong or self.judged.metrics:
            name = "wrong" if self.judged.wrong else "metrics"
            raise ValueError(f"judged.{name}: no user sees a shadow's answers, so no label is about one; take it out")
        return self


class Ab(Policy):
    """A fixed share until the labels say which is better; the candidate is promoted only if it is."""

    kind: Literal["ab"] = "ab"
    percent: float = Field(
        default=50, ge=LEAST_PERCENT, le=100 - LEAST_PERCENT, description="users who get the candidate"
    )
    minutes: float = Field(default=1440, ge=0, description="how long at least")
    requests: int = Field(default=1000, ge=1, description="labelled answers of the candidate at least")

    def minutes_needed(self) -> float:
        """How long it compares at least."""
        return self.minutes

    @model_validator(mode="after")
    def _has_labels(self) -> "Ab":
        _require_labels(self.judged)
        return self


class Bandit(Policy):
    """Shares that follow the labels: the likelier a version is the best, the more users get it (Thompson sampling)."""

    kind: Literal["bandit"] = "bandit"
    least_percent: float = Field(default=5, ge=LEAST_PERCENT, le=50, description="what each version gets at least")
    certain: float = Field(default=0.99, gt=0.5, lt=1, description="the probability of being the best that ends it")
    minutes: float = Field(default=1440, ge=0, description="how long at least")
    requests: int = Field(default=1000, ge=1, description="labelled answers of the candidate at least")

    def minutes_needed(self) -> float:
        """How long it learns at least."""
        return self.minutes

    @model_validator(mode="after")
    def _has_labels(self) -> "Bandit":
        _require_labels(self.judged)
        return self


class BlueGreen(Policy):
    """All traffic at once, and back at once; the champion's server stays while the candidate is watched."""

    kind: Literal["blue-green"] = "blue-green"
    minutes: float = Field(default=60, ge=0, description="how long the candidate is watched at least")
    requests: int = Field(default=100, ge=0, description="answers of the candidate at least")
    judged: Judged = Judged(errors=Limit(at_most=0.01), slow=SlowAnswers(at_most=0.05))

    def minutes_needed(self) -> float:
        """How long it watches at least."""
        return self.minutes

    @model_validator(mode="after")
    def _compares_with_no_champion(self) -> "BlueGreen":
        for name in ("errors", "slow", "wrong"):
            limit: Optional[Limit] = getattr(self.judged, name)
            if limit and limit.at_most is None:
                raise ValueError(f"judged.{name}: it needs at_most, since the champion gets no requests meanwhile")
        _require_mirror(self.judged, False)
        return self


AnyPolicy = Annotated[Union[Canary, Shadow, Ab, Bandit, BlueGreen], Field(discriminator="kind")]

_LABELLED = Judged(wrong=Limit(worse_by=0.01))


def _by_kind() -> dict[str, AnyPolicy]:
    return {
        "canary": Canary(),
        "shadow": Shadow(),
        "ab": Ab(judged=_LABELLED),
        "bandit": Bandit(judged=_LABELLED),
        "blue-green": BlueGreen(),
    }


class Rollout(Section):
    """Traffic to served versions: the gateway, and the policies of `millrace rollout start VERSION --policy NAME`."""

    host: str = Field(default="127.0.0.1", min_length=1, description="the address that clients reach")
    port: int = Field(default=8080, ge=0, le=65_535, description="of REST and gRPC; 0 lets the system choose")
    metrics_port: Optional[int] = Field(
        default=None,
        ge=1,
        le=65_535,
        description="of the loopback interface, for Prometheus: the gateway's figures at /metrics; none by default",
    )
    user_header: str = Field(
        default="x-user-id",
        pattern="^[a-z0-9][a-z0-9-]*$",
        description="the header, in lower case, by which a user stays with a version",
    )
    timeout_seconds: float = Field(default=30, gt=0, description="how long an answer may take")
    drain_seconds: float = Field(
        default=30, ge=0, description="how long a version's server stays after its last request"
    )
    log_days: float = Field(default=30, gt=0, description="how long the gateway keeps what its servers log of requests")
    log_gib: float = Field(default=20, gt=0, description="how large that log may become before its oldest files go")
    policies: dict[str, AnyPolicy] = Field(
        default={}, description="policies of your own by name; one of each kind is there, under the kind's name"
    )
    candidates: tuple[str, ...] = Field(
        default=(),
        description="policies by which the gateway rolls out each new candidate by itself, one after the other: "
        "[shadow, canary]; none: a person starts it",
    )

    @model_validator(mode="after")
    def _candidates_come_to_the_last_policy(self) -> "Rollout":
        known = self.policy_by_name()
        for name in self.candidates:
            if name not in known:
                raise ValueError(
                    f"candidates: there is no policy {name}{did_you_mean(name, known)}; name one of: {', '.join(known)}"
                )
            if self.candidates.count(name) > 1:
                raise ValueError(f"candidates: {name} stands there twice")
        for name in self.candidates[:-1]:
            if not isinstance(known[name], Shadow):
                raise ValueError(
                    f"candidates: after {name} nothing follows, since it ends with a champion or sends the candidate "
                    "back; put shadows before it alone"
                )
        return self

    def policy_by_name(self) -> dict[str, AnyPolicy]:
        """The configured policies, and one of each kind where the name is not taken."""
        return {**_by_kind(), **self.policies}


def _require_mirror(judged: Judged, mirrors: bool) -> None:
    if judged.disagreement and not mirrors:
        raise ValueError("judged.disagreement: it needs a step with mirror, since no request has two answers otherwise")


def _require_labels(judged: Judged) -> None:
    if judged.wrong is None or judged.wrong.worse_by is None:
        raise ValueError("it cannot end: labels decide it, and none are judged; say judged.wrong.worse_by")
