"""VertexPusher's TFX shell: TFX's Pusher to Vertex AI, with an executor that also passes the encryption key."""

from tfx.dsl.components.base import executor_spec
from tfx.extensions.google_cloud_ai_platform.pusher.component import Pusher

from millrace.components.vertex_pusher.executor import ENCRYPTION_KEY as ENCRYPTION_KEY
from millrace.components.vertex_pusher.executor import Executor


class VertexPusher(Pusher):
    """Pushes a blessed model to a Vertex AI endpoint.

    Inputs, outputs and `custom_config` are those of TFX's Pusher for Google Cloud; `custom_config` may also hold
    `ENCRYPTION_KEY`, the name of a key of Cloud KMS for the uploaded model and a newly made endpoint.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
