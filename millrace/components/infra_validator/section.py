"""The configuration's section `infra_validation:`: how the exported model is tried."""

from typing import Literal

from pydantic import Field

from millrace.base.section import Section


class InfraValidation(Section):
    """How the exported model is tried in a model server before it may be pushed."""

    platform: Literal["process", "tensorflow_model_server", "docker", "kubernetes"] = Field(
        default="process", description="where the server runs; process needs nothing but Millrace"
    )
    image: str = Field(default="tensorflow/serving:2.16.1", description="for docker and kubernetes")
    examples: int = Field(default=16, ge=1, description="eval examples that are sent as requests")
    tries: int = Field(default=2, ge=1, description="servers started at most, for failures that can pass")
    request_seconds: float = Field(default=30.0, gt=0.0, description="one request, before the server counts as hung")
    load_seconds: float = Field(default=120.0, gt=0.0, description="the longest that loading may take")
    p95_milliseconds: float = Field(default=1000.0, gt=0.0, description="the longest that 95 of 100 requests may take")
    memory_mib: int = Field(default=4096, ge=64, description="the most memory that the server may take")
