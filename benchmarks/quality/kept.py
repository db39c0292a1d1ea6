"""Trainings that are done, a file each: a measurement that was cut off goes on behind the last of them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.learners import Result
from millrace.base import files


@dataclass(frozen=True)
class Trainings:
    """The trainings on one table.

    Attributes:
        folder: for their files.
        settings: what all of them are done with; one that was done with others is done again.
    """

    folder: Path
    settings: Mapping[str, Any]

    def once(self, name: str, train: Callable[[], Result]) -> Result:
        """What a training led to: when it was done before, or now.

        Args:
            name: of the training, on this table.
            train: does it.
        """
        file, settings = self.folder / f"{name}.npz", json.dumps(self.settings, sort_keys=True)
        if file.exists():
            with np.load(file) as held:
                if str(held["settings"]) == settings:
                    return Result(held["predicted"], float(held["cpu_seconds"]))
        result = train()
        with files.whole(file) as partial, open(partial, "wb") as out:
            np.savez(out, settings=settings, predicted=result.predicted, cpu_seconds=result.cpu_seconds)
        return result
