"""PinnedHyperparameters: a Python function component that stands in for the Tuner once its search is settled."""

import os

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import HyperParameters

from millrace.base import files

# The name under which TFX's Tuner writes them; the Trainer reads the only file of the folder.
FILE_NAME = "best_hyperparameters.txt"


@component
def PinnedHyperparameters(
    best_hyperparameters: OutputArtifact[HyperParameters],
    hyperparameters: Parameter[str],
    code_digest: Parameter[str],
) -> None:
    """Writes pinned hyperparameters as TFX's Tuner writes the best of its search.

    Args:
        best_hyperparameters: the artifact that the Trainer takes.
        hyperparameters: KerasTuner's `HyperParameters.get_config()` as JSON, which is what a Tuner run wrote.
        code_digest: a digest of this component's code, for the cache.
    """
    files.write(os.path.join(best_hyperparameters.uri, FILE_NAME), hyperparameters)
