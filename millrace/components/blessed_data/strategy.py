"""BlessedDataStrategy: the latest blessing that holds the statistics of other data than this run's."""

from typing import Optional

from ml_metadata import MetadataStore
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.types.artifact import Artifact

from millrace.components import blessings
from millrace.components.blessed_data.statistics import digest
from millrace.components.marks import STATISTICS_DIGEST

BLESSING, STATISTICS = "model_blessing", "statistics"


class BlessedDataStrategy(ResolverStrategy):
    """Resolves `model_blessing` to the latest one that counts and was given for other `statistics`.

    Data is never compared with itself: a run in which nothing changed finds what the run before found, and DataGate's
    verdict comes from the cache.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> Optional[dict[str, list[Artifact]]]:
        """Finds the blessing.

        Args:
            store: ML Metadata, not asked: the channels bring every artifact.
            input_dict: all blessings, and this run's statistics.

        Returns:
            The blessing, none when there is none, and the statistics as they came.
        """
        judged = {digest(statistics) for statistics in input_dict[STATISTICS]}
        others = [
            blessing
            for blessing in input_dict[BLESSING]
            if blessing.get_string_custom_property(STATISTICS_DIGEST) not in {"", *judged}
            and blessings.counts(blessing)
        ]
        latest = sorted(others, key=lambda blessing: blessing.id)[-1:]
        return {BLESSING: latest, STATISTICS: input_dict[STATISTICS]}
