"""Asks a model about every eval row and writes down the rows about which it is most wrong."""

import json
import math
import os
from typing import Any

import numpy as np
import tensorflow as tf
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import path_utils

from custom_components.hard_examples.ranking import losses, worst
from millrace.base import files

FILE = "hard_examples.jsonl"


class Executor(BaseExecutor):
    """Runs where the step runs: in this process, or in a container."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: dict[str, Any]) -> None:
        """Writes the rows as JSON lines, the worst first.

        Args:
            input_dict: `examples` and `model`, one artifact each.
            output_dict: `hard_examples`, one artifact.
            exec_properties: `count` and `label_key`, as the component says.
        """
        folder = artifact_utils.get_split_uri(input_dict["examples"], "eval")
        model = tf.saved_model.load(
            path_utils.serving_model_path(artifact_utils.get_single_instance(input_dict["model"]).uri)
        )
        shards = [os.path.join(folder, name) for name in sorted(fileio.listdir(folder))]
        label_key, kept = exec_properties["label_key"], []
        for records in tf.data.TFRecordDataset(shards, "GZIP").batch(1024):
            answer = model.signatures["serving_default"](examples=records)
            predictions = next(answer[key] for key in ("probabilities", "prediction") if key in answer).numpy()
            labels = model.signatures["transform_features"](examples=records)[label_key].numpy()
            wrong = losses(labels, predictions)
            kept += [
                (wrong[at], {"label": labels[at].item(), "prediction": predictions[at].tolist()}, records[at].numpy())
                for at in worst(wrong, exec_properties["count"])
            ]
        order = worst(np.array([loss for loss, _, _ in kept]), exec_properties["count"])
        lines = [{"loss": float(kept[at][0]), **kept[at][1], "row": _row(kept[at][2])} for at in order]
        target = os.path.join(artifact_utils.get_single_uri(output_dict["hard_examples"]), FILE)
        files.write(target, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def _row(record: bytes) -> dict[str, list[Any]]:
    """A tf.Example as plain values: a list a column, empty where the row has none."""
    features = tf.train.Example.FromString(record).features.feature
    values = {name: getattr(given, given.WhichOneof("kind") or "bytes_list").value for name, given in features.items()}
    return {name: [_plain(value) for value in values[name]] for name in sorted(values)}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if math.isfinite(value) else None  # JSON has no NaN
