"""The rows that are to be explained: of a table, of a request, or of what lies beside the model."""

import json
import sys
from itertools import islice
from pathlib import Path

import tensorflow as tf

from millrace.base import files
from millrace.base.errors import BadInput, DataError
from millrace.components.example_gen.section import Data
from millrace.config.config import Config
from millrace.explanation.explainer import Row
from millrace.explanation.json_values import of_batch
from millrace.explanation.training_rows import training_rows
from millrace.metadata.run_summaries import Runs
from millrace.model_server.about import About
from millrace.model_server.example_row import example_row
from millrace.model_server.json_tensor import parse_object
from millrace.prediction.chosen_model import ChosenModel
from millrace.prediction.table_to_score import TableToScore


def of_table(table: str, data: Data, about: About, most: int) -> list[Row]:
    """The first rows of a table.

    Args:
        table: a file, or a folder of files.
        data: how the training data is read.
        about: what the model reads.
        most: how many.

    Raises:
        DataError: it is no table, lacks a column, or has a value that the model does not read.
    """
    batches = (part.features for part in TableToScore(table, data, about.columns, ()).rows())
    return list(islice((row for batch in batches for row in of_batch(batch, about.columns)), most))


def beside_model(config: Config, chosen: ChosenModel, most: int) -> list[Row]:
    """Rows where none are named: the one that InfraValidator left beside the model; of more, training rows.

    Args:
        config: the pipeline's configuration.
        chosen: the model.
        most: how many.

    Raises:
        BadInput: training rows are asked for, and they are not known.
    """
    if most == 1:
        return [example_row(str(chosen.folder), chosen.about)]
    found = training_rows(Runs(config), chosen.run, chosen.about.columns, (), most)
    return [one.row for one in found]


def of_request(place: str) -> list[Row]:
    """The rows of a request's body, or a row alone.

    Args:
        place: a file with JSON; `-` for standard input.

    Raises:
        BadInput: it cannot be read, or is no such JSON.
    """
    where = "standard input" if place == "-" else place
    try:
        text = sys.stdin.read() if place == "-" else files.read_text(Path(place))
        document = json.loads(text) if text.lstrip().startswith("[") else parse_object(text.encode())
    except json.JSONDecodeError as error:
        raise DataError(f"this is no JSON: {error}", where) from error
    except tf.errors.InvalidArgumentError as error:
        raise DataError(error.message, where) from error
    rows = document.get("instances", [document]) if isinstance(document, dict) else document
    rows = [rows] if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise BadInput(
            'a request has rows, each an object such as {"COLUMN": VALUE}', where, "send a row, or instances of rows"
        )
    return rows
