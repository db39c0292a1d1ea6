"""The ModelBlessing artifact, exactly as TFX's Evaluator writes it, with reason and remedy as custom properties."""

import os
from typing import Any, Optional

from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.io import fileio

from millrace.base import files
from millrace.components.marks import APART, TRIAL_BLESSED_KEY, TRIAL_KEY

REASON_KEY = "reason"
REMEDY_KEY = "remedy"
# ML Metadata keeps custom properties in a row of its database; the whole report is in its file.
_REASON_LENGTH = 2_000


def write_blessing(
    blessing: types.Artifact,
    blessed: bool,
    reason: str,
    model: types.Artifact,
    baseline: Optional[types.Artifact],
    exec_properties: dict[str, Any],
    remedy: str = "",
) -> None:
    """Sets the properties that TFX's resolvers and Pusher read, and writes the file BLESSED or NOT_BLESSED.

    Args:
        blessing: the artifact to fill.
        blessed: the verdict.
        reason: one sentence.
        model: the candidate.
        baseline: the latest blessed model, where there is one, usable or not.
        exec_properties: of the execution: `trial`, and the component's id, which TFX copies where it is there.
        remedy: what to do about it, where there is more to say than that a threshold was missed.
    """
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    if baseline is not None:
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id)
    if "current_component_id" in exec_properties:
        blessing.set_string_custom_property("component_id", exec_properties["current_component_id"])
    if exec_properties.get(TRIAL_KEY):
        blessing.set_int_custom_property(TRIAL_KEY, 1)
    blessing.set_string_custom_property(REASON_KEY, reason[:_REASON_LENGTH])
    if remedy:
        blessing.set_string_custom_property(REMEDY_KEY, remedy[:_REASON_LENGTH])
    is_apart = blessed and exec_properties.get(TRIAL_KEY) == APART
    blessing.set_int_custom_property(
        TRIAL_BLESSED_KEY if is_apart else constants.ARTIFACT_PROPERTY_BLESSED_KEY,
        constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE,
    )
    # A retried execution may find the other verdict's file of the attempt before.
    wrong = constants.NOT_BLESSED_FILE_NAME if blessed else constants.BLESSED_FILE_NAME
    if fileio.exists(os.path.join(blessing.uri, wrong)):
        fileio.remove(os.path.join(blessing.uri, wrong))
    name = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    files.write(os.path.join(blessing.uri, name), "")
