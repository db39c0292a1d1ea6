"""Puts in order what a killed run left behind: executions that seem to run, and outputs that are half written."""

import shutil
from pathlib import Path

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from millrace.base.outcomes import INTERRUPTED
from millrace.config.paths import Layout
from millrace.metadata.records import ENDED_PROPERTY, FAILURE_PROPERTY, runs
from millrace.metadata.run_folder import runs as run_folders

_WHILE = "the run was {} while this stage was running"


def close_abandoned(store: MetadataStore, layout: Layout, ended: str = "") -> list[str]:
    """Marks as interrupted or killed what no living run is running, and removes its outputs.

    Args:
        store: an open ML Metadata store.
        layout: the pipeline's folders.
        ended: the id of a run that has ended although its process lives: the one that asks.

    Returns:
        The ids of the runs that were put in order.
    """
    dead = {
        folder.run_id: "interrupted" if folder.run_id == ended or folder.exit_code() == INTERRUPTED else "killed"
        for folder in run_folders(layout.logs)
        if folder.run_id == ended or not folder.is_alive()
    }
    closed = []
    for run in runs(store, layout.name):
        abandoned = [record for record in run.stages.values() if record.state == "running"]
        if run.run_id in dead and abandoned:
            for record in abandoned:
                [execution] = store.get_executions_by_id([record.execution_id])
                execution.last_known_state = metadata_store_pb2.Execution.CANCELED
                execution.custom_properties[FAILURE_PROPERTY].string_value = _WHILE.format(dead[run.run_id])
                execution.custom_properties[ENDED_PROPERTY].string_value = dead[run.run_id]
                store.put_executions([execution])
                _remove_outputs(Path(layout.artifacts), record.stage, record.execution_id)
            closed.append(run.run_id)
    return closed


def _remove_outputs(artifacts: Path, stage: str, execution_id: int) -> None:
    """Removes the folders that TFX gave to an execution: `STAGE/KEY/ID` and `STAGE/.system/KIND/ID`."""
    for folder in [
        *(artifacts / stage).glob(f"*/{execution_id}"),
        *(artifacts / stage).glob(f".system/*/{execution_id}"),
    ]:
        shutil.rmtree(folder, ignore_errors=True)
