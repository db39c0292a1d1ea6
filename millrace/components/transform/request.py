"""What a Transform execution asks for, read from its artifacts and properties as TFX's executor reads them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.transform import executor_utils, labels
from tfx.components.util import examples_utils, tfxio_utils, udf_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import io_utils

from millrace.components.beam_engine import NeedsBeam, runner_elsewhere


class SplitFiles(NamedTuple):
    """One split of one Examples artifact, and where its transformed examples go: a path without shard number."""

    artifact: types.Artifact
    split: str
    pattern: str
    output: str = ""


@dataclass(frozen=True)
class Request:
    """One transformation.

    Attributes:
        preprocessing_fn: the user's function, with its custom configuration bound.
        schema: of the raw examples.
        analyzed: what the analyzers see.
        transformed: what is transformed and written; nothing where examples are not materialised.
        graph_uri: of the TransformGraph artifact.
        cache_uri: of the TransformCache artifact; None where none is wanted.
        save_options: TensorFlow's, for the SavedModel.
    """

    preprocessing_fn: Callable[..., Any]
    schema: schema_pb2.Schema
    analyzed: tuple[SplitFiles, ...]
    transformed: tuple[SplitFiles, ...]
    graph_uri: str
    cache_uri: Optional[str]
    save_options: Any


def read(
    inputs: Mapping[str, list[types.Artifact]],
    outputs: dict[str, list[types.Artifact]],
    properties: Mapping[str, Any],
    beam_pipeline_args: list[str],
) -> Request:
    """Reads a request.

    Args:
        inputs: `examples` and `schema`, as TFX's executor gets them.
        outputs: as TFX's executor gets them; transformed examples are replicated and given their splits as there.
        properties: the execution properties.
        beam_pipeline_args: of the component; a runner elsewhere is not replaced by this process.

    Raises:
        NeedsBeam: TFX's executor has to do it.
    """
    _verify(inputs, outputs, properties, beam_pipeline_args)
    examples = inputs[keys.EXAMPLES_KEY]
    splits = executor_utils.ResolveSplitsConfig(properties.get(keys.SPLITS_CONFIG_KEY), examples)
    executor_utils.MatchNumberOfTransformedExamplesArtifacts(inputs, outputs)
    written = outputs.get(keys.TRANSFORMED_EXAMPLES_KEY)
    executor_utils.SetSplitNames(splits.transform, written)
    paths = executor_utils.GetSplitPaths(written)
    transformed = [source for split in splits.transform for source in _sources(examples, split)]
    schema_file = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(inputs[keys.SCHEMA_KEY]))
    cache = outputs.get(keys.UPDATED_ANALYZER_CACHE_KEY)
    return Request(
        preprocessing_fn=_preprocessing_fn(properties),
        schema=io_utils.SchemaReader().read(schema_file),
        analyzed=tuple(source for split in splits.analyze for source in _sources(examples, split)),
        transformed=tuple(source._replace(output=path) for source, path in zip(transformed, paths, strict=True)),
        graph_uri=artifact_utils.get_single_uri(outputs[keys.TRANSFORM_GRAPH_KEY]),
        cache_uri=artifact_utils.get_single_uri(cache) if cache else None,
        save_options=properties.get(keys.SAVE_OPTIONS_KEY),
    )


def _sources(examples: list[types.Artifact], split: str) -> list[SplitFiles]:
    uris = artifact_utils.get_split_uris(examples, split)
    return [
        SplitFiles(artifact, split, io_utils.all_files_pattern(uri))
        for artifact, uri in zip(examples, uris, strict=True)
    ]


def _preprocessing_fn(properties: Mapping[str, Any]) -> Callable[..., Any]:
    function = udf_utils.get_fn(
        {keys.PREPROCESSING_FN_KEY: properties[keys.PREPROCESSING_FN_KEY]}, keys.PREPROCESSING_FN_KEY
    )
    custom = {labels.CUSTOM_CONFIG: properties.get(keys.CUSTOM_CONFIG_KEY)}
    bound: Callable[..., Any] = executor_utils.MaybeBindCustomConfig(custom, function)
    return bound


def _verify(
    inputs: Mapping[str, list[types.Artifact]],
    outputs: Mapping[str, list[types.Artifact]],
    properties: Mapping[str, Any],
    beam_pipeline_args: list[str],
) -> None:
    if runner := runner_elsewhere(beam_pipeline_args):
        raise NeedsBeam(f"the Beam runner is {runner}")
    if properties.get(keys.MODULE_FILE_KEY) or properties.get(keys.MODULE_PATH_KEY):
        raise NeedsBeam("the preprocessing function is in a module file")
    if not properties.get(keys.DISABLE_STATISTICS_KEY):
        raise NeedsBeam("statistics are wanted")
    if properties.get(keys.FORCE_TF_COMPAT_V1_KEY):
        raise NeedsBeam("TensorFlow 1 is asked for")
    if inputs.get(keys.ANALYZER_CACHE_KEY):
        raise NeedsBeam("there is a cache of analyzers to read")
    if not outputs.get(keys.TRANSFORMED_EXAMPLES_KEY):
        raise NeedsBeam("the transformed examples are not materialised")
    _verify_examples(inputs[keys.EXAMPLES_KEY])


def _verify_examples(examples: list[types.Artifact]) -> None:
    payload, view = tfxio_utils.resolve_payload_format_and_data_view_uri(examples)
    formats = {examples_utils.get_file_format(artifact) for artifact in examples}
    if payload != example_gen_pb2.FORMAT_TF_EXAMPLE or view or not formats <= {None, "", "tfrecords_gzip"}:
        raise NeedsBeam("the examples are not tf.Examples in TFRecords")
    if any(artifact.has_custom_property(examples_utils.CUSTOM_SPLIT_PATTERN_PROPERTY_NAME) for artifact in examples):
        raise NeedsBeam("the splits have file patterns of their own")
