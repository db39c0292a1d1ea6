"""The configuration's section `push.vertex:`: a Vertex AI endpoint to push to."""

from typing import Optional

from pydantic import Field, model_validator

from millrace.base.section import EncryptionKey, Section


class VertexEndpoint(Section):
    """A Vertex AI endpoint to push to."""

    project: str
    region: str
    endpoint: str = Field(description="its display name; it is made when there is none of that name")
    image: str = Field(description="the serving container, for instance a prebuilt one of Vertex AI")
    machine_type: str = "n1-standard-4"
    accelerator: str = Field(default="", description="for instance NVIDIA_TESLA_T4")
    accelerators: Optional[int] = Field(default=None, ge=1)
    min_replicas: int = Field(default=1, ge=1)
    max_replicas: int = Field(default=1, ge=1)
    traffic_percent: int = Field(default=100, ge=0, le=100, description="for the new model; the others share the rest")
    service_account: str = Field(default="", description="that the serving container runs as")
    encryption_key: Optional[EncryptionKey] = Field(default=None, description="for the endpoint and the model")

    @model_validator(mode="after")
    def _can_grow(self) -> "VertexEndpoint":
        if self.min_replicas > self.max_replicas:
            raise ValueError("min_replicas must not be above max_replicas")
        if self.accelerators and not self.accelerator:
            raise ValueError("accelerators counts something, so accelerator must name its type")
        return self
