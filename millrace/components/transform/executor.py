"""The executor: TFX's, which takes the way without Beam where one machine does the work and TFT's plan allows it."""

import logging
import os

from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList
from tfx.components.transform import executor as tfx_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils

from millrace.components.beam_engine import NeedsBeam
from millrace.components.executor_types import Artifacts, Properties
from millrace.components.transform import in_process, request
from millrace.statistics.columns import STATISTICS_FILE, of_all_rows
from millrace.statistics.typical_row import typical_row, write_typical_row

STATISTICS = "statistics"
"""The input with the statistics of the examples."""
_TEMP = ".temp_path"
_TRAIN = "train"


class Executor(tfx_executor.Executor):
    """Analyzes and transforms; outputs and properties are those of TFX's executor."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: Properties) -> None:
        """Writes the transform graph, the transformed examples and the cache of analyzers.

        Args:
            input_dict: `examples`, `schema`, `statistics` and `analyzer_cache` where there are some.
            output_dict: `transform_graph`, `transformed_examples`, `updated_analyzer_cache`, and TFX's statistics.
            exec_properties: those of TFX's Transform.

        Raises:
            ValueError: as TFX's executor.
        """
        graph = artifact_utils.get_single_uri(output_dict[standard_component_specs.TRANSFORM_GRAPH_KEY])
        temp_dir = os.path.join(graph, _TEMP)
        try:
            if self._make_beam_pipeline_fn is not None:
                raise NeedsBeam("a Beam pipeline is given")
            asked = request.read(input_dict, output_dict, exec_properties, self._beam_pipeline_args or [])
            self._log_startup(input_dict, output_dict, exec_properties)
            in_process.run(asked, temp_dir)
        except NeedsBeam as why:
            logging.info("Transform goes through Beam: %s.", why)
            io_utils.delete_dir(temp_dir)
            super().Do(input_dict, output_dict, exec_properties)
        io_utils.delete_dir(temp_dir)
        _keep_typical_row(input_dict, graph)


def _keep_typical_row(input_dict: Artifacts, graph: str) -> None:
    """Writes the row that is typical of train, where the pipeline hands its statistics over."""
    if not input_dict.get(STATISTICS):
        return
    statistics = artifact_utils.get_single_instance(input_dict[STATISTICS])
    if _TRAIN not in artifact_utils.decode_split_names(statistics.split_names):
        return
    with fileio.open(os.path.join(artifact_utils.get_split_uri([statistics], _TRAIN), STATISTICS_FILE), "rb") as file:
        of_train = DatasetFeatureStatisticsList.FromString(file.read())
    write_typical_row(graph, typical_row(of_all_rows(of_train)))
