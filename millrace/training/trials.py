"""What a search for hyperparameters tried, as TFX's Tuner leaves it: read without TensorFlow."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union

_FILE = "tuner_results.json"
_OF_TRIAL = ("trial_id", "score")
# KerasTuner's own bookkeeping of Hyperband, which is no hyperparameter.
_OF_TUNER = "tuner/"


@dataclass(frozen=True)
class TrialResult:
    """One model that the Tuner trained.

    Args:
        trial: KerasTuner's id of it.
        score: by what `tuning.objective` names, on the eval split; its loss where that names nothing.
        values: the hyperparameters that were tried, by name.
    """

    trial: str
    score: float
    values: Mapping[str, Union[int, float, str, bool]]


def read(folder: str) -> tuple[TrialResult, ...]:
    """The trials of a search.

    Args:
        folder: of the Tuner's `tuner_results`.

    Returns:
        Trials that came to their end, the best first; none where there is no such file, or it is damaged.
    """
    try:
        with open(os.path.join(folder, _FILE), encoding="utf-8") as file:
            rows = json.load(file)
        return tuple(
            TrialResult(
                trial=str(row["trial_id"]),
                score=float(row["score"]),
                values={k: v for k, v in row.items() if k not in _OF_TRIAL and not k.startswith(_OF_TUNER)},
            )
            for row in rows  # in TFX's order, the best first
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ()
