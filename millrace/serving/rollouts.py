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
from millrace.features.label import AnyLabel, Label
from millrace.metadata.run_summaries import Runs
from millrace.registry.events import CHAMPION, VersionState
from millrace.registry.intake import open_registry, up_to_date
from millrace.registry.registry import Registry, this_person
from millrace.registry.version import Version
from millrace.serving import state
from millrace.serving.controller import new_rollout
from millrace.serving.labelled_metrics import limits_of
from millrace.serving.labels import Added, LabelStore, add_labels
from millrace.serving.state import GatewayStatus, Order, OrderKind, Places, RolloutState

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
    """

    rollout: Optional[RolloutState]
    gateway: Optional[GatewayStatus]
    gateway_runs: bool
    order: Optional[Order]
    champion: Optional[int]

    @property
    def sentence(self) -> str:
        """How the rollout stands; of one that is over, which version is champion by now. Empty before the first."""
        if self.rollout is None:
            return ""
        progress, rollout = self.rollout.progress, self.rollout
        share = f"{rollout.percent:g} % of the users get it"
        now = f"; champion is {self.champion}" if self.champion else ""
        return (
            f"version {progress.candidate} over {progress.champion} by {rollout.policy_name}: {rollout.status}"
            f"{now if rollout.over else f', {share}'}"
        )


@dataclass(frozen=True)
class Asked:
    """What a person has asked of the controller.

    Args:
        rollout: the one that it is about.
        taken: whether the controller has done it; else it waits for the gateway to be started.
    """

    rollout: RolloutState
    taken: bool


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
    places, champion = places_of(config), None
    if registry_file(config).exists():
        with open_registry(config) as registry:
            champion = registry.aliases().get(CHAMPION)
    return Standing(
        state.read_rollout(places),
        state.read_gateway(places),
        gateway_runs(places),
        state.read_order(places),
        champion.number if champion else None,
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
    begins = new_rollout(champion, candidate, policy_name, policy, time.time(), tested, measured)
    state.give_order(places, Order("start", because, this_person(), state=begins))
    return Asked(begins, _is_taken(places))


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


def add_labels_of(config: Config, table: Path, key: str, label: Optional[str], reward: Optional[str]) -> Added:
    """Adds what a table says about requests that the gateway answered.

    Args:
        config: the pipeline's configuration.
        table: CSV, Parquet, or JSON lines.
        key: its column with the requests' ids.
        label: its column with what was right; None for the pipeline's own label.
        reward: its column with how good the answer was; None where labels are compared.

    Returns:
        What was added.

    Raises:
        BadInput: the table cannot be used, or no log knows some of its requests; nothing was added.
    """
    places = places_of(config)
    column = label or label_column(config.label)
    outputs = [one for one in config.label.by_output().values() if one.column == column and one.task != "multilabel"]
    classes = outputs[0].class_names if outputs else ()
    folders = places.gateway, requests_folder(config)
    return add_labels(label_store(places), table, key, column, reward, *folders, classes)


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
