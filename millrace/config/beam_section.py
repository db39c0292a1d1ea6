"""The configuration's section `beam:`: where Beam does the data stages' work."""

from typing import Literal, Optional

from pydantic import Field, model_validator

from millrace.base.section import OptionalEncryptionKey, Section
from millrace.catalog.machines import machine_type_objections
from millrace.catalog.objections import require_none
from millrace.catalog.regions import region_objections, region_of_subnetwork


class Dataflow(Section):
    """How Google Cloud Dataflow runs the data stages, when `beam.mode` is dataflow."""

    project: str = Field(min_length=1, description="the Google Cloud project's id")
    region: str = Field(min_length=1, description="where the workers are")
    temp_location: str = Field(description="a gs:// folder for the jobs' temporary and staged files")
    service_account: str = Field(default="", description="the e-mail address that the workers run as")
    network: str = Field(default="", description="the workers' VPC network; left out: default")
    subnetwork: str = Field(default="", description="regions/REGION/subnetworks/NAME, or its full address")
    public_ips: bool = Field(default=True, description="whether workers have addresses of the internet")
    machine_type: str = Field(default="", description="of a worker; left out: Dataflow chooses")
    disk_gib: Optional[int] = Field(default=None, ge=1, description="disk of a worker")
    start_workers: Optional[int] = Field(default=None, ge=1, description="workers at the start")
    max_workers: Optional[int] = Field(default=None, ge=1, description="workers that it may grow to")
    encryption_key: OptionalEncryptionKey = Field(
        default="", description="projects/P/locations/L/keyRings/R/cryptoKeys/K"
    )
    labels: dict[str, str] = Field(default={}, description="of the jobs, for the bill")

    @model_validator(mode="after")
    def _is_offered(self) -> "Dataflow":
        require_none(region_objections(self.region))
        require_none(machine_type_objections(self.machine_type) if self.machine_type else ())
        inside = region_of_subnetwork(self.subnetwork)
        if self.subnetwork and inside is None:
            raise ValueError(f"subnetwork {self.subnetwork} is not of the form regions/REGION/subnetworks/NAME")
        if inside is not None and inside != self.region:
            raise ValueError(f"the subnetwork is in {inside}, and the workers are in {self.region}")
        return self


class Beam(Section):
    """Where Beam does the data stages' work.

    On this machine: `auto` takes one process, or several when the data is large; `in_memory`, `multi_processing` and
    `multi_threading` are the modes of Beam's own runner. Elsewhere: `dataflow`, `flink`, `spark`, and `portable` for
    any other job server. docs/guides/beam.md has the exact settings of each.
    """

    mode: Literal[
        "auto", "in_memory", "multi_processing", "multi_threading", "portable", "flink", "spark", "dataflow"
    ] = Field(default="auto", description="on this machine or elsewhere; auto chooses by the data's size")
    workers: Optional[int] = Field(
        default=None, ge=0, description="processes or threads on this machine; 0 means one a core; left out: by size"
    )
    options: tuple[str, ...] = Field(default=(), description="more Beam options, as Beam writes them")
    setup_file: Optional[str] = Field(
        default=None, description="the setup.py that is packed for the workers, where the stage itself runs"
    )
    image: str = Field(default="", description="the workers' container image, with this project and its lock in it")
    job_server: str = Field(default="", description="HOST:PORT of the job server, for portable, flink and spark")
    worker_pool: str = Field(default="", description="HOST:PORT of a worker pool that runs beside each task of these")
    dataflow: Optional[Dataflow] = None

    @model_validator(mode="after")
    def _says_where(self) -> "Beam":
        if self.mode == "dataflow" and self.dataflow is None:
            raise ValueError("mode dataflow needs beam.dataflow: project, region and temp_location")
        servers = ("--job_endpoint=", f"--{self.mode}_master", "--spark_rest_url=")
        if self.mode in ("portable", "flink", "spark") and not self.job_server:
            if not any(option.startswith(servers) for option in self.options):
                raise ValueError(f"mode {self.mode} needs beam.job_server, HOST:PORT of a Beam job server")
        return self
