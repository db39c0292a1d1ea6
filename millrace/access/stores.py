"""Everything that stores data of a pipeline on Google Cloud, and the encryption key that it has: one rule for all.

A key comes from one of three: the compiled job, for what the job makes; Terraform, for what `millrace deploy vars`
lists; or a person, for what exists before either, or is made by a service by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from millrace.access.grants import Grant
from millrace.access.needs import needs
from millrace.catalog.template_address import template_repository
from millrace.config.config import Config
from millrace.jobspec.job import CompiledJob
from millrace.jobspec.rules.encryption import key_location, keyed_resources

Kind = Literal[
    "of the job", "bucket", "images", "templates", "secret", "logs", "tensorboard", "trigger",
    "metadata", "data", "rows", "monitor", "logging",
]  # fmt: skip
GivenBy = Literal["the job", "Terraform", "a person"]
_HOW: dict[Kind, str] = {
    "metadata": "its first job makes it without one: make it before, by metadataStores.create with an encryptionSpec",
    "data": "whoever owns it sets its default key",
    "rows": "Beam makes one for each query: set the project's default key of BigQuery",
    "logging": "make its dataset before, with a default key",
    "monitor": "push.vertex.monitor makes one with the key; or name it where you make it from millrace monitor spec",
}


@dataclass(frozen=True)
class Store:
    """One thing that stores data.

    Args:
        kind: what sort of thing it is.
        name: the same for people, in a few words.
        resource: its name with Google, as a grant has it; empty for what the job makes.
        key: that it has, or will have; empty for Google's own.
        given_by: who gives it the key.
    """

    kind: Kind
    name: str
    resource: str
    key: str
    given_by: GivenBy

    @property
    def remedy(self) -> str:
        """How it gets a key, where a person has to do it; empty for all else."""
        return _HOW.get(self.kind, "")


def stores(job: CompiledJob, config: Config) -> list[Store]:
    """What stores data of a job, each once.

    Args:
        job: for Vertex AI.
        config: the one that it was compiled from; its `vertex.encryption_key` is that of what Terraform makes.

    Raises:
        BadInput: no project is set.
    """
    made = [Store("of the job", one.name, "", one.key, "the job") for one in keyed_resources(job)]
    grants = needs(job, config)
    return [*made, *_of_terraform(grants, config), *_of_people(grants, config)]


def lacking(job: CompiledJob, config: Config) -> list[Store]:
    """What has no key of its own, where anything has one; none where nothing has.

    Args:
        job: for Vertex AI.
        config: the one that it was compiled from.
    """
    known = stores(job, config)
    return [one for one in known if not one.key] if any(one.key for one in known) else []


def own_projects(config: Config) -> list[str]:
    """The projects in which things are made: where the job runs, where it serves, and where Dataflow works."""
    dataflow = (config.vertex.beam or config.beam).dataflow
    named = (config.vertex.project, config.push.vertex and config.push.vertex.project, dataflow and dataflow.project)
    return list(dict.fromkeys(one for one in named if one))


def _of_terraform(grants: Sequence[Grant], config: Config) -> Iterator[Store]:
    key, projects, deploy = config.vertex.encryption_key or "", own_projects(config), config.deploy
    for resource in _resources(grants, "roles/storage.objectUser"):
        yield Store("bucket", f"the bucket {resource}", resource, key, "Terraform")
    templates = template_repository(config.vertex.templates or "")
    for resource in _resources(grants, "roles/artifactregistry.reader"):
        if resource.split("/")[1] in projects:
            fits = key if key_location(key) == resource.split("/")[3] else ""
            kind: Kind = "templates" if templates and templates.resource == resource else "images"
            yield Store(kind, f"the {kind}' repository {resource}", resource, fits, "Terraform")
    for resource in _resources(grants, "roles/secretmanager.secretAccessor"):
        # One of a region alone is made by hand.
        if resource.split("/")[1] in projects and "/locations/" not in resource:
            yield Store("secret", f"the secret {resource}", resource, key, "Terraform")
    if deploy.log_dataset:
        yield Store("logs", f"the logs' dataset {deploy.log_dataset}", deploy.log_dataset, key, "Terraform")
    if deploy.tensorboard:
        yield Store("tensorboard", f"the TensorBoard {deploy.tensorboard}", deploy.tensorboard, key, "Terraform")
    if deploy.trigger:
        yield Store("trigger", "the triggers' topic and function", config.name, key, "Terraform")


def _of_people(grants: Sequence[Grant], config: Config) -> Iterator[Store]:
    yield Store("metadata", f"Vertex ML Metadata of {config.vertex.project}", "", "", "a person")
    written = _resources(grants, "roles/storage.objectUser")
    for resource in _resources(grants, "roles/storage.objectViewer"):
        if resource not in written:
            yield Store("data", f"the bucket {resource}, which is only read", resource, "", "a person")
    for resource in _resources(grants, "roles/bigquery.dataViewer"):
        yield Store("data", f"the dataset {resource}, which is only read", resource, "", "a person")
    if _resources(grants, "roles/bigquery.user"):
        yield Store("rows", "the dataset of a query's rows", "", "", "a person")
    if config.push.vertex:
        if not config.push.vertex.monitor:
            yield Store("monitor", "a monitor of the endpoint", "", "", "a person")
        if logging := config.push.vertex.request_logging:
            yield Store("logging", f"the table of logged requests {logging.table}", "", "", "a person")


def _resources(grants: Sequence[Grant], role: str) -> list[str]:
    return list(dict.fromkeys(grant.resource for grant in grants if grant.role == role))
