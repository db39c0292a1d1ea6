"""Which blessings count: what they blessed is what later models, and later data, are compared with."""

from tfx.dsl.io import fileio
from tfx.types.artifact import Artifact

from millrace.components import judges
from millrace.components.marks import REHEARSED, TRIAL_KEY

_READ = ("blessed", TRIAL_KEY, REHEARSED)


def counts(blessing: Artifact) -> bool:
    """Whether a blessing counts by what it says (see `judges.counts`), and was not deleted with its folder.

    Args:
        blessing: a ModelBlessing.
    """
    said = {name: blessing.get_int_custom_property(name) for name in _READ if blessing.has_custom_property(name)}
    return judges.counts(said) and fileio.exists(blessing.uri)
