"""What a person asks of rollouts: start one, stop its steps, end it, see how it stands, say what was right."""

import fcntl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from millrace.base.errors import BadInput
from millrace.base.names import did_you_mean
from millrace.config.config import Config
from millrace.config.paths import layout, registry_file, serving_directory
from millrace.config.rollout_section import AnyPolicy, Shadow
from millrace.features.label import AnyLabel, Label, Output
from millrace.metadata.run_summaries import Runs
from millrace.registry.events import CHAMPION, VersionState
from millrace.registry.intake import open_registry, up_to_date
from millrace.registry.registry import Registry, this_person
from millrace.registry.version import Version
from millrace.registry.vertex import require_can_follow
from millrace.serving import access_log, needed_time, state
from millrace.serving.candidates import CandidatePolicy
from millrace.serving.controller import new_rollout
from millrace.serving.labelled_metrics import limits_of
from millrace.serving.labels import Added, Labelled, LabelStore, add_labels, remove_labels
from millrace.serving.state import GatewayStatus, Order, OrderKind, Places, RolloutState
from millrace.serving.vertex_follower import why_not_followed

_TAKEN_SECONDS = 10.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Standing:
    """How things stand.

    Args:
        rollout: the one that runs, or the last; None before the first.
        gateway: what it said last; None where none ever ran.
        gateway_runs: whether it still does.
        order: what a person asked for and nobody has taken.
        champion: the number of the version that is champion now; None before the first.
        not_followed: why Vertex AI does not name a champion that a rollout made; empty where it does, or need not.
    """

    rollout: Optional[RolloutState]
    gateway: Optional[GatewayStatus]
    gateway_runs: bool
    order: Optional[Order]
    champion: Optional[int]
    not_followed: str = ""

    @property
    def sentence(self) -> str:
        """How the rollout stands; of one that is over, which version is champion by now. Empty before the first."""
        if self.rollout is None:
            return ""
        progress, rollout = self.rollout.progress, self.rollout
        now = f"; champion is {self.champion}" if self.champion else ""
        return (
            f"version {progress.candidate} over {progress.champion} by {rollout.policy_name}: {rollout.status}"
            f"{now if rollout.over else f', {self._share(rollout)}'}"
        )

    def _share(self, rollout: RolloutState) -> str:
        """Who gets the candidate: until its server answers, and without a gateway, nobody does."""
        share = f"{rollout.percent:g} % of the users get it"
        if not self.gateway_runs:
            return f"{share} once the gateway runs"
        ready = self.gateway is not None and self.gateway.ready.get(rollout.progress.candidate, False)
        return share if ready else f"{share} once its server answers"


@dataclass(frozen=True)
class Asked:
    """What a person has asked of the controller.

    Args:
        rollout: the one that it is about.
        taken: whether the controller has done it; else it waits for the gateway to be started.
        warning: of a start, what may send it back for want of time; empty for nothing.
    """

    rollout: RolloutState
    taken: bool
    warning: str = ""


def places_of(config: Config) -> Places:
    """Where a pipeline's gateway keeps its files.

    Raises:
        BadInput: its models are not on this machine.
    """
    if "://" in serving_directory(config):
        raise BadInput(
            "the gateway serves models from a folder of this machine",
            where=serving_directory(config),
            remedy="set root or push.directory to one; a service in a cloud splits traffic itself",
        )
    return Places((layout(config).local / "rollout" / config.name).absolute())


def standing(config: Config) -> Standing:
    """How a pipeline's rollout and its gateway stand.

    Args:
        config: the pipeline's configuration.
    """
    places, champion, not_followed = places_of(config), None, ""
    if registry_file(config).exists():
        with open_registry(config) as registry:
            champion = registry.aliases().get(CHAMPION)
            not_followed = why_not_followed(registry) if config.push.vertex else ""
    return Standing(
        state.read_rollout(places),
        state.read_gateway(places),
        gateway_runs(places),
        state.read_order(places),
        champion.number if champion else None,
        not_followed,
    )


def gateway_runs(places: Places) -> bool:
    """Whether a keeper holds the gateway's lock."""
    if not places.lock.exists():
        return False
    with open(places.lock, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def policy_of(config: Config, name: str) -> AnyPolicy:
    """The policy of a name.

    Raises:
        BadInput: there is none.
    """
    policies = config.rollout.policy_by_name()
    if name not in policies:
        raise BadInput(
            f"there is no policy {name}{did_you_mean(name, policies)}",
            where="rollout.policies",
            remedy=f"name one of: {', '.join(policies)}",
        )
    return policies[name]


def policies_of_candidates(config: Config) -> tuple[CandidatePolicy, ...]:
    """The policies by which each new candidate is rolled out by itself.

    Args:
        config: the pipeline's configuration.

    Raises:
        BadInput: a metric that one of them judges by cannot be measured on labelled requests.
    """
    known = config.rollout.policy_by_name()
    return tuple(
        CandidatePolicy(name, known[name], *limits_of(config, known[name])) for name in config.rollout.candidates
    )


def start(config: Config, version: str, policy_name: str, because: str) -> Asked:
    """Asks the controller to start a rollout.

    Args:
        config: the pipeline's configuration.
        version: the candidate's number or alias.
        policy_name: of the configuration, or a kind's.
        because: why.

    Returns:
        The rollout as it begins, and whether it has.

    Raises:
        BadInput: there is no such version or policy, a metric cannot be measured on labelled requests, the version may
            not be served, nothing is served that it could be compared with, or a rollout runs.
    """
    places = places_of(config)
    policy = policy_of(config, policy_name)
    tested, measured = limits_of(config, policy)
    running = state.read_rollout(places)
    if running and not running.over:
        raise BadInput(
            f"a rollout of version {running.progress.candidate} is {running.status}",
            remedy="wait for its end (millrace rollout status), or millrace rollout abort",
        )
    with open_registry(config) as registry:
        up_to_date(registry, Runs(config))
        candidate, champion = registry.version(version), registry.champion()
        _require_may_be_served(registry, candidate, is_seen=not isinstance(policy, Shadow))
        if config.push.vertex and not isinstance(policy, Shadow):
            require_can_follow(CHAMPION, candidate)
    now = time.time()
    begins = new_rollout(champion, candidate, policy_name, policy, now, tested, measured)
    warning = needed_time.warning(policy, access_log.requests_an_hour(places.gateway, now))
    state.give_order(places, Order("start", because, this_person(), state=begins))
    return Asked(begins, _is_taken(places), warning)


def ask(config: Config, kind: OrderKind, because: str) -> Asked:
    """Asks the controller to pause, resume, promote or abort the rollout that runs.

    Args:
        config: the pipeline's configuration.
        kind: what for.
        because: why.

    Returns:
        The rollout as it was, and whether the controller has done it.

    Raises:
        BadInput: no rollout runs, or it is paused already, or not.
    """
    places = places_of(config)
    rollout = state.read_rollout(places)
    if rollout is None or rollout.over:
        ended = f"; the last one is {rollout.status}" if rollout else ""
        raise BadInput(f"no rollout runs{ended}", remedy="millrace rollout start VERSION --policy canary")
    if (kind == "pause") == (rollout.status == "paused") and kind in ("pause", "resume"):
        raise BadInput(f"the rollout of version {rollout.progress.candidate} is {rollout.status}")
    state.give_order(places, Order(kind, because, this_person()))
    return Asked(rollout, _is_taken(places))


def requests_folder(config: Config) -> Path:
    """Where the servers of a pipeline's versions log requests."""
    return Path(layout(config).requests).absolute()


def add_labels_of(
    config: Config, table: Path, key: str, label: Optional[str], reward: Optional[str], replaces: str = ""
) -> Added:
    """Adds what a table says about requests that the gateway answered, or corrects what was added.

    Args:
        config: the pipeline's configuration.
        table: CSV, Parquet, or JSON lines.
        key: its column with the requests' ids.
        label: its column with what was right; None for the pipeline's own label.
        reward: its column with how good the answer was; None where labels are compared.
        replaces: why labels that are there are replaced; empty where none of the requests has one yet.

    Returns:
        What was added, or corrected; a correction is an event of the registry.

    Raises:
        BadInput: the table cannot be used, or no log knows some of its requests; nothing has changed.
    """
    places = places_of(config)
    column, output, classes = "", "", tuple[str, ...]()
    if not reward:
        column = label or label_column(config.label)
        output, predicted = _predicted(config.label, column)
        classes = predicted.class_names
        if predicted.task == "multilabel":
            raise BadInput(
                f"a row may have several labels of {column}, and how wrong an answer was is for you to say",
                remedy="give a column from 0, bad, to 1, good, and name it with --reward",
            )
    folders = places.gateway, requests_folder(config)
    added = add_labels(
        label_store(places), table, key, column, reward, *folders, classes, output=output, replaces=bool(replaces)
    )
    if replaces:
        _record_correction(config, "labels replaced", added, replaces, table)
    return added


def remove_labels_of(config: Config, table: Path, key: str, because: str) -> Added:
    """Takes the labels of a table's requests away; that is an event of the registry.

    Args:
        config: the pipeline's configuration.
        table: CSV, Parquet, or JSON lines.
        key: its column with the requests' ids.
        because: why.

    Returns:
        What was taken away.

    Raises:
        BadInput: the table cannot be used, or some of its requests have no label; nothing has changed.
    """
    removed = remove_labels(label_store(places_of(config)), table, key)
    _record_correction(config, "labels removed", removed, because, table)
    return removed


def labels_of(config: Config) -> dict[str, Labelled]:
    """The labels that were added, by request, in the order in which they came.

    Args:
        config: the pipeline's configuration.
    """
    return label_store(places_of(config)).labels()


def _record_correction(config: Config, kind: str, corrected: Added, because: str, table: Path) -> None:
    with open_registry(config) as registry:
        versions = {one.number: one for one in registry.versions()}
        for number, (wrong, labels) in corrected.by_version.items():
            details = {"labels": labels, "wrong": wrong, "file": str(table)}
            registry.record(kind, versions.get(number), because, details)


def label_column(label: AnyLabel) -> str:
    """The one column that is predicted, which answers are compared with.

    Raises:
        BadInput: there are several.
    """
    if isinstance(label, Label):
        return label.column
    columns = ", ".join(output.column for output in label.outputs.values())
    raise BadInput(
        f"the pipeline predicts several columns: {columns}",
        where="label.outputs",
        remedy="name one with --label, where the command has it",
    )


def _predicted(label: AnyLabel, column: str) -> tuple[str, Output]:
    """The output that a column of a table is compared with, by its name: of several the one of that column.

    Raises:
        BadInput: none of several is.
    """
    outputs = label.by_output()
    for name, output in outputs.items():
        if len(outputs) == 1 or output.column == column:
            return name, output
    columns = [one.column for one in outputs.values()]
    raise BadInput(
        f"no output predicts {column}{did_you_mean(column, columns)}",
        where="label.outputs",
        remedy=f"name the column {' or '.join(columns)} in the table, and with --label",
    )


def label_store(places: Places) -> LabelStore:
    """The labels of a pipeline."""
    return LabelStore(places.folder / "labels.db")


def _require_may_be_served(registry: Registry, candidate: Version, is_seen: bool) -> None:
    """A shadow is seen by nobody, and may be looked at before it is approved."""
    if is_seen or candidate.trial or not candidate.there or candidate.state is VersionState.REJECTED:
        registry.require_may_be(CHAMPION, candidate)
    elif CHAMPION in candidate.aliases:
        raise BadInput(f"version {candidate.number} is {CHAMPION} already")


def _is_taken(places: Places) -> bool:
    """Waits while a gateway runs whose controller will take it."""
    end = time.monotonic() + _TAKEN_SECONDS
    while places.order_file.exists():
        if time.monotonic() > end or not gateway_runs(places):
            return False
        time.sleep(_LOOK_SECONDS)
    return True
