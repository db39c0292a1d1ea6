"""One version of a SavedModel, loaded into a session and run by its signatures.

TensorFlow Serving loads a SavedModel's MetaGraphDef into a session and runs signatures by tensor names
(tensorflow_serving/servables/tensorflow/predict_util.cc). The same is done here, with the same checks and messages,
rather than with Python's eager functions: what fails here fails there.
"""

import functools
import logging
import os
import time
from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.python.framework import ops
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from millrace.model_server import limits
from millrace.model_server.about import read_about
from millrace.model_server.batching import Batching

DEFAULT_SIGNATURE = "serving_default"
WARM_UP_FILE = os.path.join("assets.extra", "tf_serving_warmup_requests")

Tensors = Mapping[str, tensor_pb2.TensorProto]


class Servable:
    """A loaded SavedModel.

    Args:
        name: the model's name, as clients say it.
        version: the version's number.
        path: the SavedModel's folder.
        batching: puts requests together; None runs each by itself.

    Attributes:
        signatures: by name.
        about: what it says of itself; None where it says nothing.

    Raises:
        tf.errors.OpError, OSError, RuntimeError, ValueError: `path` holds no SavedModel that can be loaded.
    """

    def __init__(self, name: str, version: int, path: str, batching: Optional[Batching] = None) -> None:
        self.name = name
        self.version = version
        self.path = path
        self._batching = batching
        graph = tf.Graph()
        options = tf.compat.v1.ConfigProto(gpu_options={"allow_growth": True}, allow_soft_placement=True)
        self._session = tf.compat.v1.Session(graph=graph, config=options)
        with graph.as_default():
            meta_graph = tf.compat.v1.saved_model.load(self._session, [tf.saved_model.SERVING], path)
        graph.finalize()
        self.signatures: dict[str, meta_graph_pb2.SignatureDef] = dict(meta_graph.signature_def)
        self.about = read_about(path)

    def __del__(self) -> None:
        """Gives up what the model takes, with the last request that holds it.

        A graph refers to itself. Python would look for such circles only some twenty models later, and for a second.
        """
        session = getattr(self, "_session", None)
        if session is not None:
            session.close()
            ops.dismantle_graph(session.graph)

    def signature(self, name: str) -> tuple[str, meta_graph_pb2.SignatureDef]:
        """Finds a signature; an empty name means the default one.

        Raises:
            tf.errors.FailedPreconditionError: there is none of that name.
        """
        name = name or DEFAULT_SIGNATURE
        if name not in self.signatures:
            raise tf.errors.FailedPreconditionError(None, None, f'Serving signature key "{name}" not found.')
        return name, self.signatures[name]

    def predict(self, request: predict_pb2.PredictRequest, timeout: Optional[float]) -> predict_pb2.PredictResponse:
        """Answers a Predict request.

        Args:
            request: the signature's name, its inputs, and perhaps the outputs wanted.
            timeout: seconds after which the run is given up; None waits for ever.

        Returns:
            The outputs, and the name, signature and version that gave them.

        Raises:
            tf.errors.OpError: as TensorFlow Serving would answer.
        """
        name, signature = self.signature(request.model_spec.signature_name)
        wanted = _wanted_outputs(signature, request.output_filter)
        outputs = self.run(signature, request.inputs, wanted, timeout)
        response = predict_pb2.PredictResponse()
        self.stamp(response.model_spec, name)
        for alias, value in outputs.items():
            dtype = signature.outputs[alias].dtype
            response.outputs[alias].CopyFrom(tf.make_tensor_proto(value, dtype=dtype, shape=np.shape(value)))
        return response

    def run(
        self,
        signature: meta_graph_pb2.SignatureDef,
        inputs: Tensors,
        outputs: Sequence[str],
        timeout: Optional[float],
    ) -> dict[str, np.ndarray]:
        """Runs a signature in the session.

        Args:
            signature: one of this model's.
            inputs: a tensor for every input alias.
            outputs: the output aliases to compute.
            timeout: seconds; None waits for ever.

        Returns:
            An array for each output alias.

        Raises:
            tf.errors.OpError: wrong inputs, or what the graph raised.
        """
        feeds = _feeds(signature, inputs)
        fetches = {alias: signature.outputs[alias].name for alias in outputs}
        if self._batching and all(_takes_any_rows(info) for info in signature.inputs.values()):
            kind = (self, tuple(sorted(fetches.items())))
            return self._batching.run(kind, functools.partial(self._run, fetches), feeds, timeout)
        return self._run(fetches, feeds, timeout)

    def _run(
        self, fetches: Mapping[str, str], feeds: Mapping[str, np.ndarray], timeout: Optional[float]
    ) -> dict[str, np.ndarray]:
        milliseconds = 0 if timeout is None else max(1, int(timeout * 1000))
        options = tf.compat.v1.RunOptions(timeout_in_ms=milliseconds)
        try:
            return self._session.run(fetches, feeds, options=options)
        except UnicodeDecodeError as error:
            # TensorFlow quotes what it could not read, and Python cannot read the quotation.
            raise tf.errors.InvalidArgumentError(None, None, error.object.decode(errors="replace")) from error
        except (TypeError, ValueError) as error:
            raise tf.errors.InvalidArgumentError(None, None, str(error)) from error

    def stamp(self, spec: model_pb2.ModelSpec, signature_name: str) -> None:
        """Says in a response which model, version and signature gave it.

        Args:
            spec: the response's own; it is filled.
            signature_name: the signature that was asked.
        """
        spec.name = self.name
        spec.version.value = self.version
        spec.signature_name = signature_name

    def warm_up(self) -> int:
        """Replays the warm-up requests that came with the model.

        Returns:
            How many there were.

        Raises:
            tf.errors.OpError: one of them failed; TensorFlow Serving refuses to load such a model.
        """
        path = os.path.join(self.path, WARM_UP_FILE)
        if not tf.io.gfile.exists(path):
            return 0
        started, count = time.monotonic(), 0
        for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.WhichOneof("log_type") != "predict_log":
                raise tf.errors.UnimplementedError(None, None, "only predict_log warm-up records are supported")
            self.predict(log.predict_log.request, None)
            count += 1
        logging.info("replayed %d warm-up requests in %.2f s", count, time.monotonic() - started)
        return count


def _wanted_outputs(signature: meta_graph_pb2.SignatureDef, wanted: Sequence[str]) -> list[str]:
    for alias in wanted:
        if alias not in signature.outputs:
            known = ",".join(sorted(signature.outputs))
            raise tf.errors.InvalidArgumentError(
                None,
                None,
                f"output tensor alias not found in signature: {alias} Outputs expected to be in the set {{{known}}}.",
            )
    return list(wanted) or sorted(signature.outputs)


def _takes_any_rows(info: meta_graph_pb2.TensorInfo) -> bool:
    sizes = info.tensor_shape.dim
    return info.tensor_shape.unknown_rank or (len(sizes) > 0 and sizes[0].size < 0)


def _feeds(signature: meta_graph_pb2.SignatureDef, inputs: Tensors) -> dict[str, np.ndarray]:
    sent, expected = set(inputs), set(signature.inputs)
    if sent != expected:
        raise tf.errors.InvalidArgumentError(
            None,
            None,
            f"input size does not match signature: {len(sent)}!={len(expected)} "
            f"len({{{_listed(sent)}}}) != len({{{_listed(expected)}}}). "
            f"Sent extra: {{{_listed(sent - expected)}}}. Missing but required: {{{_listed(expected - sent)}}}.",
        )
    for alias, tensor in inputs.items():
        needed = signature.inputs[alias].dtype
        # Session.run would silently cast; TensorFlow Serving refuses.
        if tensor.dtype != needed:
            raise tf.errors.InvalidArgumentError(
                None, None, f"Expects arg[{alias}] to be {_name(needed)} but {_name(tensor.dtype)} is provided"
            )
    limits.require_bounded(inputs)
    feeds = {}
    for alias, tensor in inputs.items():
        try:
            feeds[signature.inputs[alias].name] = tf.make_ndarray(tensor)
        except (TypeError, ValueError) as error:
            raise tf.errors.InvalidArgumentError(None, None, f"input {alias} is no tensor: {error}") from error
    return feeds


def _name(dtype: int) -> str:
    """A type as Python's TensorFlow calls it; a message may hold any number."""
    try:
        return str(tf.as_dtype(dtype).name)
    except TypeError:
        return f"type {dtype}"


def _listed(names: set[str]) -> str:
    return ",".join(sorted(names))
