"""The configuration's sections `vertex:` and `kubeflow:`: all that a deployment needs, and nothing that is secret.

Both are optional, and every value has a default, so that a pipeline compiles and rehearses before anything in a cloud
exists. What must be set before a job is submitted is told by `millrace.jobspec.checks`.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal, Optional

from pydantic import AfterValidator, Field, field_validator, model_validator

from millrace.base.section import EncryptionKey, OptionalVariableName, Section, VariableName
from millrace.catalog.cron import cron_problem
from millrace.catalog.machines import machine_objections, require_accelerator_type, step_objections
from millrace.catalog.objections import Objection, require_none
from millrace.catalog.regions import region_objections
from millrace.catalog.template_address import repository_objections
from millrace.config.beam_section import Beam

# https://cloud.google.com/resource-manager/docs/creating-managing-projects: an id, perhaps of a domain; or its number.
PROJECT = r"^([a-z][a-z0-9.-]*:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$|^[0-9]+$"

Positive = Annotated[int, Field(ge=1)]

# Of Kubernetes: a domain, a slash and a name. https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/
_KUBERNETES_RESOURCE = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def _known_region(value: str) -> str:
    require_none(region_objections(value))
    return value


def _repository_of_templates(value: str) -> str:
    require_none(repository_objections(value))
    return value


# https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions
SecretVersion = Annotated[
    str,
    Field(
        pattern=r"^projects/[^/\s]+(/locations/[^/\s]+)?/secrets/[A-Za-z0-9_-]+/versions/([1-9][0-9]*|[a-z][a-z0-9-]*)$"
    ),
]

# https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.tensorboards
TensorBoard = Annotated[str, Field(pattern=r"^projects/[^/\s]+/locations/[^/\s]+/tensorboards/[0-9]+$")]

Region = Annotated[str, AfterValidator(_known_region)]

# https://cloud.google.com/vertex-ai/docs/pipelines/create-pipeline-template
TemplateRepositoryAddress = Annotated[
    str, Field(pattern=r"^[a-z0-9-]+-kfp\.pkg\.dev/[^/\s]+/[^/\s]+$"), AfterValidator(_repository_of_templates)
]


class StageResources(Section):
    """What the service gives to a stage's container, and how it treats it. What is left out, the service chooses."""

    cpu: Optional[float] = Field(default=None, gt=0, description="processors")
    memory_gb: Optional[float] = Field(default=None, gt=0, description="memory in GB, as the services count it")
    accelerator: str = Field(
        default="",
        description="for Vertex AI a type such as NVIDIA_L4, for Kubernetes a resource such as nvidia.com/gpu",
    )
    accelerators: Optional[int] = Field(default=None, ge=1, description="how many; 1 when only their type is said")
    caching: Optional[bool] = Field(default=None, description="overrides the pipeline's for this stage")
    retries: Optional[int] = Field(default=None, ge=0, le=10, description="tries after the first one has failed")
    retry_seconds: Optional[int] = Field(default=None, ge=0, description="wait before the first retry, then doubled")
    timeout_minutes: Optional[int] = Field(default=None, ge=1, description="the container ends itself after that")

    @model_validator(mode="after")
    def _accelerators_have_a_type(self) -> "StageResources":
        require_accelerator_type(self.accelerator, self.accelerators)
        return self

    def over(self, default: "StageResources") -> "StageResources":
        """These settings, and those of `default` where these say nothing."""
        settings = default.model_dump(exclude_defaults=True) | self.model_dump(exclude_defaults=True)
        return StageResources(**settings)


class Schedule(Section):
    """When the service starts a compiled job by itself."""

    cron: str = Field(
        pattern=r"^(TZ=\S+ |CRON_TZ=\S+ )?\S+( \S+){4,5}$",
        description="minute, hour, day, month, weekday; TZ=Europe/Zurich in front names the time zone",
    )
    start: Optional[datetime] = Field(default=None, description="no run before that")
    end: Optional[datetime] = Field(default=None, description="no run after that")
    max_runs: Optional[Positive] = Field(default=None, description="runs in all; Vertex AI only")
    max_concurrent_runs: Positive = Field(default=1, description="runs at the same time")
    catch_up: bool = Field(default=False, description="also start the runs that were missed; Kubeflow only")
    queue: bool = Field(default=False, description="start later what max_concurrent_runs held back; Vertex AI only")

    @field_validator("cron")
    @classmethod
    def _can_be_read(cls, value: str) -> str:
        if problem := cron_problem(value):
            raise ValueError(problem)
        return value

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "Schedule":
        # A time without a zone is this machine's.
        if self.start and self.end and self.start.timestamp() >= self.end.timestamp():
            raise ValueError("end must come after start")
        return self

    @property
    def has_seconds(self) -> bool:
        """Whether seconds stand before the five fields of cron, as Kubeflow Pipelines takes them."""
        return len(re.sub(r"^(CRON_)?TZ=\S+ ", "", self.cron).split()) == 6

    def is_over(self, now: float) -> bool:
        """Whether it would start nothing any more.

        Args:
            now: seconds since the epoch.
        """
        return self.end is not None and self.end.timestamp() <= now


class CustomJob(Section):
    """The Trainer as a Vertex AI custom job of its own machines, in place of the pipeline's container.

    With more than one worker TensorFlow's `TF_CONFIG` is set for each of them, and `code.run_fn` must train under a
    `tf.distribute` strategy that reads it, for instance `MultiWorkerMirroredStrategy`.
    """

    machine_type: str = Field(default="n1-standard-8", description="of each machine")
    accelerator: str = Field(default="", description="for instance NVIDIA_TESLA_T4")
    accelerators: Optional[Positive] = Field(default=None, description="on each machine; 1 when only the type is said")
    workers: Positive = Field(default=1, description="machines, the chief included")
    boot_disk_gib: Optional[int] = Field(
        default=None, ge=100, description="of each machine; left out: the service's 100"
    )
    timeout_minutes: Optional[Positive] = Field(
        default=None, description="the job is ended after that; left out: the service's seven days"
    )
    restart_on_worker_restart: bool = Field(default=False, description="begin again when one machine is lost")

    @model_validator(mode="after")
    def _accelerators_have_a_type(self) -> "CustomJob":
        require_accelerator_type(self.accelerator, self.accelerators)
        return self

    @model_validator(mode="after")
    def _is_offered(self) -> "CustomJob":
        require_none(machine_objections(self.machine_type, self.accelerator, self.accelerators or 1))
        return self


class RunCost(Section):
    """What a run on Vertex AI may cost."""

    budget: Optional[float] = Field(
        default=None, gt=0, description="US dollars: a job whose run may cost more is not sent"
    )
    prices: Optional[str] = Field(
        default=None, description="a price table of your own, for another region or contract; left out: the library's"
    )
    old_prices: bool = Field(default=False, description="take a price table that is older than half a year")


class Deployment(Section):
    """What the sections of both services have in common."""

    root: Optional[str] = Field(
        default=None,
        description="the folder for artifacts and pushed models there; the configuration's root if left out",
    )
    data_path: Optional[str] = Field(
        default=None, description="where the data is, seen from there; data.path if left out"
    )
    push_directory: Optional[str] = Field(default=None, description="left out: ROOT/serving/NAME")
    image: Optional[str] = Field(
        default=None, description="the container image with this project in it, NAME@sha256:..."
    )
    service_account: str = Field(
        default="", description="the account that the tasks run as; left out: the service's default"
    )
    caching: bool = Field(default=True, description="serve unchanged stages from the service's cache")
    defaults: StageResources = Field(default=StageResources(), description="for every stage that stages does not name")
    stages: dict[str, StageResources] = Field(default={}, description="by the stage's name, for instance Trainer")
    environment: dict[VariableName, str] = Field(
        default={}, description="environment variables of every stage's container; nothing secret"
    )
    schedule: Optional[Schedule] = None
    beam: Optional[Beam] = Field(default=None, description="Beam's section there, in place of the configuration's")
    request_seconds: float = Field(default=30.0, gt=0, description="how long the service's answer is waited for")

    def of_stage(self, stage: str) -> StageResources:
        """What holds for one stage: its own settings over the defaults."""
        return self.stages.get(stage, StageResources()).over(self.defaults)

    def caches(self, stage: str) -> bool:
        """Whether a stage may be served from the service's cache."""
        own = self.of_stage(stage).caching
        return self.caching if own is None else own

    def resources(self) -> Iterator[tuple[str, StageResources]]:
        """What stages get, by the key that says it: the defaults, and each stage's own over them."""
        yield "defaults", self.defaults
        for name in self.stages:
            yield f"stages.{name}", self.of_stage(name)


def _at(key: str, objections: Iterator[Objection]) -> None:
    try:
        require_none(objections)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


OWN_LABELS = "millrace_"
"""How the labels begin that Millrace itself gives: they say which release a job is of, or which version a model is."""


def _not_millraces(key: str) -> str:
    if key.startswith(OWN_LABELS):
        raise ValueError(f"{key} is a label of Millrace's own, by which promoted releases and versions are known")
    return key


OwnersLabel = Annotated[str, AfterValidator(_not_millraces)]


class VertexDeployment(Deployment):
    """Vertex AI Pipelines: where compiled jobs run, and with what."""

    project: Optional[str] = Field(default=None, pattern=PROJECT, description="the Google Cloud project's id or number")
    region: Region = Field(default="us-central1", description="where the job runs")
    api_endpoint: str = Field(
        default="",
        description="left out: the region's own; http:// only on this machine, without credentials",
    )
    schema_version: Literal["2.1", "2.0"] = Field(default="2.1", description="of the pipeline spec")
    display_name: str = Field(default="", max_length=128, description="left out: the pipeline's name")
    network: str = Field(default="", description="projects/NUMBER/global/networks/NAME of a peered VPC network")
    reserved_ip_ranges: tuple[str, ...] = Field(default=(), description="of that network, for the job's machines")
    encryption_key: Optional[EncryptionKey] = Field(
        default=None, description="a customer-managed key, projects/P/locations/L/keyRings/R/cryptoKeys/K"
    )
    secrets: dict[VariableName, SecretVersion] = Field(
        default={},
        description="environment variables that hold secrets of Secret Manager, projects/P/secrets/S/versions/V: each "
        "stage reads them when it starts, so that no secret is in the job",
    )
    labels: dict[OwnersLabel, str] = Field(default={}, description="of the job, for the bill")
    experiment: str = Field(
        default="",
        max_length=80,
        pattern=r"^([a-z0-9][a-z0-9-]*)?$",
        description="the Vertex AI experiment that jobs are put into as they are sent, and that track --vertex tells "
        "of runs; left out: no job is, and track takes the pipeline's name",
    )
    tensorboard: Optional[TensorBoard] = Field(
        default=None,
        description="the TensorBoard instance that curves go to, projects/P/locations/L/tensorboards/ID",
    )
    templates: Optional[TemplateRepositoryAddress] = Field(
        default=None,
        description="the repository of Artifact Registry that templates upload puts the pipeline into, "
        "REGION-kfp.pkg.dev/PROJECT/REPOSITORY",
    )
    cost: RunCost = RunCost()
    failure_policy: Literal["slow", "fast"] = Field(
        default="slow", description="slow finishes what does not need the failed task; fast starts nothing more"
    )
    trainer: Optional[CustomJob] = Field(
        default=None, description="left out: the Trainer runs in its stage's container"
    )

    @model_validator(mode="after")
    def _is_offered(self) -> "VertexDeployment":
        for key, asked in self.resources():
            objections = step_objections(
                asked.cpu or 0, asked.memory_gb or 0, asked.accelerator, asked.accelerators or 1
            )
            _at(key, objections)
        if self.tensorboard and self.tensorboard.split("/")[3] != self.region:
            raise ValueError(f"tensorboard: {self.tensorboard} is not in {self.region}, where runs are")
        if self.schedule and self.schedule.has_seconds:
            raise ValueError("schedule.cron: Vertex AI reads five fields: minute, hour, day, month, weekday")
        return self


class KubeflowDeployment(Deployment):
    """Open-source Kubeflow Pipelines v2: where compiled jobs run, and with what."""

    host: Optional[str] = Field(
        default=None, description="the address of its API, for instance https://kfp.example.org"
    )
    namespace: str = Field(default="", description="of a multi-user installation")
    experiment: str = Field(default="", description="left out: the pipeline's name")
    token_env: OptionalVariableName = Field(
        default="", description="the name of the environment variable that holds the API's token"
    )
    volumes: dict[str, str] = Field(
        default={}, description="persistent volume claims and the folder at which every task sees them"
    )
    secrets: dict[str, dict[str, str]] = Field(
        default={}, description="Kubernetes secrets: by name, their keys and the environment variables that get them"
    )
    image_pull_secrets: tuple[str, ...] = Field(
        default=(), description="names of Kubernetes secrets for the image's registry"
    )

    @model_validator(mode="after")
    def _accelerators_are_resources(self) -> "KubeflowDeployment":
        for key, asked in self.resources():
            if asked.accelerator and not _KUBERNETES_RESOURCE.fullmatch(asked.accelerator):
                raise ValueError(
                    f"{key}: the accelerator {asked.accelerator} is no resource of Kubernetes; write for instance "
                    "nvidia.com/gpu"
                )
        return self
