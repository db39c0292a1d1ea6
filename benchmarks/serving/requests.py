"""A request that came with a pushed model, as each protocol and each client sends it."""

import json
from pathlib import Path

import click
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from millrace.model_server.client import json_values
from millrace.model_server.servable import WARM_UP_FILE

NAME = "model"


def warm_up_request(model: Path, signature: str) -> predict_pb2.PredictRequest:
    """A request of one row, as InfraValidator asked it.

    Args:
        model: the folder of a version.
        signature: which is asked.

    Raises:
        click.UsageError: none came with the model.
    """
    path = model / WARM_UP_FILE
    if path.exists():
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            rows = {tensor.tensor_shape.dim[0].size for tensor in request.inputs.values()}
            if request.model_spec.signature_name == signature and rows == {1}:
                request.model_spec.name = NAME
                return request
    raise click.UsageError(f"no request of one row for {signature} came with the model: {path}")


def json_request(request: predict_pb2.PredictRequest) -> bytes:
    """The same request by REST."""
    row = {alias: json_values(tf.make_ndarray(tensor))[0] for alias, tensor in request.inputs.items()}
    return json.dumps({"signature_name": request.model_spec.signature_name, "instances": [row]}).encode()
