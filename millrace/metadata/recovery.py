"""Puts in order what a killed run left behind: executions that seem to run, and outputs that are half written."""

import shutil
from pathlib import Path
from typing import Optional

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from millrace.base.outcomes import INTERRUPTED, State
from millrace.config.paths import Layout
from millrace.metadata.records import ENDED_PROPERTY, FAILURE_PROPERTY, RunRecord, run
from millrace.metadata.run_folder import RunFolder, run_folders


def close_abandoned(store: MetadataStore, layout: Layout, ended: str = "") -> list[str]:
    """Marks as interrupted or killed what no living run is running, and removes its outputs.

    Args:
        store: an open ML Metadata store.
        layout: the pipeline's folders.
        ended: the id of a run that has ended although its process lives: the one that asks.

    Returns:
        The ids of the runs that were put in order.
    """
    closed = []
    for folder in run_folders(layout.logs):
        if folder.run_id != ended and (folder.is_settled() or folder.is_alive()):
            continue
        left = _unsettled(store, layout.name, folder)
        word = State.INTERRUPTED if folder.run_id == ended or folder.exit_code() == INTERRUPTED else State.KILLED
        abandoned = [record for record in left.stages.values() if record.state is State.RUNNING] if left else []
        for record in abandoned:
            [execution] = store.get_executions_by_id([record.execution_id])
            execution.last_known_state = metadata_store_pb2.Execution.CANCELED
            why = f"the run was {word} while {record.stage} was running"
            execution.custom_properties[FAILURE_PROPERTY].string_value = why
            execution.custom_properties[ENDED_PROPERTY].string_value = word
            store.put_executions([execution])
            _remove_outputs(Path(layout.artifacts), record.stage, record.execution_id)
        closed += [folder.run_id] if abandoned else []
        if left and folder.run_id != ended:
            folder.settle()
    return closed


def _unsettled(store: MetadataStore, pipeline: str, folder: RunFolder) -> Optional[RunRecord]:
    """What ML Metadata remembers of a run that may have left something; None of another pipeline's."""
    request = folder.request()
    if request is not None and request.pipeline not in ("", pipeline):
        return None
    return run(store, pipeline, folder.run_id)


def _remove_outputs(artifacts: Path, stage: str, execution_id: int) -> None:
    """Removes the folders that TFX gave to an execution: `STAGE/KEY/ID` and `STAGE/.system/KIND/ID`."""
    for folder in [
        *(artifacts / stage).glob(f"*/{execution_id}"),
        *(artifacts / stage).glob(f".system/*/{execution_id}"),
    ]:
        shutil.rmtree(folder, ignore_errors=True)
