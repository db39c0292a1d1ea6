"""The configuration's section `push.vertex:`: a Vertex AI endpoint to push to."""

from typing import Annotated, Optional

from pydantic import Field, model_validator

from millrace.base.section import EncryptionKey, Section
from millrace.catalog.machines import machine_objections, require_accelerator_type
from millrace.catalog.objections import require_none
from millrace.catalog.regions import region_objections

# https://cloud.google.com/resource-manager/docs/creating-managing-projects
_PROJECT = r"[a-z][a-z0-9-]{4,28}[a-z0-9]"


class PrivateEndpoint(Section):
    """An endpoint that no address of the Internet leads to: Private Service Connect."""

    projects: tuple[Annotated[str, Field(pattern=rf"^{_PROJECT}$")], ...] = Field(
        min_length=1, description="from which it may be asked, by their ids"
    )
    network: str = Field(
        default="",
        pattern=rf"^(projects/({_PROJECT}|[0-9]+)/global/networks/[a-z]([a-z0-9-]*[a-z0-9])?)?$",
        description="in which the service makes an address for each of them; left out: they make it themselves",
    )


class RequestLogging(Section):
    """Requests and answers of an endpoint, in a table of BigQuery."""

    table: str = Field(
        # https://cloud.google.com/bigquery/docs/tables#table_naming
        pattern=rf"^bq://{_PROJECT}\.[A-Za-z0-9_]+\.[^.`\s]+$",
        description="bq://PROJECT.DATASET.TABLE; the service makes the table",
    )
    rate: float = Field(default=1.0, gt=0, le=1, description="which share of the requests")


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
    private: Optional[PrivateEndpoint] = Field(
        default=None, description="left out: a new endpoint is public, and one that exists stays what it is"
    )
    request_logging: Optional[RequestLogging] = Field(
        default=None, description="left out: as the endpoint has it, and none for a new one"
    )
    monitor: bool = Field(
        default=False,
        description="a model monitor there follows the newest version, by the schema's limits and monitoring.window; "
        "it reads what request_logging has logged",
    )

    @model_validator(mode="after")
    def _can_grow(self) -> "VertexEndpoint":
        if self.min_replicas > self.max_replicas:
            raise ValueError("min_replicas must not be above max_replicas")
        if self.monitor and self.request_logging is None:
            raise ValueError(
                "monitor: it would have no logged requests to look at; say where the endpoint logs them, "
                "request_logging: {table: bq://PROJECT.DATASET.TABLE}"
            )
        require_accelerator_type(self.accelerator, self.accelerators)
        require_none(region_objections(self.region))
        require_none(machine_objections(self.machine_type, self.accelerator, self.accelerators or 1, shared=True))
        return self
