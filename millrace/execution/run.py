"""Runs a configured pipeline from beginning to end: checks, graph, stages, verdicts."""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Optional

from millrace.base import commit
from millrace.base.errors import Failure, causes, describe
from millrace.base.interrupts import GRACE_SECONDS, Signals, heeding_signals
from millrace.base.outcomes import INTERRUPTED, REFUSED, State
from millrace.components.judges import NOT_BLESSED
from millrace.components.stage_ids import PUSHER
from millrace.config.checks import check, require_bucket_for_vertex, require_push_is_served
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.config.platform import LOCAL
from millrace.execution.diagnosis import require_docker
from millrace.execution.notification import notify, tell_unheard
from millrace.jobspec.artifact_types import require_compilable
from millrace.metadata import provenance, stage_graph
from millrace.metadata.journal import progress
from millrace.metadata.run_folder import RunFolder, run_folders


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Args:
        exit_code: 0, or the code of the failure: 1 a fault, 2 bad input, 3 a gate said no, 130 interrupted.
        failure: what went wrong, and the remedy; None when nothing did.
        goes_on: an interrupted run's stage is still at work in a thread, in code that does not look at signals. The
            process should end now, without waiting for it (`os._exit`).
        ended: when it ended, seconds since the epoch.
        undelivered: why the notice of this end did not reach the webhook; empty when it did, or none is configured.
    """

    exit_code: int
    failure: Optional[Failure] = None
    goes_on: bool = False
    ended: float = 0.0
    undelivered: str = ""


@dataclass(frozen=True)
class LocalRun:
    """A way to run a graph on this machine.

    Args:
        execute: is given a graph that `millrace.execution.graph.bind` has prepared, and the run's folder with its
            journal; comes back when the last stage has ended, and raises what the first that failed has raised.
    """

    execute: Callable[[Any, RunFolder], None]


def run(
    config: Config,
    folder: RunFolder,
    started: Callable[[list[str]], None],
    grace: float = GRACE_SECONDS,
    runner: Optional[LocalRun] = None,
) -> Outcome:
    """Runs a pipeline in a thread of this process, so that the main thread heeds signals whatever a stage does.

    How it ended is recorded before anybody is told of it: a webhook that keeps the run waiting, and a signal that ends
    the waiting, find a run that is over.

    Args:
        config: the configuration.
        folder: the new run's folder; it holds the request.
        started: called once with the ids of the stages that take part, before the first of them begins.
        grace: seconds that a stage has after a signal to come to a place where it can stop.
        runner: runs the graph; by default the one that the request names.

    Returns:
        How it ended, as it is recorded. Nothing is raised for what a stage, a gate or a signal does.
    """
    with heeding_signals() as signals:
        # Beside the run, which waits for no channel.
        _Telling(lambda: tell_unheard(config, folder))
        outcome = replace(_ended(config, folder, started, grace, runner, signals), ended=time.time())
        before = signals.count
        folder.finish(outcome.exit_code, outcome.failure, outcome.ended)
        telling = _Telling(lambda: notify(config, folder, outcome.exit_code, outcome.failure))
        told = signals.wait_unless_more(telling.ended, before)
        return replace(outcome, undelivered=telling.trouble if told else "it was interrupted")


def _ended(
    config: Config,
    folder: RunFolder,
    started: Callable[[list[str]], None],
    grace: float,
    runner: Optional[LocalRun],
    signals: Signals,
) -> Outcome:
    work = _Work(lambda: _outcome(config, folder, started, runner))
    if not signals.wait_for(work.ended, grace):
        return _interrupted(config, folder, goes_on=True)
    # A fault after the signal came of it: Ctrl-C reaches the processes that stages started, too.
    return _interrupted(config, folder) if signals.count and work.outcome.exit_code == 1 else work.outcome


class _Telling(threading.Thread):
    """The notice of a run's end. A daemon: nobody waits for it after a signal."""

    def __init__(self, tell: Callable[[], Optional[str]]) -> None:
        super().__init__(name="notice", daemon=True)
        self._tell = tell
        self.trouble = ""
        self.ended = threading.Event()
        self.start()

    def run(self) -> None:
        """Keeps why the notice was not delivered."""
        try:
            self.trouble = self._tell() or ""
        finally:
            self.ended.set()


class _Work(threading.Thread):
    """The run itself. A daemon, so that the process can end without it."""

    def __init__(self, work: Callable[[], Outcome]) -> None:
        super().__init__(name="run", daemon=True)
        self._work = work
        self.outcome = Outcome(1)
        self.ended = threading.Event()
        self.start()

    def run(self) -> None:
        """Keeps the outcome."""
        try:
            self.outcome = self._work()
        except BaseException as error:  # Beam's parser of options exits
            self.outcome = Outcome(1, describe(error))
        finally:
            self.ended.set()


def _outcome(
    config: Config, folder: RunFolder, started: Callable[[list[str]], None], runner: Optional[LocalRun]
) -> Outcome:
    try:
        request = folder.request()
        made_from = provenance.record(folder.path, config, request.overrides if request else ())
        os.environ[commit.VARIABLE] = provenance.commit_of(made_from)
        check(config)
        if request is None or request.to_stage in ("", PUSHER):
            require_push_is_served(config, time.time())
            require_bucket_for_vertex(config)
            require_docker(config, os.environ)
        return _run(config, folder, started, runner)
    except KeyboardInterrupt:
        return _interrupted(config, folder)
    except Exception as error:
        logging.getLogger(__name__).exception("The run failed.")
        failure = _of_the_store(config, error) or _recorded(folder) or describe(error)
        return Outcome(failure.exit_code, failure)


def _interrupted(config: Config, folder: RunFolder, goes_on: bool = False) -> Outcome:
    """Says of every stage that ran that it was interrupted, and takes away what it has half written."""
    try:
        running = [stage for stage in progress([], folder.journal.events()) if stage.state is State.RUNNING]
        for stage in running:
            folder.journal.record(stage.stage, State.INTERRUPTED)
        if running:
            put_in_order(config, folder, ended=True)
    except Exception:  # a full disk, a store that does not answer: the next run puts it in order
        logging.getLogger(__name__).exception("The interrupted run could not be put in order.")
    remedy = "millrace run --resume goes on where it stopped"
    return Outcome(INTERRUPTED, Failure("interrupted", "", remedy, INTERRUPTED), goes_on)


def _run(
    config: Config, folder: RunFolder, started: Callable[[list[str]], None], runner: Optional[LocalRun]
) -> Outcome:
    put_in_order(config, folder)
    # TensorFlow and TFX come in here, after the checks: a mistake or half of a store is told without waiting.
    from millrace.beam.check import require_usable
    from millrace.beam.package import bringing_library
    from millrace.execution.graph import bind, compile_graph, upstream
    from millrace.jobspec.project_pipeline import build_pipeline

    require_usable(config)
    config = bringing_library(config)
    request = folder.request()
    assert request is not None, "the run's folder is made with its request"
    pipeline = build_pipeline(config, LOCAL)
    require_compilable(pipeline)
    graph = compile_graph(pipeline)
    stages = bind(graph, folder.run_id, request.from_stage, request.to_stage, request.cache)
    stage_graph.record(folder.path, upstream(graph))
    for stage in stages:
        folder.journal.record(stage, State.WAITING)
    started(stages)
    if runner:
        runner.execute(graph, folder)
    else:
        _runner(request.runner, folder).run_with_ir(graph)
    return _verdict(config, folder)


def _runner(name: str, folder: RunFolder) -> Any:
    if name == "beam":
        from millrace.execution.beam import BeamRunner

        return BeamRunner(folder.journal)
    from millrace.execution.local import LocalRunner

    return LocalRunner(folder.journal)


def put_in_order(config: Config, folder: RunFolder, ended: bool = False) -> None:
    """Clears away what killed runs left, and writes down where artifacts lie when the root has been moved.

    Args:
        config: the configuration.
        folder: the folder of the run that asks.
        ended: whether that run has ended, although its process lives.
    """
    from millrace.metadata.places import record_as_here
    from millrace.metadata.records import open_store
    from millrace.metadata.recovery import close_abandoned

    store, here = open_store(config), layout(config)
    close_abandoned(store, here, folder.run_id if ended else "")
    if not any(other.is_alive() for other in run_folders(here.logs) if other.run_id != folder.run_id):
        record_as_here(store, here)


def _of_the_store(config: Config, error: Exception) -> Optional[Failure]:
    """The failure when ML Metadata was damaged, held or away in the middle of a run: TFX's own store says it in SQL."""
    from ml_metadata import errors

    from millrace.metadata.connections import metadata_connection
    from millrace.metadata.store_errors import place_of, store_problem

    if not any(isinstance(cause, errors.StatusError) for cause in causes(error)):
        return None
    problem = store_problem(error, place_of(metadata_connection(config)))
    return describe(problem) if problem else None


def _recorded(folder: RunFolder) -> Optional[Failure]:
    """The failure that a stage wrote down: on Beam it does not come through as the exception that it was."""
    failures = [event.failure for event in folder.journal.events() if event.failure]
    return failures[-1] if failures else None


def _verdict(config: Config, folder: RunFolder) -> Outcome:
    """Exit code 3 when a judge said no, in a run in which the judges took part."""
    from millrace.metadata import records

    record = records.run(records.open_store(config), config.name, folder.run_id, layout(config).root)
    assert record is not None, "its stages have run"
    for verdict in records.verdicts(record):
        if not verdict.blessed:
            return Outcome(REFUSED, Failure(verdict.reason or NOT_BLESSED, verdict.stage, verdict.remedy, REFUSED))
    return Outcome(0)
