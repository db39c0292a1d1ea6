"""VertexPusher's executor. TFX's uploads the model and makes the endpoint without an encryption key."""

from google.cloud import aiplatform
from tfx.extensions.google_cloud_ai_platform.pusher import executor as tfx_executor
from tfx.types import standard_component_specs
from tfx.utils import json_utils

from millrace.components.executor_types import Artifacts, Properties

ENCRYPTION_KEY = "millrace_encryption_key"


class Executor(tfx_executor.Executor):
    """TFX's executor, after the client has been told the key that every new resource gets."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: Properties) -> None:
        """Pushes; see TFX's executor for the arguments.

        `aiplatform.init` keeps what later calls leave out, and its key holds for `Model.upload` and `Endpoint.create`,
        which TFX calls without one.
        """
        custom_config = json_utils.loads(exec_properties.get(standard_component_specs.CUSTOM_CONFIG_KEY, "null")) or {}
        key = custom_config.get(ENCRYPTION_KEY)
        if key:
            aiplatform.init(encryption_spec_key_name=key)
        super().Do(input_dict, output_dict, exec_properties)
