"""BaseModelStrategy: the champion from whose weights a training starts, which is never one of the same training.

A run in which nothing has changed would find the model of the run before, train on from it on the same rows, and so on:
nothing would come from the cache again. So a model that has learned from this run's examples is passed over, and the
one before it is what it was in that run: the cache holds for as long as the data is the same.
"""

from typing import Optional

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.types.artifact import Artifact

from millrace.components.champion.strategy import LatestWholeStrategy

EXAMPLES = "examples"


class BaseModelStrategy(LatestWholeStrategy):
    """Resolves `model` and `model_blessing` to the latest blessed model that has not learned from `examples`.

    For `tfx.dsl.components.common.resolver.Resolver` with three channels: `model` and `model_blessing` without a
    producer, and `examples`, the transformed ones that the Trainer is given.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> Optional[dict[str, list[Artifact]]]:
        """Finds the base model.

        Args:
            store: ML Metadata, which knows what each model has learned from.
            input_dict: all models, all blessings, and this run's transformed examples.

        Returns:
            The model and its blessing, both empty when there is none, and the examples as they came.

        Raises:
            BadInput: the model's files are gone.
        """
        learned = _learned_from(store, [one.id for one in input_dict[EXAMPLES]])
        return {**self.latest_but(learned, input_dict), EXAMPLES: input_dict[EXAMPLES]}


def _learned_from(store: MetadataStore, examples: list[int]) -> set[int]:
    """The ids of all that was made of these examples in one step."""
    readers = {one.execution_id for one in store.get_events_by_artifact_ids(examples)} if examples else set()
    made = store.get_events_by_execution_ids(sorted(readers)) if readers else []
    return {one.artifact_id for one in made if one.type == metadata_store_pb2.Event.OUTPUT}
