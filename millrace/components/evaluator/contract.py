"""What an exported model must offer to be evaluated, and what one that could not be evaluated lacks of it."""

import os
from collections.abc import Collection
from typing import NamedTuple, Optional

import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow_model_analysis.proto import config_pb2

GUIDE = "Millrace's docs/guides/own-code.md says what a model must export, and millrace.training.signatures writes it"


class Gap(NamedTuple):
    """What is missing, without a full stop, and the remedy."""

    what: str
    remedy: str


def find_gap(folder: str, spec: config_pb2.ModelSpec) -> Optional[Gap]:
    """Looks for what an evaluation needs and a SavedModel does not have, without loading it.

    Args:
        folder: where the SavedModel should be.
        spec: the model's part of a completed EvalConfig: its signatures, and the names of prediction and label.

    Returns:
        The first thing that is missing; None when all that the configuration names is there.
    """
    file = os.path.join(folder, "saved_model.pb")
    if not tf.io.gfile.exists(file):
        return Gap(
            "run_fn exported no SavedModel",
            f"write one to fn_args.serving_model_dir, here {folder}; {GUIDE}",
        )
    with tf.io.gfile.GFile(file, "rb") as stream:
        graph = saved_model_pb2.SavedModel.FromString(stream.read()).meta_graphs[0]
    signatures = {name for name in graph.signature_def if not name.startswith("__")}
    asked = spec.signature_name or "serving_default"
    if asked not in signatures:
        return _no_signature(asked, "takes serialised tf.Examples and gives predictions", signatures)
    # A function may be an attribute of the model as well; TFMA looks for both.
    attributes = {child.local_name for child in graph.object_graph_def.nodes[0].children}
    for name in spec.preprocessing_function_names:
        if name not in signatures | attributes:
            return _no_signature(
                name, "takes serialised tf.Examples and gives transformed features and label", signatures
            )
    predictions = spec.prediction_keys.values() or [spec.prediction_key]
    labels = spec.label_keys.values() or [spec.label_key]
    gaps = [
        *(_no_prediction(graph.signature_def[asked], asked, key) for key in predictions),
        *(_no_label(graph, spec.preprocessing_function_names, key) for key in labels),
    ]
    return next(filter(None, gaps), None)


def _no_signature(name: str, does: str, signatures: Collection[str]) -> Gap:
    there = ", ".join(sorted(signatures)) or "none"
    return Gap(f"it has no signature {name}; its signatures: {there}", f"export a function {name} that {does}; {GUIDE}")


def _no_prediction(signature: meta_graph_pb2.SignatureDef, asked: str, key: str) -> Optional[Gap]:
    outputs = signature.outputs
    if not key or key in outputs or len(outputs) == 1:  # one output is the prediction, whatever its name
        return None
    return Gap(
        f"its signature {asked} gives no {key!r}; it gives: {', '.join(sorted(outputs)) or 'nothing'}",
        f"name the output {key!r}: float32, one row per example; {GUIDE}",
    )


def _no_label(graph: meta_graph_pb2.MetaGraphDef, preprocessing: Collection[str], key: str) -> Optional[Gap]:
    functions = [graph.signature_def[name] for name in preprocessing if name in graph.signature_def]
    given = {output for function in functions for output in function.outputs}
    if not functions or key in given:
        return None
    names = ", ".join(preprocessing)
    return Gap(
        f"its signature {names} gives no label {key!r}; it gives: {', '.join(sorted(given)) or 'nothing'}",
        f"give the label under {key!r}, as preprocessing_fn does; {GUIDE}",
    )
