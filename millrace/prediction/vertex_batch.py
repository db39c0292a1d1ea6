"""The prediction of a table by a batch prediction job of Vertex AI, with a version of its registry.

The rows go to a bucket as tf.Examples, which the service hands to the model as a client's `{"b64": ...}`; each answer
comes back beside the example that it is for, in TensorFlow Serving's JSON.
"""

import base64
import contextlib
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from tfx.dsl.io import fileio

from millrace.base.errors import BadInput, MillraceError
from millrace.cloud.vertex.batch_prediction import BatchPredictions
from millrace.model_server.about import About
from millrace.prediction.answers import answers
from millrace.prediction.numbered_examples import in_the_rows_order, row_numbers, write_examples
from millrace.prediction.table_to_score import TableToScore

_LINES_AT_ONCE = 8_192


def by_vertex(
    service: BatchPredictions,
    title: str,
    model: str,
    about: About,
    root: str,
    show: Callable[[str, int], None],
) -> Callable[[TableToScore, int], Iterator[pa.RecordBatch]]:
    """Scores a table by a job.

    Args:
        service: where it runs.
        title: what the service shows to people.
        model: the resource name of a model's version.
        about: what it predicts.
        root: a folder in a bucket that the job reads and writes.
        show: is told what is done, and of how many rows.

    Returns:
        An engine of `millrace.prediction.predict`.

    Raises:
        BadInput: `root` is in no bucket.
    """
    if not root.startswith("gs://"):
        raise BadInput(
            "rows for Vertex AI go through a bucket, and this is none", "vertex.root", "set it: gs://BUCKET/FOLDER"
        )

    def score(table: TableToScore, skipped: int) -> Iterator[pa.RecordBatch]:
        place = f"{root.rstrip('/')}/predictions/{uuid.uuid4().hex[:12]}"
        try:
            rows = write_examples(table, skipped, f"{place}/examples", show)
            if not rows:
                return
            job = service.start(title, model, f"{place}/examples/*.gz", f"{place}/result")
            folder = service.wait(job, lambda state: show(f"{state}, as the service says:", rows))
            numbers, answered = _read(folder, about, model)
            yield from in_the_rows_order(table, skipped, numbers, answered, job)
        finally:
            with contextlib.suppress(Exception):  # what went wrong before is what must be told
                fileio.rmtree(place)

    return score


def _read(folder: str, about: About, model: str) -> tuple[list[np.ndarray], list[pa.RecordBatch]]:
    """The numbers of the rows, and the answers, in the order in which the service wrote them."""
    numbers: list[np.ndarray] = []
    parts: list[pa.RecordBatch] = []
    for lines in _batches(folder):
        numbers.append(row_numbers([base64.b64decode(line["instance"]["b64"]) for line in lines]))
        parts.append(answers(_outputs([line["prediction"] for line in lines], about), about, model))
    return numbers, parts


def _batches(folder: str) -> Iterator[list[dict[str, Any]]]:
    """The lines of the answers, from `prediction.results-*` or `predictions_*`, as the service calls its files."""
    for place in sorted(fileio.glob(f"{folder}/*errors*")):
        with fileio.open(place) as file:
            if line := file.readline():
                raise MillraceError(f"the model failed on some rows: {line.strip()[:500]}", place)
    for place in sorted({*fileio.glob(f"{folder}/prediction*results*"), *fileio.glob(f"{folder}/predictions_*")}):
        with fileio.open(place) as file:
            pending: list[dict[str, Any]] = []
            for line in file:
                pending.append(json.loads(line))
                if len(pending) == _LINES_AT_ONCE:
                    yield pending
                    pending = []
            if pending:
                yield pending


def _outputs(predictions: list[Any], about: About) -> dict[str, np.ndarray]:
    """By name; one output alone comes without its name, as TensorFlow Serving's REST API gives it."""
    if not isinstance(predictions[0], dict):
        return {about.outputs[0].scores: np.array(predictions)}
    columns = {name: [prediction[name] for prediction in predictions] for name in predictions[0]}
    return {name: _array(values) for name, values in columns.items()}


def _array(values: list[Any]) -> np.ndarray:
    array = np.array(values)
    return np.array(np.char.encode(array, "utf-8"), object) if array.dtype.kind == "U" else array
