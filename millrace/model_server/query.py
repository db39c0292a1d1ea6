"""One request to a model, and the types of what goes in and comes out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

Arrays = Mapping[str, np.ndarray]
Infos = Mapping[str, meta_graph_pb2.TensorInfo]


@dataclass(frozen=True)
class Query:
    """One request.

    Args:
        signature: the signature's name.
        inputs: an array for each input alias; bytes as objects.
        outputs: what the signature declares that it gives.
        batch: the number of examples.
    """

    signature: str
    inputs: Arrays
    outputs: Infos
    batch: int

    def request(self, model_name: str) -> predict_pb2.PredictRequest:
        """The query as TensorFlow Serving's message."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model_name
        request.model_spec.signature_name = self.signature
        for alias, value in self.inputs.items():
            request.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
        return request

    def warm_up_record(self, model_name: str) -> bytes:
        """The query as one record of `assets.extra/tf_serving_warmup_requests`."""
        log = prediction_log_pb2.PredictLog(request=self.request(model_name))
        return prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString()
