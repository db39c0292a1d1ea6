"""Writes TFX's standard InfraBlessing: the mark, the reason, the report, and the model with warm-up requests."""

import os
import uuid
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.dsl.io import fileio
from tfx.utils import io_utils, path_utils

from millrace.base import files
from millrace.components.infra_validator import made_from
from millrace.components.infra_validator.queries import QueryPlan
from millrace.components.infra_validator.report import Report

BLESSED_FILE, NOT_BLESSED_FILE = "INFRA_BLESSED", "INFRA_NOT_BLESSED"
REPORT_FILE, LOG_FILE = "report.json", "server.log"
# TensorFlow Serving refuses to load a model with more than 1,000 warm-up records; a few warm every path.
_WARM_UP_PER_SIGNATURE = 100


def write_warm_model(
    blessing: types.Artifact, model_path: str, plans: Sequence[QueryPlan], model_name: str, facts: dict[str, Any]
) -> None:
    """Copies the model into the blessing, with the queries that it answered as its warm-up requests.

    Args:
        blessing: where Pusher looks for the model when `has_model` is set.
        model_path: the SavedModel.
        plans: the queries.
        model_name: the name that the requests carry; a server does not look at it.
        facts: of where the model comes from, for the model's own file about itself.
    """
    final = path_utils.stamped_model_path(blessing.uri)
    beside = f"{final}.{uuid.uuid4().hex}.part"
    io_utils.copy_dir(model_path, beside)
    warm_up = path_utils.warmup_file_path(beside)
    fileio.makedirs(os.path.dirname(warm_up))
    with tf.io.TFRecordWriter(warm_up) as writer:
        for plan in plans:
            for query in plan.singles[:_WARM_UP_PER_SIGNATURE]:
                writer.write(query.warm_up_record(model_name))
    made_from.write(beside, facts)
    if fileio.exists(final):
        fileio.rmtree(final)
    fileio.rename(beside, final)
    blessing.set_int_custom_property("has_model", 1)


def write_verdict(blessing: types.Artifact, report: Report) -> None:
    """Writes report.json and the mark, and sets `blessed` and `reason` on the artifact.

    Args:
        blessing: the InfraBlessing.
        report: the verdict with its measurements.
    """
    files.write(os.path.join(blessing.uri, REPORT_FILE), report.to_json())
    blessing.set_string_custom_property("reason", report.reason)
    blessing.set_int_custom_property("blessed", int(report.blessed))
    mark = BLESSED_FILE if report.blessed else NOT_BLESSED_FILE
    files.write(os.path.join(blessing.uri, mark), "")
