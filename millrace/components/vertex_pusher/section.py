"""The configuration's section `push.vertex:`: a Vertex AI endpoint to push to."""

from typing import Optional

from pydantic import Field, model_validator

from millrace.base.section import EncryptionKey, Section
from millrace.catalog.machines import machine_objections, require_accelerator_type
from millrace.catalog.objections import require_none
from millrace.catalog.regions import region_objections


class VertexEndpoint(Section):
    """A Vertex AI endpoint to push to."""

    project: str = Field(description="the Google Cloud project's id")
    region: str = Field(description="the endpoint's region, such as us-central1")
    endpoint: str = Field(description="its display name; it is made when there is none of that name")
    image: str = Field(description="the serving container, for instance a prebuilt one of Vertex AI")
    machine_type: str = Field(default="n1-standard-4", description="of each replica")
    accelerator: str = Field(default="", description="for instance NVIDIA_TESLA_T4")
    accelerators: Optional[int] = Field(default=None, ge=1, description="of each replica; 1 when only the type is said")
    min_replicas: int = Field(default=1, ge=1, description="replicas that are always there")
    max_replicas: int = Field(default=1, ge=1, description="replicas that it may grow to")
    traffic_percent: int = Field(default=100, ge=0, le=100, description="for the new model; the others share the rest")
    service_account: str = Field(default="", description="that the serving container runs as")
    explanations: bool = Field(
        default=False, description="name the columns of predict_json for Vertex Explainable AI, by sampled Shapley"
    )
    encryption_key: Optional[EncryptionKey] = Field(default=None, description="for the endpoint and the model")

    @model_validator(mode="after")
    def _can_grow(self) -> "VertexEndpoint":
        if self.min_replicas > self.max_replicas:
            raise ValueError("min_replicas must not be above max_replicas")
        require_accelerator_type(self.accelerator, self.accelerators)
        require_none(region_objections(self.region))
        require_none(machine_objections(self.machine_type, self.accelerator, self.accelerators or 1, shared=True))
        return self
