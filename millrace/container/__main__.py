"""The command of every container of ours: prepares what the service says, then hands over to TFX's own entry point.

    python -m millrace.container [--step execute|resolve_input] [--service vertex|kubeflow] [--timeout_seconds N]
        [--code JSON] [--secret VARIABLE=projects/P/secrets/S/versions/V ...]
        --json_serialized_invocation_args EXECUTOR_INPUT [whatever else TFX's entry point takes]

It stands between the service and TFX because TFX reads no runtime parameter that is not an execution property of its
own, because Kubeflow Pipelines says some things differently from Vertex AI, because Vertex AI gives a task no secrets,
and because no service ends a task that hangs.
"""

import argparse
import json
import logging
import os
import runpy
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from millrace.base.errors import describe
from millrace.beam.arguments import sharing_this_environment
from millrace.beam.package import with_library
from millrace.container import data_input, kubeflow, runtime_values, secrets
from millrace.container.champion import keep_trials_apart, leave_out_candidate
from millrace.container.expected_code import require_expected_code
from millrace.container.task_input import TaskInput
from millrace.jobspec import runtime_inputs

EXECUTOR = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
DRIVER = "tfx.orchestration.kubeflow.v2.file_based_example_gen.driver"

# What `timeout` of the GNU coreutils exits with.
TIMED_OUT = 124


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Runs the task that the arguments describe, and ends the process when it is not done well.

    The exit code is the failure's own, 3 where a gate said no: of a failure, a service passes on nothing else.
    """
    try:
        _run(arguments)
    except Exception as error:
        # As the interpreter would have done it, but for the exit code.
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(describe(error).exit_code)


def _run(arguments: Optional[Sequence[str]]) -> None:
    own, others = _parser().parse_known_args(arguments)
    if own.timeout_seconds:
        end_after(own.timeout_seconds)
    if own.code:
        require_expected_code(own.code)
    secrets.read_into_environment(own.secret)
    if not any(argument.startswith("--runner") for argument in others):
        # Beam works in this container. TFX's entry point adds labels to its options, and would then pack itself.
        others = sharing_this_environment(others)
    else:
        # As long as this container lives: Beam reads the wheel when it sends the job.
        others = with_library(others, Path(tempfile.mkdtemp(prefix="millrace-library-")))
    task = TaskInput.read(own.json_serialized_invocation_args, own.json_serialized_inputs_spec_args)
    runtime_values.apply(task)
    leave_out_candidate(task)
    if own.service == "vertex":
        keep_trials_apart(task)
    if own.service == "vertex" and own.step == "resolve_input" and task.value(data_input.MISSING_SPANS):
        data_input.put_out_for_vertex(task)
    elif own.service == "vertex":
        _hand_over(DRIVER if own.step == "resolve_input" else EXECUTOR, task, others)
    elif own.step == "resolve_input":
        data_input.put_out_for_kubeflow(task)
    else:
        with kubeflow.as_tfx_expects(task):
            _hand_over(EXECUTOR, task, others)


def end_after(seconds: int) -> None:
    """Ends this process, whatever it is doing, after so many seconds."""

    def end() -> None:
        logging.getLogger(__name__).error("The task did not end within %d s, its timeout.", seconds)
        logging.shutdown()
        os._exit(TIMED_OUT)

    watch = threading.Timer(seconds, end)
    watch.daemon = True
    watch.start()


def _hand_over(module: str, task: TaskInput, others: Sequence[str]) -> None:
    """Runs TFX's module as the command that it is; returns when it has done its work well."""
    before = sys.argv
    spec = ["--json_serialized_inputs_spec_args", json.dumps(task.inputs_spec)] if task.inputs_spec else []
    sys.argv = [module, "--json_serialized_invocation_args", json.dumps(task.executor_input), *spec, *others]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code:
            raise
    finally:
        sys.argv = before


def _parser() -> argparse.ArgumentParser:
    # TFX's and Beam's options pass through: none of theirs may be taken for an abbreviation of ours.
    parser = argparse.ArgumentParser(prog="python -m millrace.container", allow_abbrev=False)
    parser.add_argument("--step", choices=["execute", "resolve_input"], default="execute")
    parser.add_argument("--service", choices=["vertex", "kubeflow"], default="vertex")
    parser.add_argument("--timeout_seconds", type=int, default=0)
    parser.add_argument(runtime_inputs.CODE, default="")
    parser.add_argument(runtime_inputs.SECRET, action="append", default=[], metavar="VARIABLE=VERSION")
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", default="")
    return parser


if __name__ == "__main__":
    main()
