"""What a compiled job of Vertex AI does with Google's services, task by task, as the roles that it takes.

The permissions of each role: https://cloud.google.com/iam/docs/roles-permissions. A custom role may be smaller than a
predefined one; it has to follow what a release of the service asks for, so none is made up here.
"""

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Optional

from millrace.access.agents import agent, default_account
from millrace.access.grants import SUBMITTER, TEMPLATE_WRITER, Grant, merged
from millrace.access.queried import Dataset, asks_elsewhere, datasets, makes_queries
from millrace.base.errors import BadInput
from millrace.catalog.template_address import template_repository
from millrace.config.config import Config
from millrace.jobspec import runtime_inputs
from millrace.jobspec.dataflow import image_of_workers, options_of, runs_on_dataflow
from millrace.jobspec.job import CompiledJob, Spec, Step
from millrace.jobspec.vertex_resources import CustomJob, Endpoint, custom_jobs, endpoint, pushed_folder

_WRITE, _READ = "roles/storage.objectUser", "roles/storage.objectViewer"
_VERTEX, _ACT_AS = "roles/aiplatform.user", "roles/iam.serviceAccountUser"
_KEY, _PULL = "roles/cloudkms.cryptoKeyEncrypterDecrypter", "roles/artifactregistry.reader"
_TABLES = "roles/bigquery.dataEditor"
_SECRET = "roles/secretmanager.secretAccessor"
_BIGQUERY = "tfx.extensions.google_cloud_big_query.example_gen.executor.Executor"
_REPOSITORY = re.compile(r"([a-z0-9-]+)-docker\.pkg\.dev/([^/]+)/([^/]+)/")


def needs(job: CompiledJob, config: Config) -> list[Grant]:
    """The least roles for sending a job and for all that it does, each with why.

    Args:
        job: for Vertex AI.
        config: says in which project it runs.

    Raises:
        BadInput: no project is set.
    """
    project = config.vertex.project
    if not project:
        raise BadInput(
            "no Google Cloud project is set, and roles are given on one",
            where="vertex.project",
            remedy="set it, or for once: --set vertex.project=PROJECT",
        )
    account = job.settings.get("serviceAccount") or default_account(project)
    steps = [step for step in job.walk() if "container" in job.executor(step.task)]
    return merged(
        [
            *sent_by(SUBMITTER, "submit", project, account),
            *_templates(config),
            *_of_the_job(job, project, account),
            *(grant for step in steps for grant in _of_step(job, step, project, account)),
        ]
    )


def accounts(job: CompiledJob, config: Optional[Config]) -> dict[str, list[str]]:
    """Which account does what, in a few words each.

    Args:
        job: of any service.
        config: the one that it was compiled from; None when it is not known.

    Returns:
        By the account's name; empty where that is not known, or for another service than Vertex AI.
    """
    if config is None or job.dialect != "vertex" or not config.vertex.project:
        return {}
    does: dict[str, list[str]] = {}
    tasks = {step.name for step in job.walk()}
    for grant in needs(job, config):
        for what, steps in grant.by_what().items():
            words = f"{what} ({steps[0]})" if len(steps) == 1 and steps[0] in tasks else what
            if words not in does.setdefault(grant.account, []):
                does[grant.account].append(words)
    return does


def sent_by(who: str, command: str, project: str, account: str) -> Iterator[Grant]:
    """The roles to send a job.

    Args:
        who: sends it.
        command: by which it is sent.
        project: that it runs in.
        account: that its tasks run as.
    """
    yield Grant(who, _VERTEX, f"projects/{project}", (f"{command}: makes the pipeline job",))
    yield Grant(who, _ACT_AS, account, (f"{command}: has its tasks run as this account",))


def _templates(config: Config) -> Iterator[Grant]:
    """Vertex AI itself needs nothing there: `submit` hands it the spec, and the version that a tag stands for."""
    repository = template_repository(config.vertex.templates or "")
    if repository:
        yield Grant(SUBMITTER, _PULL, repository.resource, ("submit: reads a template",))
        writes = "templates upload: puts the template there"
        yield Grant(TEMPLATE_WRITER, "roles/artifactregistry.writer", repository.resource, (writes,))


def _of_the_job(job: CompiledJob, project: str, account: str) -> Iterator[Grant]:
    yield Grant(account, _VERTEX, f"projects/{project}", ("every task: is recorded in Vertex ML Metadata",))
    yield from _bucket(account, _WRITE, job.root, "every task: reads and writes artifacts")
    if key := job.settings.get("encryptionSpec", {}).get("kmsKeyName"):
        yield Grant(agent("Vertex AI", project), _KEY, key, ("every task: its disk has this key",))


def _of_step(job: CompiledJob, step: Step, project: str, account: str) -> Iterator[Grant]:
    name, task = step.name, step.task
    container = job.executor(task)["container"]
    args: list[str] = container.get("args", [])
    yield from image_pulled(
        agent("Vertex AI", project), str(container.get("image", "")), f"{name}: its image is pulled"
    )
    for flag, value in itertools.pairwise(args):
        if flag == "--secret":
            secret = value.partition("=")[2].partition("/versions/")[0]
            if "/secrets/" in secret:
                yield Grant(account, _SECRET, secret, (f"{name}: reads the secret {value.partition('=')[0]}",))
    data = str(job.value(step, "input_base") or "")
    yield from _bucket(account, _READ, data, f"{name}: reads the data")
    folder = pushed_folder(job, step)
    yield from _bucket(account, _WRITE, folder, f"{name}: writes the version")
    for custom in custom_jobs(job, step):
        yield from _custom_job(name, custom, project, account)
    if served := endpoint(job, step):
        yield from _endpoint(name, served, folder, project, account)
    runs_beam_there = runs_on_dataflow(job, step)
    options = options_of(job, step)
    if runs_beam_there:
        yield from _dataflow(job, name, options, data, project, account)
    if _BIGQUERY in args:
        worker = _worker(options, project) if runs_beam_there else account
        yield from _query(name, _read_by(job, step), options, project, {account, worker})


def _custom_job(name: str, asked: CustomJob, project: str, account: str) -> Iterator[Grant]:
    there = asked.project or project
    yield Grant(account, _VERTEX, f"projects/{there}", (f"{name}: makes the custom job",))
    if asked.account:
        yield Grant(account, _ACT_AS, asked.account, (f"{name}: has the custom job run as this account",))
    # In its own project the role of Vertex AI's agent for custom code has every bucket.
    if asked.account or there != project:
        runs_as = asked.account or agent("Vertex AI Custom Code", there)
        yield from _bucket(runs_as, _WRITE, asked.folder, f"{name}: the custom job reads and writes there")
    for pool in asked.pools:
        yield from image_pulled(agent("Vertex AI", there), pool.image, f"{name}: the custom job's image is pulled")
    if asked.key:
        yield Grant(agent("Vertex AI", there), _KEY, asked.key, (f"{name}: the custom job's disks have this key",))


def _endpoint(name: str, asked: Endpoint, folder: str, project: str, account: str) -> Iterator[Grant]:
    there = asked.project or project
    yield Grant(account, _VERTEX, f"projects/{there}", (f"{name}: makes the version, and deploys it to the endpoint",))
    if there != project:
        yield from _bucket(agent("Vertex AI", there), _READ, folder, f"{name}: Vertex AI of {there} copies the model")
    if asked.account:
        yield Grant(account, _ACT_AS, asked.account, (f"{name}: has the endpoint serve as this account",))
    yield from image_pulled(agent("Vertex AI", there), asked.image, f"{name}: the serving image is pulled")
    if asked.key:
        what = "model, endpoint and monitor" if asked.monitor else "model and endpoint"
        yield Grant(agent("Vertex AI", there), _KEY, asked.key, (f"{name}: {what} have this key",))
    if asked.monitor:
        yield from _monitor(name, asked.monitor, there, project, account)
    owner, _, rest = asked.logs.removeprefix("bq://").partition(".")
    # In its own project the agent's own role has it.
    if owner and rest and owner != there:
        dataset = f"projects/{owner}/datasets/{rest.partition('.')[0]}"
        yield Grant(agent("Vertex AI", there), _TABLES, dataset, (f"{name}: requests and answers are logged there",))


def _monitor(name: str, monitor: Spec, there: str, project: str, account: str) -> Iterator[Grant]:
    """The monitor's jobs are Vertex AI's own; in its own project its agent's role reads and writes every bucket."""
    yield Grant(account, _VERTEX, f"projects/{there}", (f"{name}: makes the monitor and its schedules",))
    if there == project:
        return
    for spec in monitor.get("specs", {}).values():
        found = _within(spec, "output_spec", "gcs_base_directory").get("output_uri_prefix", "")
        yield from _bucket(agent("Vertex AI", there), _WRITE, found, f"{name}: the monitor writes what it finds")
        data = _within(spec, "objective_spec", "baseline_dataset", "columnized_dataset", "gcs_source")
        reads = f"{name}: the monitor compares with the training data"
        yield from _bucket(agent("Vertex AI", there), _READ, data.get("gcs_uri", ""), reads)


def _within(spec: Spec, *keys: str) -> Spec:
    return functools.reduce(lambda value, key: value.get(key, {}), keys, spec)


def _dataflow(
    job: CompiledJob, name: str, options: dict[str, str], data: str, project: str, account: str
) -> Iterator[Grant]:
    there, worker, temp = options.get("project") or project, _worker(options, project), options.get("temp_location", "")
    yield Grant(account, "roles/dataflow.developer", f"projects/{there}", (f"{name}: makes the Dataflow job",))
    yield Grant(account, _ACT_AS, worker, (f"{name}: has Dataflow's workers run as this account",))
    yield from _bucket(account, _WRITE, temp, f"{name}: stages what the workers need")
    yield Grant(worker, "roles/dataflow.worker", f"projects/{there}", (f"{name}: takes work of the Dataflow job",))
    yield from _bucket(worker, _WRITE, temp, f"{name}: its workers write what is temporary")
    yield from _bucket(worker, _WRITE, job.root, f"{name}: its workers read and write artifacts")
    yield from _bucket(worker, _READ, data, f"{name}: its workers read the data")
    yield from image_pulled(worker, image_of_workers(options), f"{name}: the workers' image is pulled")
    if key := options.get("dataflow_kms_key"):
        for service in ("Dataflow", "Compute Engine"):
            yield Grant(
                agent(service, there),
                _KEY,
                key,
                (f"{name}: the Dataflow job's state and its workers' disks have this key",),
            )


def _query(
    name: str, read: Sequence[Dataset], options: dict[str, str], project: str, accounts: set[str]
) -> Iterator[Grant]:
    """A query: Beam makes a dataset of its own for the rows, and exports them to `temp_location`."""
    there = options.get("project") or project
    for account in sorted(accounts):
        what = f"{name}: runs the query, and makes a dataset for its rows"
        yield Grant(account, "roles/bigquery.user", f"projects/{there}", (what,))
        yield from _bucket(account, _WRITE, options.get("temp_location", ""), f"{name}: exports the rows")
        for dataset in read:
            resource = f"projects/{dataset.project or there}/datasets/{dataset.name}"
            yield Grant(account, "roles/bigquery.dataViewer", resource, (f"{name}: reads its tables",))


def unlisted(job: CompiledJob) -> list[str]:
    """What of queries and custom jobs cannot be read, in a sentence each, so that a role for it is not listed.

    Args:
        job: for Vertex AI.
    """
    asking = [step for step in job.walk() if _BIGQUERY in job.executor(step.task).get("container", {}).get("args", ())]
    unread = [
        f"{step.name}: no table could be read from its query, so that no role to read one is listed; give whoever runs "
        "it roles/bigquery.dataViewer on each dataset that it reads"
        for step in asking
        if not _read_by(job, step)
    ]
    elsewhere = [
        f"{step.name}: its query has a database or a model elsewhere answer, by a connection; give whoever runs it "
        "roles/bigquery.connectionUser on the connection"
        for step in asking
        if any(asks_elsewhere(query) for query in _queries(job, step))
    ]
    made = [
        f"{step.name}: its query runs texts that it makes, by EXECUTE IMMEDIATE; give whoever runs it "
        "roles/bigquery.dataViewer on each dataset that these read"
        for step in asking
        if any(makes_queries(query) for query in _queries(job, step))
    ]
    images = [
        f"{step.name}: the image of its custom job is known when the job runs alone; give Vertex AI's agent "
        f"{_PULL} on its repository"
        for step in job.walk()
        if any("{{" in pool.image for custom in custom_jobs(job, step) for pool in custom.pools)
    ]
    return [*unread, *elsewhere, *made, *images]


def _read_by(job: CompiledJob, step: Step) -> list[Dataset]:
    return list(dict.fromkeys(one for query in _queries(job, step) for one in datasets(query)))


def _queries(job: CompiledJob, step: Step) -> list[str]:
    """What a task asks BigQuery; the job's parameter has its text, or the input's configuration."""
    given = job.value(step, runtime_inputs.QUERY)
    splits = job.json_value(step, "input_config").get("splits", ())
    return [str(given)] if given else [str(split.get("pattern", "")) for split in splits]


def _worker(options: dict[str, str], project: str) -> str:
    return options.get("service_account_email") or default_account(options.get("project") or project)


def _bucket(account: str, role: str, path: str, reason: str) -> Iterator[Grant]:
    """Where a path is in a bucket, below /gcs too, where Vertex AI mounts them."""
    for scheme in ("gs://", "/gcs/"):
        if path.startswith(scheme):
            bucket = path[len(scheme) :].partition("/")[0]
            yield Grant(account, role, f"gs://{bucket}", (reason,))


def image_pulled(account: str, image: str, reason: str) -> Iterator[Grant]:
    """The role to pull an image of Artifact Registry; for Google's own and other registries there is none to give.

    Args:
        account: that pulls it.
        image: its name.
        reason: which step, and what for.
    """
    found = _REPOSITORY.match(image)
    if found and found[2] != "vertex-ai":
        location, project, repository = found.groups()
        yield Grant(account, _PULL, f"projects/{project}/locations/{location}/repositories/{repository}", (reason,))
