"""Tells of the end of a job that failed: the task that Vertex AI starts when all others have ended.

    python -m millrace.container.failure_notice [--secret VARIABLE=projects/P/secrets/S/versions/V ...] EXECUTOR_INPUT

Of a job that ends well it says nothing: that is the Notifier's, which knows the verdicts. It never fails: a lost
message is no reason to call a job failed that is not, and changes nothing about one that is.
"""

import argparse
import json
import logging
import re
from collections.abc import Sequence
from typing import Any, Optional

from millrace.alerts.channels import channels_of
from millrace.alerts.section import Notify
from millrace.alerts.telling import tell
from millrace.base.errors import MillraceError
from millrace.base.notice import RunNotice
from millrace.container import secrets
from millrace.container.task_input import TaskInput
from millrace.jobspec.runtime_inputs import SECRET

_EXIT_CODE = re.compile(r"\bstatus of ([0-9]{1,3})\b")


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Tells a failure by every channel, if there was one, and says in the log why it did not arrive."""
    parser = argparse.ArgumentParser(prog="python -m millrace.container.failure_notice", allow_abbrev=False)
    parser.add_argument(SECRET, action="append", default=[], metavar="VARIABLE=VERSION")
    parser.add_argument("executor_input")
    own = parser.parse_args(arguments)
    task = TaskInput.read(own.executor_input)
    notice = failure_notice(task)
    if notice is None:
        return
    try:
        secrets.read_into_environment(own.secret)
    except MillraceError as error:
        logging.warning("%s", error)
    for name, trouble in tell(channels_of(_channels(task)), notice).items():
        logging.warning("The notice of this job's end was not delivered by %s: %s.", name, trouble)


def _channels(task: TaskInput) -> Notify:
    """The configuration's section; a job that names a webhook alone says only that."""
    text = task.value("notify")
    if isinstance(text, str) and text:
        return Notify.model_validate_json(text)
    return Notify(webhook_env=str(task.value("webhook_env") or ""))


def failure_notice(task: TaskInput) -> Optional[RunNotice]:
    """What is to be told; None where nothing failed.

    Args:
        task: this task's input: the final state of every other task (`PipelineTaskFinalStatus`), by its name.
    """
    states = {name: state for name in task.parameters if (state := _state(task.value(name)))}
    failed = {name: state for name, state in states.items() if state.get("state") == "FAILED"}
    if not failed:
        return None
    state = failed[min(failed)]
    reason = str(state.get("error", {}).get("message") or "failed")
    code = _EXIT_CODE.search(reason)
    run = str(state.get("pipelineJobResourceName", "")).rpartition("/")[2]
    return RunNotice(
        pipeline=str(task.value("pipeline_name") or ""),
        run=run,
        exit_code=int(code[1]) if code and code[1] in ("2", "3") else 1,
        reason=reason,
        where=", ".join(sorted(failed)),
        remedy=f"millrace jobs show {run} names the log",
        next=f"millrace jobs show {run}",
    )


def _state(value: Any) -> dict[str, Any]:
    """A final state, which the service hands on as JSON; empty for another parameter."""
    try:
        state = json.loads(value) if isinstance(value, str) and value[:1] == "{" else value
    except ValueError:
        return {}
    return state if isinstance(state, dict) and "state" in state else {}


if __name__ == "__main__":
    main()
