"""Stands for Vertex AI and the services behind it, where each act asks for a permission that some role must give.

The roles hold of Google's predefined ones the permissions that are asked for here
(https://cloud.google.com/iam/docs/roles-permissions). What is done is read from the job as it arrived: by the service
for each task, by the task's container, by the custom job, by Dataflow's workers, and by the endpoint.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fake_metadata import FakeMetadata
from fake_model_registry import FakeModelRegistry
from fake_service import Refused, Request
from fake_vertex import Tell

from millrace.jobspec.job import CompiledJob, Step, from_documents

ROLES = {
    "roles/aiplatform.user": (
        *(f"aiplatform.pipelineJobs.{act}" for act in ("create", "get", "list", "cancel")),
        *(f"aiplatform.schedules.{act}" for act in ("create", "get", "list", "update", "delete")),
        *(f"aiplatform.contexts.{act}" for act in ("create", "get", "list", "update", "addContextChildren")),
        *("aiplatform.metadataStores.get", "aiplatform.executions.create", "aiplatform.customJobs.create"),
        *("aiplatform.models.upload", "aiplatform.endpoints.deploy"),
        *("aiplatform.models.get", "aiplatform.models.update", "aiplatform.endpoints.update"),
        *("aiplatform.modelMonitors.create", "aiplatform.modelMonitors.update"),
    ),
    "roles/aiplatform.viewer": (
        *("aiplatform.models.get", "aiplatform.pipelineJobs.get", "aiplatform.pipelineJobs.list"),
        *("aiplatform.schedules.get", "aiplatform.schedules.list"),
    ),
    "roles/aiplatform.serviceAgent": ("aiplatform.models.export",),
    "roles/iam.serviceAccountUser": ("iam.serviceAccounts.actAs",),
    "roles/storage.objectViewer": ("storage.objects.get", "storage.objects.list"),
    "roles/storage.objectUser": ("storage.objects.get", "storage.objects.list", "storage.objects.create"),
    "roles/secretmanager.secretAccessor": ("secretmanager.versions.access",),
    "roles/artifactregistry.reader": ("artifactregistry.repositories.downloadArtifacts",),
    "roles/cloudkms.cryptoKeyEncrypterDecrypter": ("cloudkms.cryptoKeyVersions.useToEncrypt",),
    "roles/dataflow.developer": ("dataflow.jobs.create",),
    "roles/dataflow.worker": ("dataflow.workItems.lease",),
    "roles/bigquery.user": ("bigquery.jobs.create", "bigquery.datasets.create"),
    "roles/bigquery.dataViewer": ("bigquery.tables.getData",),
    "roles/bigquery.dataEditor": ("bigquery.tables.getData", "bigquery.tables.updateData"),
}
PERSON = "whoever submits"
PROMOTES = "whoever promotes"
# What a request of REST does, where its path names one resource, and where it names all of a kind.
_ASKED = re.compile(r"/v1/(projects/[^/]+)/locations/[^/]+(?:/metadataStores/[^/]+)??/(\w+)(/[^/:]+)?(?::(\w+))?")
_BUCKET = re.compile(r"/storage/v1/b/([^/]+)")
_OF_ONE = {"GET": "get", "PATCH": "update", "DELETE": "delete"}
_OF_ALL = {"GET": "list", "POST": "create"}
# Who acts, what for, and on what.
Act = tuple[str, str, str]


@dataclass
class GrantingVertex(FakeMetadata):
    """Vertex AI that gives nobody more than was granted: each request asks for what it does, each read among them.

    Args:
        granted: account, role and resource of each grant.
        project: where a job runs that no request has made.
        person: whose requests these are.
    """

    granted: set[tuple[str, str, str]] = field(default_factory=set)
    project: str = "my-project"
    person: str = PERSON

    def __post_init__(self) -> None:
        self.work = self._run

    def may(self, act: Act) -> None:
        """Refuses what no role says."""
        require_granted(self.granted, act)

    def step_that_breaks(self, body: dict[str, Any]) -> str:
        """The first step of a job that does not get what it asks for; empty where the job comes to its end.

        Args:
            body: as the client sent it, to this stand-in or to another.
        """
        failed: list[str] = []
        try:
            self._admit(body)
        except Refused:
            return "submit"
        self._run(body, lambda task, state, error: failed.append(task) if state == "FAILED" else None)
        return "".join(failed)

    def _routed(self, request: Request) -> Any:
        if found := _BUCKET.fullmatch(request.path):
            self.may((self.person, "storage.buckets.get", f"gs://{found[1]}"))
        elif found := _ASKED.fullmatch(request.path):
            project, kind, one, special = found.groups()
            act = special or (_OF_ONE if one else _OF_ALL)[request.method]
            self.may((self.person, f"aiplatform.{kind}.{act}", project))
        return super()._routed(request)

    def _create(self, request: Request, parent: str) -> Any:
        self.may((self.person, "iam.serviceAccounts.actAs", self._account(request.body, parent.split("/")[1])))
        return super()._create(request, parent)

    def _admit(self, body: dict[str, Any]) -> None:
        self.may((self.person, "aiplatform.pipelineJobs.create", f"projects/{self.project}"))
        self.may((self.person, "iam.serviceAccounts.actAs", self._account(body, self.project)))

    def _account(self, body: dict[str, Any], project: str) -> str:
        return str(body.get("serviceAccount") or self._default(project))

    def _run(self, body: dict[str, Any], tell: Tell) -> bool:
        job = from_documents([body])
        for name, task in job.tasks.items():
            tell(name, "RUNNING", "")
            try:
                container = job.executor(task).get("container")
                for act in self._acts(job, body, task, container) if container else ():
                    self.may(act)
            except Refused as refusal:
                tell(name, "FAILED", refusal.message)
                return False
            tell(name, "SUCCEEDED", "")
        return True

    def _acts(self, job: CompiledJob, body: dict[str, Any], task: dict[str, Any], container: Any) -> Iterator[Act]:
        # Of one that a request has made its name tells the project.
        runs_in = str(body["name"]).split("/")[1] if "name" in body else self.project
        account, agent, step = self._account(body, runs_in), self._agent(runs_in), Step("", task, job.component(task))
        yield from _pull(agent, container["image"])
        if "encryptionSpec" in body:
            yield agent, "cloudkms.cryptoKeyVersions.useToEncrypt", body["encryptionSpec"]["kmsKeyName"]
        yield account, "aiplatform.executions.create", f"projects/{runs_in}"
        args = container.get("args", [])
        for place in [place for place, word in enumerate(args) if word == "--secret"]:
            secret = re.search(r"projects/[^/]+/secrets/[^/]+", args[place + 1])
            assert secret
            yield account, "secretmanager.versions.access", secret[0]
        root = body["runtimeConfig"]["gcsOutputDirectory"]
        if data := job.value(step, "input_base"):
            yield account, "storage.objects.list", _bucket(data)
        options = {word.split("=", 1)[0]: word.split("=", 1)[1] for word in args if re.match(r"--\w+=", word)}
        beam = (
            job.component(task)
            .get("executorLabel", "")
            .startswith(("ExampleGen", "StatisticsGen", "Transform", "Evaluator"))
        )
        if "tfx.extensions.google_cloud_big_query.example_gen.executor.Executor" in args:
            who = {account, options.get("--service_account_email", account)} if beam else {account}
            yield from self._query(who, options, json.dumps(job.value(step, "input_config")))
        if options.get("--runner") == "DataflowRunner" and beam:
            yield from self._dataflow(account, options, root, data)
        config = json.loads(job.value(step, "custom_config") or "{}")
        yield from self._custom_job(account, config.get("ai_platform_training_args"))
        pushed = json.loads(job.value(step, "push_destination") or "{}").get("filesystem", {}).get("base_directory")
        if pushed:
            yield account, "storage.objects.create", _bucket(pushed)
        if "ai_platform_serving_args" in config:
            yield from self._deploy(account, config, pushed)
        yield account, "storage.objects.create", _bucket(root)

    def _query(self, who: set[str], options: dict[str, str], config: str) -> Iterator[Act]:
        for account in sorted(who):
            yield account, "bigquery.jobs.create", f"projects/{options['--project']}"
            yield account, "bigquery.datasets.create", f"projects/{options['--project']}"
            for table in re.findall(r"`([^`]+)`", config):
                owner, dataset, _ = table.split(".")
                yield account, "bigquery.tables.getData", f"projects/{owner}/datasets/{dataset}"
            yield account, "storage.objects.create", _bucket(options["--temp_location"])

    def _dataflow(self, account: str, options: dict[str, str], root: str, data: str) -> Iterator[Act]:
        project = options["--project"]
        worker = options.get("--service_account_email") or self._default(project)
        yield account, "storage.objects.create", _bucket(options["--temp_location"])
        yield account, "dataflow.jobs.create", f"projects/{project}"
        yield account, "iam.serviceAccounts.actAs", worker
        if key := options.get("--dataflow_kms_key"):
            for service in ("Dataflow", "Compute Engine"):
                agent = f"the {service} service agent of {project}"
                yield agent, "cloudkms.cryptoKeyVersions.useToEncrypt", key
        yield from _pull(worker, options["--sdk_container_image"])
        yield worker, "dataflow.workItems.lease", f"projects/{project}"
        yield worker, "storage.objects.create", _bucket(options["--temp_location"])
        if data:
            yield worker, "storage.objects.get", _bucket(data)
        yield worker, "storage.objects.create", _bucket(root)

    def _custom_job(self, account: str, asked: Any) -> Iterator[Act]:
        if not asked:
            return
        yield account, "aiplatform.customJobs.create", f"projects/{asked['project']}"
        yield account, "iam.serviceAccounts.actAs", asked["job_spec"]["service_account"]
        for pool in asked["job_spec"]["worker_pool_specs"]:
            yield from _pull(self._agent(asked["project"]), pool["container_spec"]["image_uri"])
        key = asked["encryption_spec"]["kms_key_name"]
        yield self._agent(asked["project"]), "cloudkms.cryptoKeyVersions.useToEncrypt", key

    def _deploy(self, account: str, config: dict[str, Any], pushed: str) -> Iterator[Act]:
        asked = config["ai_platform_serving_args"]
        project, agent = asked["project_id"], self._agent(asked["project_id"])
        yield account, "aiplatform.models.upload", f"projects/{project}"
        if project != self.project:
            yield agent, "storage.objects.get", _bucket(pushed)
        yield from _pull(agent, config["ai_platform_vertex_container_image_uri"])
        yield account, "aiplatform.endpoints.deploy", f"projects/{project}"
        if "service_account" in asked:
            yield account, "iam.serviceAccounts.actAs", asked["service_account"]
        yield agent, "cloudkms.cryptoKeyVersions.useToEncrypt", config["millrace_encryption_key"]
        logging = config["millrace_version"].get("endpoint", {}).get("request_logging")
        if logging:
            owner, dataset, _ = logging["table"].removeprefix("bq://").split(".")
            yield agent, "bigquery.tables.updateData", f"projects/{owner}/datasets/{dataset}"
        if monitor := config["millrace_version"].get("monitor"):
            yield from self._monitor(account, monitor, project)

    def _monitor(self, account: str, monitor: dict[str, Any], project: str) -> Iterator[Act]:
        for act in ("modelMonitors.create", "modelMonitors.update", "schedules.create", "schedules.update"):
            yield account, f"aiplatform.{act}", f"projects/{project}"
        for spec in monitor["specs"].values() if project != self.project else ():
            written = spec["output_spec"]["gcs_base_directory"]["output_uri_prefix"]
            yield self._agent(project), "storage.objects.create", _bucket(written)
            if data := spec["objective_spec"]["baseline_dataset"].get("columnized_dataset"):
                yield self._agent(project), "storage.objects.get", _bucket(data["gcs_source"]["gcs_uri"])

    def _agent(self, project: str) -> str:
        return f"the Vertex AI service agent of {project}"

    def _default(self, project: str) -> str:
        return f"the Compute Engine default service account of {project}"


@dataclass
class GrantingModels(FakeModelRegistry):
    """Vertex AI's models and endpoints for who promotes, who is given no more than was granted.

    Args:
        granted: account, role and resource of each grant.
    """

    granted: set[tuple[str, str, str]] = field(default_factory=set)

    def _routed(self, request: Request) -> Any:
        for act in self._acts(request):
            require_granted(self.granted, act)
        return super()._routed(request)

    def _acts(self, request: Request) -> Iterator[Act]:
        project = "/".join(request.path.split("/")[2:4])
        kind = "endpoints" if "/endpoints" in request.path else "models"
        if request.method == "GET":
            # Of endpoints and operations too, which each role here has.
            yield PROMOTES, "aiplatform.models.get", project
        elif not request.path.endswith(":copy"):
            yield PROMOTES, f"aiplatform.{kind}.update", project
        else:
            yield PROMOTES, "aiplatform.models.upload", project
            agent = f"the Vertex AI service agent of {project.removeprefix('projects/')}"
            where, _, asked = request.body["sourceModel"].partition("/models/")
            source = "/".join(where.split("/")[:2])
            if source != project:
                yield agent, "aiplatform.models.export", source
            if key := request.body.get("encryptionSpec", {}).get("kmsKeyName"):
                yield agent, "cloudkms.cryptoKeyVersions.useToEncrypt", key
            yield from _pull(agent, self._model(request, where, asked)["containerSpec"]["imageUri"])


def require_granted(granted: set[tuple[str, str, str]], act: Act) -> None:
    """Refuses what no role says.

    Args:
        granted: account, role and resource of each grant.
        act: who acts, what for, and on what.
    """
    account, permission, resource = act
    if not any((account, role, resource) in granted for role, holds in ROLES.items() if permission in holds):
        raise Refused(403, f"Permission '{permission}' denied on resource '{resource}' for {account}.")


def _bucket(path: str) -> str:
    return "gs://" + path.removeprefix("gs://").split("/")[0]


def _pull(account: str, image: str) -> Iterator[Act]:
    found = re.fullmatch(r"([a-z0-9-]+)-docker\.pkg\.dev/([^/]+)/([^/]+)/.*", image)
    if found:
        resource = "projects/{1}/locations/{0}/repositories/{2}".format(*found.groups())
        yield account, "artifactregistry.repositories.downloadArtifacts", resource
