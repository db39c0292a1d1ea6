"""The two judges of a model: where each stands, what it publishes, and what to do when it says no. Imports no TFX."""

from dataclasses import dataclass

from millrace.components import stage_ids


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
