"""What a run that is gone left behind is put in order: its executions get their word, its half-written outputs go."""

from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from millrace.config.paths import Layout
from millrace.metadata import records
from millrace.metadata.recovery import close_abandoned
from millrace.metadata.run_folder import RunFolder, RunRequest, new_run

REQUEST = RunRequest("conf/taxi.yaml", pipeline="taxi")


@pytest.fixture
def layout(tmp_path) -> Layout:
    return Layout(str(tmp_path), "taxi")


@pytest.fixture
def store(layout) -> MetadataStore:
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = layout.metadata_file
    connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return MetadataStore(connection)


def running(store: MetadataStore, layout: Layout, run_id: str, stage: str = "Trainer") -> int:
    """Records that a stage of a run is running, with two folders of outputs; gives the execution's id."""
    contexts = []
    for kind, name in (("pipeline", layout.name), ("pipeline_run", run_id), ("node", f"{layout.name}.{stage}")):
        type_id = store.put_context_type(metadata_store_pb2.ContextType(name=kind))
        context = store.get_context_by_type_and_name(kind, name)
        contexts.append(context or metadata_store_pb2.Context(type_id=type_id, name=name))
    execution = metadata_store_pb2.Execution(
        type_id=store.put_execution_type(metadata_store_pb2.ExecutionType(name="Stage")),
        last_known_state=metadata_store_pb2.Execution.RUNNING,
    )
    number, _, _ = store.put_execution(execution, [], contexts)
    for folder in (f"model/{number}", f".system/executor_execution/{number}"):
        Path(layout.artifacts, stage, folder).mkdir(parents=True)
    return number


def state(store: MetadataStore, run_id: str) -> tuple[str, str]:
    [run] = [run for run in records.runs(store, "taxi") if run.run_id == run_id]
    return run.state, run.stages["Trainer"].failure


def gone(layout: Layout, code: int = -1) -> RunFolder:
    with new_run(layout.logs, REQUEST) as folder:
        if code >= 0:
            folder.finish(code)
    return folder


@pytest.mark.parametrize("code, word", [(-1, "killed"), (1, "killed"), (130, "interrupted")])
def test_what_nobody_runs_any_more_has_its_word_and_leaves_nothing(store, layout, code, word):
    folder = gone(layout, code)
    number = running(store, layout, folder.run_id)
    assert close_abandoned(store, layout) == [folder.run_id]
    assert state(store, folder.run_id) == (word, f"the run was {word} while Trainer was running")
    assert [path for path in Path(layout.artifacts).rglob("*") if path.name == str(number)] == []
    assert close_abandoned(store, layout) == []


def test_a_living_run_and_one_without_a_folder_are_left_alone(store, layout):
    with new_run(layout.logs, REQUEST) as folder:
        number = running(store, layout, folder.run_id)
        running(store, layout, "20200101-000000", "Evaluator")
        assert close_abandoned(store, layout) == []
        assert close_abandoned(store, layout, ended="another") == []
        assert state(store, folder.run_id) == ("running", "")
        assert Path(layout.artifacts, f"Trainer/model/{number}").is_dir()


def test_the_run_that_asks_may_have_ended_although_its_process_lives(store, layout):
    with new_run(layout.logs, REQUEST) as folder:
        running(store, layout, folder.run_id)
        assert close_abandoned(store, layout, ended=folder.run_id) == [folder.run_id]
    assert state(store, folder.run_id)[0] == "interrupted"


def test_a_run_that_is_gone_is_looked_at_once(store, layout, monkeypatch):
    """Before each run every run that ever was, was asked for."""
    killed, _, refused = gone(layout), gone(layout, 0), gone(layout, 3)
    running(store, layout, killed.run_id)
    running(store, layout, refused.run_id, "Evaluator")
    assert close_abandoned(store, layout) == [killed.run_id], "a run that came to its end left nothing"
    assert killed.is_settled() and killed.exit_code() is None
    monkeypatch.setattr(MetadataStore, "_call", None)
    assert close_abandoned(store, layout) == []
