"""The two judges of a model: where each stands, what it publishes, and what to do when it says no. Imports no TFX."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from millrace.components import stage_ids
from millrace.components.marks import REHEARSED, TRIAL_BLESSED_KEY, TRIAL_KEY


@dataclass(frozen=True)
class Judge:
    """A gate that blesses a model.

    Args:
        stage: its stage's id.
        blessing: the type of the artifact that holds its verdict, as TFX names it.
        remedy: what to do about its no, where the verdict itself has no better advice.
    """

    stage: str
    blessing: str
    remedy: str


JUDGES = (
    Judge(
        stage_ids.EVALUATOR,
        "ModelBlessing",
        "the gate report shows every threshold; fix the model, or the thresholds under evaluation",
    ),
    Judge(
        stage_ids.INFRA_VALIDATOR,
        "InfraBlessing",
        "the report beside the blessing shows every request; fix the serving signatures or the limits",
    ),
)
"""Both, in the order in which they are shown."""

BY_BLESSING = {judge.blessing: judge for judge in JUDGES}
"""Each by the type of its verdict, for places that know artifacts and no stages."""

NOT_BLESSED = "the model is not blessed"
"""Why, where a verdict gives no reason."""


def verdict_of(kind: str, metadata: Mapping[str, Any]) -> Optional[bool]:
    """What an artifact says about a model, a trial's too.

    Args:
        kind: the artifact's type, without `tfx.`.
        metadata: its custom properties as plain values, as a compiled job's services keep them.

    Returns:
        None where it is no blessing, or holds no verdict.
    """
    verdict = metadata.get("blessed", metadata.get(TRIAL_BLESSED_KEY)) if kind in BY_BLESSING else None
    return None if verdict is None else bool(verdict)


def counts(properties: Mapping[str, Any]) -> bool:
    """Whether later models, and later data, are compared with what a blessing blessed.

    What a trial blessed was judged by values that nobody has written down, and learned from whatever was tried once.
    What a rehearsal blessed was never meant to be served.

    Args:
        properties: the blessing's custom properties as plain values.
    """
    return properties.get("blessed") == 1 and TRIAL_KEY not in properties and REHEARSED not in properties
