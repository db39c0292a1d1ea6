"""The controller: looks at what the versions answered, decides by the policy, and sees that all know of it.

It alone writes what is to be served. A decision is written down before it is done, and what is done can be done twice:
the deployment is a file that says how things are to be, the alias is moved only where it is not there yet, and the
registry's event carries the decision's number. So a controller that is killed at any place is followed by one that
finishes what it had decided.
"""

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Optional, Protocol

from millrace.base.errors import BadInput, MillraceError
from millrace.config.rollout_section import AnyPolicy
from millrace.registry.events import CHAMPION, VersionState
from millrace.registry.registry import Registry
from millrace.registry.version import Version
from millrace.serving import access_log, decision, recorded_rollouts, state
from millrace.serving.candidates import CandidatePolicy, next_of
from millrace.serving.decision import Action, Progress, Seen
from millrace.serving.envoy_config import WHOLE, Traffic
from millrace.serving.metric_limits import Measured, MetricLimit
from millrace.serving.sequential import Tally
from millrace.serving.state import (
    CONTROLLER,
    Cursor,
    Decided,
    Deployment,
    GatewayStatus,
    Mirrored,
    Order,
    Places,
    RolloutState,
    Status,
    UnreadableState,
)

_LOOK_SECONDS = 1.0
# A test compares within a block, and bets on the blocks before it.
_LABELS_AT_ONCE = 100
_ENDS: dict[Action, Status] = {Action.BACK: "back", Action.PROMOTE: "promoted", Action.DONE: "done"}


class Labels(Protocol):
    """Where labels are, or what stands for them."""

    def since(self, number: int, most: Optional[int] = None) -> tuple[dict[int, Tally], int]:
        """How wrong answers were by version, of the labels after one, and the number of the last."""

    def corrections(self) -> int:
        """How often labels were replaced or removed."""

    def labelled(self, answered_since: float) -> dict[int, int]:
        """How many of each version's answers since a time have a label."""


class Comparison(Protocol):
    """What compares two versions' answers to the same requests, or what stands for it."""

    def since(self, when: float, champion: int, candidate: int) -> tuple[Tally, float]:
        """Whether they differ, of requests after a time, and until when that was looked at."""


class Metrics(Protocol):
    """What measures the Evaluator's metrics on labelled answers, or what stands for it."""

    def of_versions(
        self, limits: Sequence[MetricLimit], versions: Sequence[int], answered_since: float, least: int
    ) -> Measured:
        """What each version's answers since a time are worth, where it has labels enough."""


class Controller:
    """Decides for one pipeline.

    Args:
        places: where the files are.
        registry: of the pipeline's model.
        labels: None where no policy looks at them.
        comparison: None where no policy compares answers.
        clock: seconds since the epoch.
        metrics: None where no policy judges by them.
        candidates: the policies by which a version that has become candidate is rolled out by itself; none where a
            person starts it.
    """

    def __init__(
        self,
        places: Places,
        registry: Registry,
        labels: Optional[Labels] = None,
        comparison: Optional[Comparison] = None,
        clock: Callable[[], float] = time.time,
        metrics: Optional[Metrics] = None,
        candidates: Sequence[CandidatePolicy] = (),
    ) -> None:
        self._places = places
        self._registry = registry
        self._labels = labels
        self._comparison = comparison
        self._clock = clock
        self._metrics = metrics
        self._candidates = candidates

    def run(self, stop: threading.Event) -> None:
        """Looks every second until it is told to stop.

        Args:
            stop: ends it.
        """
        while not stop.is_set():
            try:
                self.look()
            except (MillraceError, OSError) as error:
                # Traffic goes on as it is; the reason is in the log of the gateway, and the next look tries again.
                logging.error("%s", error)
            stop.wait(_LOOK_SECONDS)

    def look(self) -> Optional[RolloutState]:
        """Looks once, and does what is to be done.

        Returns:
            The rollout after it; None where there was none yet.
        """
        rollout = state.read_rollout(self._places)
        if rollout and rollout.unsaid:
            rollout = self._say(rollout)
        order = state.read_order(self._places)
        if order:
            rollout = self._take(order, rollout)
        if rollout is None or rollout.over:
            rollout = self._started_by_itself() or rollout
        champion = self._registry.aliases().get(CHAMPION)
        if rollout and not rollout.over:
            rollout = self._decide(rollout, champion)
        if rollout and rollout.unsaid:
            rollout = self._say(rollout)
        self._deploy(rollout)
        return rollout

    def _take(self, order: Order, rollout: Optional[RolloutState]) -> Optional[RolloutState]:
        """Does what a person asked for; an order that was taken before it could be removed is taken once."""
        runs = rollout is not None and not rollout.over
        if order.kind == "start" and order.state and not runs and (rollout is None or rollout.order != order.id):
            started = replace(order.state, cursor=self._here(order.state.progress.candidate), order=order.id)
            rollout = self._keep(started, "start", order.because, order.who)
        elif rollout is not None and runs and rollout.order != order.id:
            status: dict[str, Status] = {
                "pause": "paused", "resume": "running", "promote": "promoted", "abort": "aborted"
            }  # fmt: skip
            if order.kind in status:
                if order.kind == "resume":
                    rollout = self._resumed(rollout)
                changed = replace(rollout, status=status[order.kind], order=order.id)
                action = "promote by hand" if order.kind == "promote" else order.kind
                rollout = self._keep(changed, action, order.because, order.who)
        self._places.order_file.unlink(missing_ok=True)
        return rollout

    def _started_by_itself(self) -> Optional[RolloutState]:
        """The rollout of a candidate that nobody has to start; None where there is none."""
        found = next_of(self._registry, self._candidates)
        if found is None:
            return None
        champion, candidate, one = found
        begins = new_rollout(champion, candidate, one.name, one.policy, self._clock(), one.tested, one.measured)
        begins = replace(begins, cursor=self._here(candidate.number))
        return self._say(self._keep(begins, "start", "it has become candidate (rollout.candidates)"))

    def _resumed(self, rollout: RolloutState) -> RolloutState:
        """The time of a pause belongs to no step."""
        paused_at = next((one.at for one in reversed(rollout.decisions) if one.action == "pause"), None)
        if rollout.status != "paused" or paused_at is None:
            return rollout
        lost, progress = self._clock() - paused_at, rollout.progress
        moved = replace(progress, started=progress.started + lost, step_started=progress.step_started + lost)
        return replace(rollout, progress=moved)

    def _decide(self, rollout: RolloutState, champion: Optional[Version]) -> RolloutState:
        if champion is None or champion.number != rollout.progress.champion:
            other = f"version {champion.number}" if champion else "no version"
            return self._keep(replace(rollout, status="aborted"), "abort", f"{other} became champion in the meantime")
        candidate = self._registry.version(str(rollout.progress.candidate))
        if candidate.state is VersionState.REJECTED:
            try:
                self._registry.require_may_be(CHAMPION, candidate)
            except BadInput as error:
                return self._keep(replace(rollout, status="back"), Action.BACK.value, str(error.what))
        now = self._clock()
        rollout = self._without_the_time_of_no_server(self._with_corrected_labels(rollout), now)
        seen, cursor = self._seen(rollout)
        decided = decision.decide(rollout.progress, seen, rollout.policy, now, paused=rollout.status == "paused")
        if decided.action is Action.MEASURE:
            measured = self._measured(decided.progress, rollout.policy.judged.labels)
            again = Seen(labelled=seen.labelled, measured=measured)
            decided = decision.decide(decided.progress, again, rollout.policy, now)
        rollout = replace(rollout, progress=decided.progress, cursor=cursor)
        if decided.action is Action.HOLD:
            rollout = replace(rollout, looked=now, reason=decided.reason)
            state.write_rollout(self._places, rollout)
            return rollout
        rollout = replace(rollout, status=_ENDS.get(decided.action, rollout.status))
        return self._keep(rollout, decided.action.value, decided.reason)

    def _without_the_time_of_no_server(self, rollout: RolloutState, now: float) -> RolloutState:
        """The time in which the candidate's server does not answer, and nobody gets it, belongs to no step."""
        status, progress = state.read_gateway(self._places), rollout.progress
        answers = status is None or status.ready.get(progress.candidate, True)
        # The time of a pause belongs to no step anyway.
        if answers or rollout.status == "paused":
            return rollout
        lost = now - max(rollout.looked, progress.step_started)
        return replace(rollout, progress=replace(progress, step_started=progress.step_started + lost))

    def _measured(self, progress: Progress, least: int) -> Measured:
        if self._metrics is None:
            raise MillraceError("the policy judges by metrics, and nothing measures them", remedy="pass metrics")
        versions = progress.champion, progress.candidate
        return self._metrics.of_versions(progress.limits, versions, progress.step_started, least)

    def _keep(self, rollout: RolloutState, action: str, reason: str, who: str = CONTROLLER) -> RolloutState:
        decided = Decided(self._clock(), action, reason, _weight(rollout), who)
        rollout = rollout.decided(decided)
        state.write_rollout(self._places, rollout)
        words = recorded_rollouts.words(action)
        logging.info("rollout of version %d: %s: %s", rollout.progress.candidate, words, reason)
        return rollout

    def _say(self, rollout: RolloutState) -> RolloutState:
        """Has the deployment and the registry know of the last decision, and keeps that they do."""
        decided, candidate = rollout.decisions[-1], rollout.progress.candidate
        version = self._registry.version(str(candidate))
        because = f"rollout {rollout.id} by {rollout.policy_name}: {decided.reason}"
        # What goes back goes back at once; what goes forward is in the registry first.
        if rollout.status == "promoted" and CHAMPION not in version.aliases:
            try:
                # Over the champion that was decided about, and no other that somebody has chosen since.
                self._registry.move(CHAMPION, version, because, decided.who, expected=rollout.progress.champion)
            except BadInput as error:
                return self._say(self._keep(replace(rollout, status="back"), Action.BACK.value, str(error.what)))
        self._deploy(rollout)
        said = {event.details.get("number") for event in self._registry.events(candidate) if _of(event, rollout.id)}
        if rollout.number not in said:
            details = {
                "rollout": rollout.id,
                "number": rollout.number,
                "policy": rollout.policy_name,
                "weight": decided.weight / WHOLE,
                "champion": rollout.progress.champion,
                "seen": {
                    name: {str(version): list(of) for version, of in by_version.items()}
                    for name, by_version in rollout.progress.totals.items()
                },
                "metrics": decision.plain_measured(rollout.progress.measured),
            }
            kind = recorded_rollouts.kind(decided.action)
            self._registry.record(kind, version, decided.reason, details, decided.who)
        rollout = replace(rollout, unsaid=False)
        state.write_rollout(self._places, rollout)
        return rollout

    def _deploy(self, rollout: Optional[RolloutState]) -> None:
        """Says what is to be served: the rollout's versions, else the champion alone."""
        if rollout and not rollout.over:
            wanted = Deployment(rollout.folders, decision.traffic(rollout.progress, rollout.policy))
        else:
            champion = self._registry.aliases().get(CHAMPION)
            if champion is None:
                return
            wanted = Deployment({champion.number: str(champion.folder)}, Traffic({champion.number: WHOLE}))
        with contextlib.suppress(UnreadableState):
            if wanted == state.read_deployment(self._places):
                return
        state.write_deployment(self._places, wanted)

    def _here(self, candidate: int) -> Cursor:
        """From where a rollout that starts reads what others write."""
        inode, offset = access_log.end(self._places.gateway)
        status = state.read_gateway(self._places)
        corrections, labels = (self._labels.corrections(), self._labels.since(0)[1]) if self._labels else (0, 0)
        return Cursor(
            log_inode=inode,
            log_offset=offset,
            labels=labels,
            labels_from=labels,
            corrections=corrections,
            ended=_ended(status, candidate),
            mirrored=_mirrored(status, candidate),
            compared=self._clock(),
        )

    def _with_corrected_labels(self, rollout: RolloutState) -> RolloutState:
        """What rests on labels is made anew from those that stand, where some were replaced or removed."""
        # Counted first: what is corrected while the labels are read is noticed by the next look.
        corrections = self._labels.corrections() if self._labels else 0
        if self._labels is None or corrections == rollout.cursor.corrections:
            return rollout
        blocks, number = list[dict[int, Tally]](), rollout.cursor.labels_from
        while True:
            tallies, number = self._labels.since(number, _LABELS_AT_ONCE)
            if not tallies:
                break
            blocks.append(tallies)
        progress = decision.with_labels_again(rollout.progress, blocks, rollout.policy)
        logging.info("labels were corrected; what rests on them is made anew from %d on", rollout.cursor.labels_from)
        return replace(
            rollout, progress=progress, cursor=replace(rollout.cursor, labels=number, corrections=corrections)
        )

    def _seen(self, rollout: RolloutState) -> tuple[Seen, Cursor]:
        judged, progress, cursor = rollout.policy.judged, rollout.progress, rollout.cursor
        answers, inode, offset = access_log.read_on(self._places.gateway, cursor.log_inode, cursor.log_offset)
        tallies = access_log.tallies(answers, judged.slow.over_ms if judged.slow else None)
        counted = {version: sum(tally.values()) for version, tally in tallies["errors"].items()}
        status = state.read_gateway(self._places)
        ended, mirrored = _ended(status, progress.candidate), _mirrored(status, progress.candidate)
        # A keeper that was started anew counts from 0.
        good, bad, taken, refused = (
            now - before if now >= before else now for now, before in zip(mirrored, cursor.mirrored, strict=True)
        )
        if good or bad:
            of_candidate = tallies["errors"].setdefault(progress.candidate, {})  # type: ignore[arg-type]
            of_candidate[0.0] = of_candidate.get(0.0, 0) + good
            of_candidate[1.0] = of_candidate.get(1.0, 0) + bad
            counted[progress.candidate] = counted.get(progress.candidate, 0) + good + bad
        all_tallies: dict[str, dict[int, Tally]] = {name: dict(by) for name, by in tallies.items()}
        if decision.REFUSED in progress.tests:
            all_tallies["refused"][progress.candidate] = {0.0: taken, 1.0: refused}
        labels, compared, labelled = cursor.labels, cursor.compared, dict[int, int]()
        if self._labels and (judged.wrong or judged.metrics):
            all_tallies["wrong"], labels = self._labels.since(cursor.labels)
            labelled = self._labels.labelled(progress.step_started)
        differing: Tally = {}
        if self._comparison and judged.disagreement:
            differing, compared = self._comparison.since(cursor.compared, progress.champion, progress.candidate)
        crashes = ended - cursor.ended if ended >= cursor.ended else ended
        return (
            Seen(counted, all_tallies, differing, crashes, labelled),
            replace(
                cursor,
                log_inode=inode,
                log_offset=offset,
                labels=labels,
                ended=ended,
                mirrored=mirrored,
                compared=compared,
            ),
        )


def _weight(rollout: RolloutState) -> int:
    """The candidate's part of the traffic after what was decided."""
    if rollout.status == "promoted":
        return WHOLE
    return 0 if rollout.over else rollout.progress.weight


def _ended(status: Optional[GatewayStatus], version: int) -> int:
    return status.ended.get(version, 0) if status else 0


def _mirrored(status: Optional[GatewayStatus], version: int) -> Mirrored:
    return status.mirrored.get(version, Mirrored()) if status else Mirrored()


def _of(event: object, rollout: str) -> bool:
    details = getattr(event, "details", None) or {}
    return bool(details.get("rollout") == rollout)


def new_rollout(
    champion: Version,
    candidate: Version,
    policy_name: str,
    policy: AnyPolicy,
    now: float,
    tested: Sequence[MetricLimit] = (),
    measured: Sequence[MetricLimit] = (),
) -> RolloutState:
    """A rollout that starts.

    Args:
        champion: the version that is served.
        candidate: the version that is to be.
        policy_name: the policy's name in the configuration.
        policy: by which the candidate gets its traffic.
        now: seconds since the epoch.
        tested: what accuracies must reach by labels.
        measured: what other metrics must reach when a step ends.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return RolloutState(
        id=f"{candidate.number}-{stamp}-{uuid.uuid4().hex[:4]}",
        status="running",
        policy_name=policy_name,
        policy=policy,
        progress=decision.begin(champion.number, candidate.number, policy, now, tested, measured),
        folders={one.number: str(Path(one.folder)) for one in (champion, candidate)},
    )
