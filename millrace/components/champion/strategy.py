"""ChampionStrategy: TFX's LatestBlessedModelStrategy, which never gives a model to be compared with itself.

With TFX's own strategy a run in which nothing has changed finds the model of the run before as its baseline, and that
is the very model which is being judged. The Evaluator's inputs differ from the run before, so it runs again, blesses
again, and the Pusher pushes the same model a second time. Without the candidate among the champions the inputs are
those of the run before, and the verdict comes from the cache. Nor is a model one whose blessing does not count.
"""

import os
from collections.abc import Collection
from typing import Optional

from ml_metadata import MetadataStore
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.dsl.io import fileio
from tfx.types.artifact import Artifact
from tfx.utils import path_utils

from millrace.base.errors import BadInput
from millrace.components import blessings
from millrace.components.marks import REPLACES

MODEL, BLESSING, CANDIDATE = "model", "model_blessing", "candidate"


class LatestWholeStrategy(LatestBlessedModelStrategy):
    """TFX's strategy, of some of the models, whose files have to be there."""

    def latest_but(self, passed_over: Collection[int], given: dict[str, list[Artifact]]) -> dict[str, list[Artifact]]:
        """Finds the latest blessed model.

        Args:
            passed_over: the ids of models that are not looked at.
            given: all models and all blessings.

        Returns:
            The model and its blessing, both empty when there is none.

        Raises:
            BadInput: the model's files are gone.
        """
        others = {
            MODEL: [model for model in given[MODEL] if model.id not in passed_over],
            BLESSING: [blessing for blessing in given[BLESSING] if blessings.counts(blessing)],
        }
        resolved = self._resolve(others, MODEL, BLESSING)
        for model, blessing in zip(resolved[MODEL], resolved[BLESSING], strict=True):
            require_files(model, blessing)
        return dict(resolved)


class ChampionStrategy(LatestWholeStrategy):
    """Resolves `model` and `model_blessing` to the latest blessed model other than the `candidate`.

    For `tfx.dsl.components.common.resolver.Resolver` with three channels: `model` and `model_blessing` without a
    producer, and `candidate`, the Trainer's model.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> Optional[dict[str, list[Artifact]]]:
        """Finds the champion.

        Args:
            store: ML Metadata, not asked: the channels bring every artifact.
            input_dict: all models, all blessings, and the candidate.

        Returns:
            The champion and its blessing, both empty when there is none, and the candidate as it came.

        Raises:
            BadInput: the champion's files are gone.
        """
        judged = {candidate.id for candidate in input_dict[CANDIDATE]}
        for candidate in input_dict[CANDIDATE]:
            replaced = candidate.get_string_custom_property(REPLACES)
            judged |= {int(number) for number in replaced.split(",") if number}
        return {**self.latest_but(judged, input_dict), CANDIDATE: input_dict[CANDIDATE]}


def require_files(model: Artifact, blessing: Artifact) -> None:
    """A champion that is gone ends the run: without it any model would be as good as the one that is served.

    Args:
        model: the champion.
        blessing: its blessing.

    Raises:
        BadInput: its files are gone.
    """
    folder = path_utils.serving_model_path(model.uri)
    if not fileio.exists(os.path.join(folder, "saved_model.pb")):
        raise BadInput(
            "the champion, the latest model that was blessed, is not there any more: there is nothing to compare with",
            where=folder,
            remedy="put it back, for instance from a backup or from where it was pushed; or delete its blessing, "
            f"{blessing.uri}: then the new model and its data are compared with what was blessed before, if anything",
        )
