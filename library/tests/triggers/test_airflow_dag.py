"""The DAG file that users of Airflow copy: read with a stand-in of the public names that it imports, and no more."""

import runpy
import sys
import types
from datetime import datetime, timedelta
from pathlib import Path

import pytest

FILE = Path(__file__).parents[3] / "deploy" / "airflow" / "millrace_dag.py"


class Dag:
    """Takes what `airflow.DAG` is documented to take, and gathers the tasks that are made within it."""

    opened: "Dag"

    def __init__(self, *, dag_id, schedule, start_date, catchup, max_active_runs, tags):
        self.said = {"dag_id": dag_id, "schedule": schedule, "start_date": start_date}
        self.said |= {"catchup": catchup, "max_active_runs": max_active_runs, "tags": tags}
        self.tasks = []

    def __enter__(self):
        Dag.opened = self
        return self

    def __exit__(self, *_):
        pass


def bash_operator(*, task_id, bash_command, cwd, append_env, retries, execution_timeout):
    said = {"task_id": task_id, "bash_command": bash_command, "cwd": cwd, "append_env": append_env}
    Dag.opened.tasks.append({**said, "retries": retries, "execution_timeout": execution_timeout})


@pytest.fixture
def dag(monkeypatch):
    modules = {name: types.ModuleType(name) for name in ("airflow", "airflow.operators", "airflow.operators.bash")}
    modules["airflow"].DAG = Dag
    modules["airflow.operators.bash"].BashOperator = bash_operator
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    before = set(sys.modules)
    read = runpy.run_path(str(FILE))
    assert not any(name.startswith("millrace") for name in set(sys.modules) - before), "it calls the command"
    return read["dag"]


def test_it_looks_often_and_runs_once_at_a_time(dag):
    assert dag.said["schedule"] == timedelta(minutes=10) and isinstance(dag.said["start_date"], datetime)
    assert (dag.said["catchup"], dag.said["max_active_runs"]) == (False, 1)


def test_its_one_task_is_a_command_that_there_is_and_is_not_tried_again(dag):
    from millrace.cli.main import millrace

    [task] = dag.tasks
    words = task["bash_command"].split()
    assert words[0].endswith("/millrace") and Path(task["cwd"]).is_absolute()
    command, arguments = millrace, words[1:]
    while arguments and not arguments[0].startswith("-"):
        command = command.get_command(None, arguments.pop(0))
        assert command is not None
    parsed = command.make_context("check", [word.replace("conf/", f"{FILE.parents[2]}/conf/") for word in arguments])
    assert parsed.params["start"] is True
    assert task["retries"] == 0, "what failed is not started again by itself"
