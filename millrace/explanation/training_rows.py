"""The rows that a model has learned from, as its run kept them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pyarrow as pa
from tfx_bsl.coders import example_coder

from millrace.base.errors import BadInput
from millrace.components import stage_ids
from millrace.explanation.explainer import Row
from millrace.explanation.json_values import of_batch
from millrace.metadata.run_summaries import Runs
from millrace.model_server.about import ModelColumn
from millrace.registry import questions

_TRAIN = "Split-train"


@dataclass(frozen=True)
class TrainingRow:
    """A row that a model has learned from.

    Args:
        number: its place in the train split, from 1.
        row: what the model reads of it.
        labels: what it was to predict, by column.
    """

    number: int
    row: Row
    labels: dict[str, Any]


def training_batch(runs: Runs, run: str, most: int, seed: int = 20) -> tuple[pa.RecordBatch, list[int]]:
    """Some rows of the train split in no order, drawn by a seed from the first ten thousand, and their places in it.

    Args:
        runs: those of the pipeline.
        run: that made the model; empty where that is not known.
        most: how many rows.
        seed: of the draw.

    Raises:
        BadInput: they are not known, are gone, or lie in a bucket.
    """
    folder = _folder(runs, run)
    if folder is None:
        raise BadInput(
            "what the model learned from is not known here, is gone, or lies in a bucket",
            run or "a SavedModel by its path",
            "name a version that a run on this machine made: millrace models list",
        )
    batches, count = questions.of_split(folder)
    examples = [example for batch in batches for example in batch.examples]
    places = np.random.default_rng(seed).permutation(count)[:most].tolist()
    decoder = example_coder.ExamplesToRecordBatchDecoder()
    return decoder.DecodeBatch([examples[place] for place in places]), places


def training_rows(
    runs: Runs, run: str, columns: Sequence[ModelColumn], labels: Sequence[str], most: int
) -> list[TrainingRow]:
    """The rows of `training_batch`, as JSON has them.

    Args:
        runs: those of the pipeline.
        run: that made the model; empty where that is not known.
        columns: what it reads.
        labels: the columns that it predicts.
        most: how many rows.

    Raises:
        BadInput: they are not known, are gone, or lie in a bucket.
    """
    batch, places = training_batch(runs, run, most)
    answers = {
        name: batch.column(batch.schema.get_field_index(name)).to_pylist()
        for name in labels
        if name in batch.schema.names
    }
    return [
        TrainingRow(place + 1, row, {name: _label(values[at]) for name, values in answers.items()})
        for at, (place, row) in enumerate(zip(places, of_batch(batch, columns), strict=True))
    ]


def _folder(runs: Runs, run: str) -> Optional[Path]:
    record = runs.record(run) if run else None
    artifact = record.artifact(stage_ids.EXAMPLE_GEN, "examples") if record else None
    if artifact is None or "://" in artifact.uri:
        return None
    folder = Path(artifact.uri) / _TRAIN
    return folder if folder.is_dir() else None


def _label(values: Any) -> Any:
    plain = [value.decode(errors="replace") if isinstance(value, bytes) else value for value in values or ()]
    return plain[0] if len(plain) == 1 else plain or None
