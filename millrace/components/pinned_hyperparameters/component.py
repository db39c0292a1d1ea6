"""PinnedHyperparameters: a Python function component that stands in for the Tuner once its search is settled."""

import os

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types.standard_artifacts import HyperParameters

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
    path = os.path.join(best_hyperparameters.uri, FILE_NAME)
    with fileio.open(f"{path}.part", "w") as file:
        file.write(hyperparameters)
    fileio.rename(f"{path}.part", path, overwrite=True)
