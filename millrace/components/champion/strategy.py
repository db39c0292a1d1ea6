"""ChampionStrategy: TFX's LatestBlessedModelStrategy, which never gives a model to be compared with itself.

With TFX's own strategy a run in which nothing has changed finds the model of the run before as its baseline, and that
is the very model which is being judged. The Evaluator's inputs differ from the run before, so it runs again, blesses
again, and the Pusher pushes the same model a second time. Without the candidate among the champions the inputs are
those of the run before, and the verdict comes from the cache. What a trial has blessed is no champion either: it was
judged by values that nobody has written down, and was never served.
"""

from typing import Optional

from ml_metadata import MetadataStore
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.types.artifact import Artifact

from millrace.components.evaluator.blessing import TRIAL_KEY

MODEL, BLESSING, CANDIDATE = "model", "model_blessing", "candidate"


class ChampionStrategy(LatestBlessedModelStrategy):
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
        """
        judged = {candidate.id for candidate in input_dict[CANDIDATE]}
        others = {
            MODEL: [model for model in input_dict[MODEL] if model.id not in judged],
            BLESSING: [one for one in input_dict[BLESSING] if not one.has_custom_property(TRIAL_KEY)],
        }
        return {**self._resolve(others, MODEL, BLESSING), CANDIDATE: input_dict[CANDIDATE]}
