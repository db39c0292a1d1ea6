"""VertexPusher's executor: the model becomes a version here, and the next version of one model in Vertex AI.

TFX's Pusher to Vertex AI makes a model of its own each time, so that no version has a number, an alias or a predecessor
there; neither that model nor the endpoint gets an encryption key.
"""

from tfx.components.pusher import executor as tfx_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import json_utils

from millrace.components.executor_types import Artifacts, Properties
from millrace.components.marks import VERTEX_VERSION
from millrace.components.vertex_pusher.vertex_version import publish

EVALUATION = "evaluation"
"""The input with the Evaluator's report."""


class Executor(tfx_executor.Executor):
    """Pushes a version to the folder of versions, and to Vertex AI."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: Properties) -> None:
        """Pushes what was blessed.

        Args:
            input_dict: as TFX's Pusher has it, and `EVALUATION`.
            output_dict: `pushed_model`, as TFX's Pusher marks it, with `VERTEX_VERSION`.
            exec_properties: as TFX's Pusher has them; `custom_config` as `VertexPusher` describes it.

        Raises:
            BadInput: the folder is none of a bucket, and the configuration names none.
        """
        super().Do(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        if not pushed.get_int_custom_property("pushed"):
            return
        folder = pushed.get_string_custom_property("pushed_destination")
        evaluations = input_dict.get(EVALUATION)
        try:
            name = publish(
                json_utils.loads(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY]),
                folder,
                self.GetModelPath(input_dict),
                artifact_utils.get_single_uri(evaluations) if evaluations else "",
            )
        except BaseException:
            # A server would take up the folder of a version that no run has ended with.
            fileio.rmtree(folder)
            raise
        pushed.set_string_custom_property(VERTEX_VERSION, name)
