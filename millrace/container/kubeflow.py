"""Where open-source Kubeflow Pipelines differs from Vertex AI, seen from inside a task (kubeflow/pipelines 7b70c7b).

- Its launcher downloads inputs and uploads outputs by itself, between the object store and folders below /gcs, /minio
  and /s3 (`LocalPathForURI` in backend/src/v2/component/launcher_v2.go). TFX opens neither minio:// nor s3://, so a
  task works on those folders, and says the URIs again when it is done.
- There is no pre-cache check. A task before ExampleGen resolves the span, the version and the fingerprint of the data
  (`data_input`), and ExampleGen gets them as parameters, so that its cache key sees the data.
- A list of artifacts cannot be empty. An artifact that is marked as absent is taken out of what a task is given.
- Artifacts may have no name, which TFX needs to tell them apart; a log artifact may be added, of a type unknown to TFX.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from millrace.base import files
from millrace.components.marks import ABSENT
from millrace.container import data_input
from millrace.container.task_input import TaskInput

_FOLDERS = {"gs://": "/gcs/", "minio://": "/minio/", "s3://": "/s3/"}
_LOGS = "executor-logs"


@contextmanager
def as_tfx_expects(task: TaskInput) -> Iterator[None]:
    """Changes a task's input to what TFX expects, and what TFX puts out to what the launcher expects."""
    _leave_out_absent(task)
    task.output_artifacts.pop(_LOGS, None)
    uris = {local: artifact["uri"] for artifact in task.artifacts() if (local := local_path(artifact["uri"]))}
    for artifact in task.artifacts():
        artifact["name"] = artifact.get("name") or artifact["uri"]
        artifact["uri"] = local_path(artifact["uri"]) or artifact["uri"]
    _describe_examples(task)
    yield
    _say_uris(Path(task.output_file), uris)


def local_path(uri: str) -> str:
    """The folder in which the launcher keeps an artifact; empty when it keeps none."""
    folders = (folder + uri[len(scheme) :] for scheme, folder in _FOLDERS.items() if uri.startswith(scheme))
    return next(folders, "")


def _leave_out_absent(task: TaskInput) -> None:
    for name, listed in list(task.input_artifacts.items()):
        present = [artifact for artifact in listed.get("artifacts", ()) if not artifact.get("metadata", {}).get(ABSENT)]
        if len(present) < len(listed.get("artifacts", ())):
            task.input_artifacts[name] = {"artifacts": present}


def _say_uris(output_file: Path, uris: dict[str, str]) -> None:
    output = json.loads(output_file.read_text(encoding="utf-8"))
    for listed in output.get("artifacts", {}).values():
        for artifact in listed.get("artifacts", ()):
            artifact["uri"] = uris.get(artifact.get("uri", ""), artifact.get("uri", ""))
            # The launcher has no way to record a null, and fails.
            artifact["metadata"] = {key: said for key, said in artifact.get("metadata", {}).items() if said is not None}
    files.write(output_file, json.dumps(output))


def _describe_examples(task: TaskInput) -> None:
    """Writes what the task before found onto the examples, as Vertex AI does with what TFX's driver puts out."""
    if task.value(data_input.FINGERPRINT) is None or "examples" not in task.output_artifacts:
        return
    if int(task.value(data_input.VERSION)) == data_input.NO_VERSION:
        task.take(data_input.VERSION)
    for artifact in task.output_artifacts["examples"].get("artifacts", ()):
        artifact["metadata"] = {**artifact.get("metadata", {}), **data_input.description(task.value)}
