"""The gateway as a process, and the controller as another: what `millrace rollout gateway` runs."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from millrace.base.errors import BadInput
from millrace.config.config import Config
from millrace.metadata.run_summaries import Runs
from millrace.model_server import lifeline
from millrace.model_server.shard_files import remove_old_shards
from millrace.registry.intake import open_registry, up_to_date
from millrace.serving.controller import Controller
from millrace.serving.envoy_config import Listener
from millrace.serving.gateway import require_envoy, require_free_ports
from millrace.serving.keeper import Keeper
from millrace.serving.labelled_metrics import LabelledMetrics
from millrace.serving.logged_decisions import LoggedComparison
from millrace.serving.rollouts import label_store, places_of, policies_of_candidates, requests_folder
from millrace.serving.state import Places
from millrace.serving.version_server import VersionServer
from millrace.serving.vertex_follower import VertexFollower, follow_in_vertex

_LOOK_SECONDS = 0.05
_DAY = 24 * 3600.0


def keep(config: Config, overrides: Sequence[str], told: Callable[[str, int], None]) -> None:
    """Runs the gateway until SIGTERM or SIGINT: Envoy, a server for each version that gets traffic, and the controller.

    Args:
        config: the pipeline's configuration.
        overrides: of the configuration, as `load` takes them: the controller reads it in a process of its own.
        told: is told once where clients reach the gateway.

    Raises:
        BadInput: there is no Envoy, the port is taken, nothing is champion, a gateway runs already, or a policy of
            `rollout.candidates` judges by what cannot be measured.
    """
    places, envoy, section = places_of(config), require_envoy(), config.rollout
    # Said here, where somebody reads it, and not only in the log of the controller.
    policies_of_candidates(config)
    with open_registry(config) as registry:
        up_to_date(registry, Runs(config))
        registry.champion()
    places.gateway.mkdir(parents=True, exist_ok=True)
    controller = [sys.executable, "-m", "millrace.serving", config.file, *overrides]
    listener = Listener(
        section.host,
        section.port,
        section.user_header,
        section.timeout_seconds,
        places.gateway,
        Path(),
        section.metrics_port,
    )
    requests = requests_folder(config)
    with _alone(places):
        # Before a server loads its model, and not when Envoy starts over it.
        require_free_ports(listener)
        keeper = Keeper(
            places,
            envoy,
            listener,
            section.drain_seconds,
            lambda version, folder: VersionServer(config.name, version, folder, places.server(version), requests),
            lambda: _held(controller, places.controller_log),
            lambda: remove_old_shards(requests, section.log_days * _DAY, section.log_gib * 2**30, time.time()),
        )
        stop = _stopped_by_signals()
        threading.Thread(target=_tell_port, args=(keeper, told, stop), daemon=True).start()
        keeper.run(stop)


def control(config: Config) -> None:
    """Runs the controller until SIGTERM or SIGINT.

    Args:
        config: the pipeline's configuration.
    """
    places = places_of(config)
    with open_registry(config) as registry:
        comparison = LoggedComparison(requests_folder(config))
        labels = label_store(places)
        metrics = LabelledMetrics(labels, config.label, config.evaluation)
        stop = _stopped_by_signals()
        if config.push.vertex:
            follower = VertexFollower(lambda: open_registry(config), partial(follow_in_vertex, config))
            threading.Thread(target=follower.run, args=(stop,), daemon=True).start()
        candidates = policies_of_candidates(config)
        Controller(places, registry, labels, comparison, metrics=metrics, candidates=candidates).run(stop)


@contextmanager
def _alone(places: Places) -> Iterator[None]:
    with open(places.lock, "ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadInput(
                "a gateway of this pipeline runs already", str(places.folder), "millrace rollout status says where"
            ) from error
        yield


def _held(command: Sequence[str], log: Path) -> subprocess.Popen:
    """A process that ends when this one does, however that ends."""
    held = [sys.executable, "-S", "-E", str(lifeline.__file__), str(os.getpid()), str(log.with_name("controller"))]
    with open(log, "ab") as output:
        return subprocess.Popen(
            [*held, *command], stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )


def _stopped_by_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _tell_port(keeper: Keeper, told: Callable[[str, int], None], stop: threading.Event) -> None:
    while not stop.wait(_LOOK_SECONDS):
        if keeper.port:
            told(keeper.host, keeper.port)
            return
