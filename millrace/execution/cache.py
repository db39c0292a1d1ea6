"""What TFX's cache serves: only what is whole, and also where the project lies in another folder than before.

TFX's launcher asks two functions of its module `cache_utils`: for the context that stands for a stage with its inputs
and parameters, and for an earlier execution's outputs in it. Both are TFX's own here too. They are shown paths that do
not tell where the root and the project lie, and no execution whose outputs lack something.
"""

import copy
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Optional

from ml_metadata import ListOptions, OrderByField
from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.orchestration.portable import cache_utils, launcher
from tfx.types import standard_artifacts

from millrace.components.example_gen import sidecar
from millrace.components.marks import REPLACES
from millrace.metadata.artifact_files import (
    DIGEST_PROPERTY,
    FILES_PROPERTY,
    damage,
    damage_of_folder,
    same_content,
    withdrawn,
)
from millrace.metadata.records import output_artifacts

# Without it an Examples artifact is whole: whoever reads the Arrow files reads the TFRecords then.
_DISPENSABLE = (sidecar.FOLDER,)
# Every cached execution is one more of its context, with the outputs of the one before.
_LOOKED_AT = 50
_of_this_thread = threading.local()


class CacheLook:
    """What was found when one stage's earlier outputs were looked at.

    Args:
        root: the pipeline's root, `Layout.root`.
        project: the project's folder; None where it is installed.
        stands_for: the folder of the project for which that one stands, as a worktree does; None elsewhere.
    """

    def __init__(self, root: str, project: Optional[Path], stands_for: Optional[Path] = None) -> None:
        folders = {root: "{root}", str(project or ""): "{project}", str(stands_for or ""): "{project}"}
        # The root is mostly within the project; a name that goes on is another folder.
        self._folders = [
            (re.compile(re.escape(folder) + r"(?![\w.-])"), name)
            for folder, name in sorted(folders.items(), key=lambda item: -len(item[0]))
            if len(Path(folder).parts) > 1
        ]
        self.damage = ""
        """Why an earlier execution's outputs could not be taken; empty when they could, or there are none."""
        self.replaced: set[int] = set()
        """The ids of those outputs."""
        self.spared = ""
        """What the outputs that were taken lack and can do without, and what comes of it."""

    def without_places(self, text: str) -> str:
        """A text in which the root and the project have a name in place of their paths."""
        for folder, name in self._folders:
            text = folder.sub(name, text)
        return text


@contextmanager
def looking_at_cache(root: str, project: Optional[Path], stands_for: Optional[Path] = None) -> Iterator[CacheLook]:
    """Has the stages that this thread launches be served what is whole, wherever the project lies.

    Args:
        root: the pipeline's root, `Layout.root`.
        project: the project's folder; None where it is installed.
        stands_for: as of `CacheLook`.
    """
    look = _of_this_thread.look = CacheLook(root, project, stands_for)
    try:
        yield look
    finally:
        _of_this_thread.look = None


def _get_cache_context(
    metadata_handle: Any,
    pipeline_node: Any,
    pipeline_info: Any,
    executor_spec: Any = None,
    input_artifacts: Optional[Mapping[str, Sequence[types.Artifact]]] = None,
    output_artifacts: Optional[Mapping[str, Sequence[types.Artifact]]] = None,
    parameters: Optional[Mapping[str, Any]] = None,
) -> metadata_store_pb2.Context:
    """TFX's own, of inputs and parameters without places."""
    look: Optional[CacheLook] = getattr(_of_this_thread, "look", None)
    if look:
        input_artifacts = {
            key: [_identity(artifact, look, metadata_handle.store) for artifact in artifacts]
            for key, artifacts in (input_artifacts or {}).items()
        }
        parameters = {
            # TFX reads the file that this one names.
            key: look.without_places(value) if isinstance(value, str) and key != "module_file" else value
            for key, value in (parameters or {}).items()
        }
    return cache_utils.get_cache_context(
        metadata_handle=metadata_handle,
        pipeline_node=pipeline_node,
        pipeline_info=pipeline_info,
        executor_spec=executor_spec,
        input_artifacts=input_artifacts,
        output_artifacts=output_artifacts,
        parameters=parameters,
    )


def _identity(artifact: types.Artifact, look: CacheLook, store: Any) -> types.Artifact:
    """An artifact as what it is: not where it lies, nor what was noted of it since.

    What was made again just as it had been is the one that it replaces, so that what follows need not run again. A
    model is always another one: verdicts name the model that they are about.
    """
    stripped = copy.deepcopy(artifact)
    proto = stripped.mlmd_artifact
    replaced = proto.custom_properties[REPLACES].string_value if REPLACES in proto.custom_properties else ""
    if replaced and artifact.type_name != standard_artifacts.Model.TYPE_NAME:
        earlier = sorted(store.get_artifacts_by_id([int(number) for number in replaced.split(",")]), key=lambda a: a.id)
        first = next((one for one in earlier if same_content(one, proto)), None)
        if first:
            proto.CopyFrom(first)
    proto.uri = look.without_places(proto.uri)
    proto.ClearField("create_time_since_epoch")
    proto.ClearField("last_update_time_since_epoch")
    for name in (FILES_PROPERTY, DIGEST_PROPERTY, REPLACES):
        if name in proto.custom_properties:
            del proto.custom_properties[name]
    for value in proto.custom_properties.values():
        if value.HasField("string_value"):
            value.string_value = look.without_places(value.string_value)
    return stripped


def _get_cached_outputs(metadata_handle: Any, cache_context: metadata_store_pb2.Context) -> Any:
    """TFX's own, which is shown the executions whose outputs are whole."""
    look: Optional[CacheLook] = getattr(_of_this_thread, "look", None)
    if not look:
        return cache_utils.get_cached_outputs(metadata_handle=metadata_handle, cache_context=cache_context)
    looked_at: dict[int, str] = {}
    newest = ListOptions(limit=_LOOKED_AT, order_by=OrderByField.ID, is_asc=False)
    executions = metadata_handle.store.get_executions_by_context(cache_context.id, list_options=newest)
    for execution in sorted(executions, key=lambda execution: -execution.id):
        outputs = output_artifacts(metadata_handle.store, execution.id)
        artifacts = [artifact for of_key in outputs.values() for artifact in of_key]
        for artifact in artifacts:
            if artifact.id not in looked_at:
                looked_at[artifact.id] = damage(artifact, _DISPENSABLE)
        lacking = next(filter(None, (looked_at[artifact.id] for artifact in artifacts)), "")
        if lacking:
            look.damage = look.damage or lacking
            look.replaced |= {artifact.id for artifact in artifacts}
            continue
        shown = SimpleNamespace(store=_Only(metadata_handle.store, execution))
        served = cache_utils.get_cached_outputs(metadata_handle=shown, cache_context=cache_context)
        if served is not None:
            look.damage, look.replaced = "", set()
            look.spared = next(filter(None, map(_spared, artifacts)), "")
            return served
    return None


def _spared(artifact: metadata_store_pb2.Artifact) -> str:
    """What a whole artifact lacks all the same, and what comes of it."""
    if withdrawn(artifact):
        return "the pushed model was taken away and stays away, since another version is there; --from Pusher pushes it"
    copy_lacks = next(filter(None, (damage_of_folder(artifact, name) for name in _DISPENSABLE)), "")
    return f"{copy_lacks}; the TFRecords are read" if copy_lacks else ""


class _Only:
    """A store that knows of one execution in a context."""

    def __init__(self, store: Any, execution: metadata_store_pb2.Execution) -> None:
        self._store, self._execution = store, execution

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get_executions_by_context(self, *_: Any, **__: Any) -> list[metadata_store_pb2.Execution]:
        return [self._execution]


launcher.cache_utils = SimpleNamespace(get_cache_context=_get_cache_context, get_cached_outputs=_get_cached_outputs)
