"""Which blessings count: what they blessed is what later models, and later data, are compared with."""

from tfx.components.evaluator import constants
from tfx.dsl.io import fileio
from tfx.types.artifact import Artifact

from millrace.components.marks import REHEARSED, TRIAL_KEY


def counts(blessing: Artifact) -> bool:
    """Whether a blessing says "blessed", is of a run and no trial, and was not deleted.

    What a trial blessed was judged by values that nobody has written down, and learned from whatever was tried once.
    What a rehearsal blessed was never meant to be served. A blessing that was deleted with its folder is none.
    """
    return (
        blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) == constants.BLESSED_VALUE
        and not any(map(blessing.has_custom_property, (TRIAL_KEY, REHEARSED)))
        and fileio.exists(blessing.uri)
    )
