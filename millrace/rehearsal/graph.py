"""The order of tasks: each begins when those before it have ended; others may run beside it."""

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Optional

from millrace.base.interrupts import LOOK_SECONDS, stop_if_interrupted
from millrace.jobspec.graphs import producers
from millrace.jobspec.job import Spec
from millrace.rehearsal.report import TaskReport, TaskState
from millrace.rehearsal.scope import Scope, TaskOutcome

FAIL_FAST = "PIPELINE_FAILURE_POLICY_FAIL_FAST"
_EVEN_AFTER_FAILURES = "ALL_UPSTREAM_TASKS_COMPLETED"

RunTask = Callable[[str, Spec, Scope], TaskOutcome]


def run_graph(
    tasks: Mapping[str, Spec],
    scope: Scope,
    run_task: RunTask,
    skipped: Callable[[str, str], None],
    stop: Callable[[], None],
    fail_fast: bool = False,
) -> None:
    """Runs a graph's tasks and puts their outcomes into its scope.

    Args:
        tasks: the tasks by name.
        scope: the graph's scope.
        run_task: runs one task and never raises for what the task does.
        skipped: told of each task that is not triggered, and why.
        stop: ends what runs; called when a signal asks the rehearsal to end.
        fail_fast: whether a failure keeps tasks from beginning, exit handlers excepted.

    Raises:
        KeyboardInterrupt: a signal has come; what ran has ended.
    """
    waiting = dict(tasks)
    running: dict[Future[TaskOutcome], str] = {}
    with ThreadPoolExecutor(max_workers=max(1, len(tasks)), thread_name_prefix="task") as pool:
        try:
            while waiting or running:
                stop_if_interrupted()
                for name in _ready(waiting, set(waiting) | set(running.values())):
                    why_not = _not_triggered(waiting[name], scope, fail_fast)
                    if why_not:
                        skipped(name, why_not)
                        scope.outcomes[name] = TaskOutcome(TaskReport(name, TaskState.SKIPPED, note=why_not))
                    else:
                        running[pool.submit(run_task, name, waiting[name], scope)] = name
                    del waiting[name]
                ended, _ = wait(running, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
                for future in ended:
                    scope.outcomes[running.pop(future)] = future.result()
        except BaseException:
            stop()
            raise


def _ready(waiting: Mapping[str, Spec], unfinished: set[str]) -> list[str]:
    """The tasks that wait for nobody; in a circle the first of them, which will find its inputs missing."""
    ready = [name for name, task in waiting.items() if not producers(task) & unfinished]
    return ready or (list(waiting)[:1] if set(waiting) == unfinished else [])


def _not_triggered(task: Spec, scope: Scope, fail_fast: bool) -> Optional[str]:
    """Why a task is not triggered (`triggerPolicy.strategy` of `pipeline_spec.proto`); None when it is."""
    if task.get("triggerPolicy", {}).get("strategy") == _EVEN_AFTER_FAILURES:
        return None
    before: dict[str, Any] = {name: scope.outcomes[name].state for name in producers(task) & set(scope.outcomes)}
    for name in sorted(before):
        if before[name].broke:
            return f"{name} failed"
        if before[name] is TaskState.SKIPPED:
            return f"{name} was skipped"
    broken = sorted(name for name, outcome in scope.outcomes.items() if outcome.state.broke)
    return f"{broken[0]} failed, and the failure policy is fail fast" if broken and fail_fast else None
