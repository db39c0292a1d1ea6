"""`millrace iam`: a job runs with just the roles that it names, and without any one of them a named step breaks."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from granting_vertex import PERSON, ROLES, GrantingVertex

from millrace.access.grants import SUBMITTER, Grant
from millrace.access.needs import needs
from millrace.base.errors import BadInput
from millrace.cli.main import millrace
from millrace.cloud.compile import compiled_file
from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.remote.following import follow
from millrace.cloud.vertex.service import VertexService
from millrace.config.cloud_sections import VertexDeployment
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.jobspec.job import CompiledJob, from_documents

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parents[1] / "jobspec/golden"
TRAINING, SERVING = "learn@my-project.iam.gserviceaccount.com", "serve@my-prod.iam.gserviceaccount.com"
WORKERS, PROD_KEY = (
    "work@my-project.iam.gserviceaccount.com",
    "projects/my-prod/locations/us-central1/keyRings/r/cryptoKeys/k",
)
LEARNED_FROM = {"columnized_dataset": {"gcs_source": {"gcs_uri": "gs://my-data/trips/*"}}}
TRAINING_KEY = "projects/my-project/locations/us-central1/keyRings/ring/cryptoKeys/of-custom-jobs"
QUERY = "SELECT * FROM `my-lake.taxi.trips` JOIN `my-lake.weather.days` USING (day)"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return load("conf/taxi.yaml", [f"root={tmp_path_factory.mktemp('root')}", "vertex.project=my-project"])


def everything() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((GOLDEN / "everything-vertex.json").read_text())
    return document


def parameter(document: dict[str, Any], task: str, name: str) -> dict[str, Any]:
    given: dict[str, Any] = document["pipelineSpec"]["root"]["dag"]["tasks"][task]["inputs"]["parameters"]
    return given.setdefault(name, {"runtimeValue": {}})["runtimeValue"]  # type: ignore[no-any-return]


def two_projects() -> dict[str, Any]:
    """As the compiler writes it of seed's case: learned in one project from another's tables, served in a third."""
    document = everything()
    document["serviceAccount"] = TRAINING
    executors = document["pipelineSpec"]["deploymentSpec"]["executors"]
    for executor in executors.values():
        args = executor.get("container", {}).get("args", [])
        if "--runner=DataflowRunner" in args:
            args.append(f"--service_account_email={WORKERS}")
            args[args.index("--temp_location=gs://my-bucket/temp")] = "--temp_location=gs://my-temp/dataflow"
    args = executors["ExampleGen_executor"]["container"]["args"]
    args[1] = "tfx.extensions.google_cloud_big_query.example_gen.executor.Executor"
    tasks = document["pipelineSpec"]["root"]["dag"]["tasks"]
    del tasks["ExampleGen"]["inputs"]["parameters"]["input_base"]
    splits = {"splits": [{"name": "single_split", "pattern": QUERY}]}
    parameter(document, "ExampleGen", "input_config")["constant"] = json.dumps(splits)
    pusher = parameter(document, "Pusher", "custom_config")
    settings = json.loads(pusher["constant"])
    settings["ai_platform_serving_args"] |= {"project_id": "my-prod", "service_account": SERVING}
    settings |= {"millrace_encryption_key": PROD_KEY}
    settings["ai_platform_vertex_container_image_uri"] = "us-central1-docker.pkg.dev/my-prod/serving/tf:1"
    settings["millrace_version"]["endpoint"] = {"request_logging": {"table": "bq://my-lake.logs.tips", "rate": 1.0}}
    specs = {
        kind: {
            "output_spec": {"gcs_base_directory": {"output_uri_prefix": f"gs://my-found/monitoring/{kind}"}},
            "objective_spec": {"baseline_dataset": baseline},
        }
        for kind, baseline in {"skew": LEARNED_FROM, "drift": {}}.items()
    }
    settings["millrace_version"]["monitor"] = {"specs": specs}
    pusher["constant"] = json.dumps(settings)
    folder = {"filesystem": {"base_directory": "gs://my-models/taxi"}}
    parameter(document, "Pusher", "push_destination")["constant"] = json.dumps(folder)
    trainer = parameter(document, "Trainer", "custom_config")
    training = json.loads(trainer["constant"])
    training["ai_platform_training_args"]["job_spec"]["service_account"] = TRAINING
    training["ai_platform_training_args"]["encryption_spec"]["kms_key_name"] = TRAINING_KEY
    trainer["constant"] = json.dumps(training)
    return document


def asking(query: str, place: str = "input_config") -> dict[str, Any]:
    """The same with another query, in the input's configuration or in the job's parameter."""
    document = two_projects()
    splits = {"splits": [{"name": "single_split", "pattern": query if place == "input_config" else QUERY}]}
    parameter(document, "ExampleGen", "input_config")["constant"] = json.dumps(splits)
    if place != "input_config":
        parameter(document, "ExampleGen", place)["constant"] = query
    return document


def sent(job: CompiledJob, grants: Sequence[Grant]) -> tuple[dict[str, Any], str]:
    """The request as it arrived, and the step that broke, by the locked client."""
    with GrantingVertex(buckets={"my-bucket"}, granted={grant.key for grant in grants}) as fake:
        settings = VertexDeployment(project="my-project", api_endpoint=fake.url, request_seconds=5.0)
        service = VertexService(settings, pauses=(0.01, 0.01, 0.01))
        name = service.submit(job, "taxi-1").name
        ended = follow(service, name, lambda seen: None, 0.01)
        broken = [task.name for task in ended.tasks if "denied" in task.failure or "denied" in task.note]
        [request] = fake.sent("POST", "/pipelineJobs$")
        return request.body, "".join(broken)


@pytest.mark.parametrize("document", [everything, two_projects], ids=["one project", "two projects, BigQuery"])
def test_the_least_roles_are_enough_and_without_any_one_a_named_step_breaks(document: Any, config: Config) -> None:
    job = from_documents([document()])
    grants = needs(job, config)
    body, broken = sent(job, grants)
    assert broken == ""
    order = ["submit", *job.tasks]
    for gone in grants:
        fake = GrantingVertex(granted={grant.key for grant in grants if grant is not gone})
        named = {step for steps in gone.by_what().values() for step in steps}
        first = "CuratedSchema" if "every task" in named else min(named, key=order.index)
        words = f"without {gone.role} on {gone.resource} for {gone.account}: {gone.reasons}"
        assert fake.step_that_breaks(body) == first, words


def test_a_role_that_is_missing_is_told_with_its_task(config: Config) -> None:
    job = from_documents([everything()])
    grants = needs(job, config)
    assert sent(job, [grant for grant in grants if not grant.role.endswith("secretAccessor")])[1] == "CuratedSchema"
    with pytest.raises((BadInput, ServiceFailure), match="aiplatform"):
        sent(job, grants[1:])


@pytest.mark.parametrize(
    "spelled", ["my-lake.taxi.trips", "`my-lake`.`taxi`.`trips`", "`my-lake.taxi.trips`", "taxi.trips"]
)
@pytest.mark.parametrize("place", ["input_config", "runtime_query"])
def test_a_table_is_read_however_its_name_is_spelled(config: Config, spelled: str, place: str) -> None:
    grants = needs(from_documents([asking(f"SELECT * FROM {spelled}", place)]), config)
    reading = {(one.account, one.resource) for one in grants if one.role == "roles/bigquery.dataViewer"}
    owner = "my-project" if spelled == "taxi.trips" else "my-lake"
    assert reading == {(account, f"projects/{owner}/datasets/taxi") for account in (TRAINING, WORKERS)}


def test_a_query_whose_tables_cannot_be_read_is_named(tmp_path: Path) -> None:
    options = ["--set", f"root={tmp_path}", "--set", "vertex.project=my-project"]
    for query, told in (("SELECT * FROM @table", 1), ("SELECT * FROM taxi.trips", 0)):
        (tmp_path / "job.json").write_text(json.dumps(asking(query)))
        for more in ([], ["--json"]):
            shown = CliRunner().invoke(millrace, ["iam", "--job", str(tmp_path / "job.json"), *options, *more])
            assert shown.exit_code == 0, shown.output
            assert shown.output.count("ExampleGen: no table could be read from its query") == told
            assert ("projects/my-project/datasets/taxi" in shown.output) is (told == 0)
    assert json.loads(shown.stdout)


def test_which_account_does_what_where(config: Config) -> None:
    """Training in one project, the endpoint in another, data of a third: no account has a role that it does not use."""
    roles: dict[str, set[tuple[str, str]]] = {}
    for grant in needs(from_documents([two_projects()]), config):
        roles.setdefault(grant.account, set()).add((grant.role.partition("/")[2], grant.resource))
    assert ("bigquery.dataViewer", "projects/my-lake/datasets/weather") in roles[TRAINING]
    assert ("aiplatform.user", "projects/my-prod") in roles[TRAINING]
    assert ("iam.serviceAccountUser", SERVING) in roles[TRAINING]
    assert SERVING not in roles, "it serves, and is asked for nothing"
    assert roles["the Vertex AI service agent of my-prod"] == {
        ("storage.objectViewer", "gs://my-models"),
        ("storage.objectUser", "gs://my-found"),
        ("storage.objectViewer", "gs://my-data"),
        ("artifactregistry.reader", "projects/my-prod/locations/us-central1/repositories/serving"),
        ("cloudkms.cryptoKeyEncrypterDecrypter", PROD_KEY),
        ("bigquery.dataEditor", "projects/my-lake/datasets/logs"),
    }
    assert not any(resource.startswith("gs://my-models") for _, resource in roles[WORKERS])
    assert {resource for role, resource in roles[TRAINING] if role == "storage.objectUser"} == {
        "gs://my-bucket",
        "gs://my-models",
        "gs://my-temp",
    }


def test_an_agent_needs_nothing_to_log_in_its_own_project(config: Config) -> None:
    document = two_projects()
    pusher = parameter(document, "Pusher", "custom_config")
    pusher["constant"] = pusher["constant"].replace("bq://my-lake.logs.tips", "bq://my-prod.logs.tips")
    grants = needs(from_documents([document]), config)
    assert not [one for one in grants if one.resource.endswith("/datasets/logs")]


def test_a_table_without_a_project_is_in_that_of_dataflow_which_runs_the_query(config: Config) -> None:
    document = asking("SELECT * FROM taxi.trips")
    args = document["pipelineSpec"]["deploymentSpec"]["executors"]["ExampleGen_executor"]["container"]["args"]
    args.append("--project=my-workers")
    grants = needs(from_documents([document]), config)
    read = {one.resource for one in grants if one.role == "roles/bigquery.dataViewer"}
    assert read == {"projects/my-workers/datasets/taxi"}
    assert {one.resource for one in grants if one.role == "roles/bigquery.user"} == {"projects/my-workers"}


@pytest.mark.parametrize("place", ["gs://my-lake/trips", "/gcs/my-lake/trips"])
def test_data_of_a_bucket_is_read_however_its_place_is_written(config: Config, place: str) -> None:
    """Vertex AI mounts every bucket below /gcs."""
    document = two_projects()
    parameter(document, "ExampleGen", "input_base")["constant"] = place
    granted = [one for one in needs(from_documents([document]), config) if one.resource == "gs://my-lake"]
    assert {one.role for one in granted} == {"roles/storage.objectViewer"}
    assert "ExampleGen: reads the data" in {reason for one in granted for reason in one.reasons}


def test_data_of_another_bucket_is_only_read(config: Config) -> None:
    document = everything()
    document["runtimeConfig"]["parameterValues"] = {"data_path": "gs://my-data/trips"}
    grants = needs(from_documents([document]), config)
    assert {grant.role for grant in grants if grant.resource == "gs://my-data"} == {"roles/storage.objectViewer"}
    assert not [grant for grant in grants if grant.role.endswith("objectViewer") and grant.resource == "gs://my-bucket"]


@pytest.mark.parametrize("monitor", [{}, {"specs": {"s": {}}}, {"specs": {"s": {"output_spec": {}}}}])
def test_a_monitor_that_says_little_takes_little(config: Config, monitor: Any) -> None:
    document = everything()
    given = parameter(document, "Pusher", "custom_config")
    values = json.loads(given["constant"])
    values["ai_platform_serving_args"]["project_id"] = "my-prod"
    values["millrace_version"]["monitor"] = monitor
    values["millrace_version"]["endpoint"] = {"request_logging": {"table": "bq://elsewhere"}}
    given["constant"] = json.dumps(values)
    found = needs(from_documents([document]), config)
    assert not [one for one in found if one.resource.endswith("/datasets/")]


def test_a_plain_job_needs_little(config: Config) -> None:
    grants = needs(from_documents([json.loads((GOLDEN / "taxi-vertex.json").read_text())]), config)
    account = "the Compute Engine default service account of my-project"
    repository = "projects/my-project/locations/us-central1/repositories/millrace"
    assert {grant.key for grant in grants} == {
        (SUBMITTER, "roles/aiplatform.user", "projects/my-project"),
        (SUBMITTER, "roles/iam.serviceAccountUser", account),
        (account, "roles/aiplatform.user", "projects/my-project"),
        (account, "roles/storage.objectUser", "gs://my-bucket"),
        ("the Vertex AI service agent of my-project", "roles/artifactregistry.reader", repository),
    }
    assert SUBMITTER == PERSON and {grant.role for grant in grants} <= ROLES.keys()


def test_check_says_which_account_does_what(tmp_path: Path) -> None:
    """Where the project is known; what would be refused of the golden job is told besides."""
    file = str(GOLDEN / "everything-vertex.json")
    for project, told in (("my-project", True), ("", False)):
        options = ["--set", f"root={tmp_path}", *(["--set", f"vertex.project={project}"] if project else [])]
        shown = CliRunner().invoke(millrace, ["check", file, *options, "-c", "conf/taxi.yaml"]).output
        lines = [line for line in shown.splitlines() if line.startswith("as millrace@my-project.iam")]
        assert bool(lines) is told
        assert not told or "makes the custom job (Trainer)" in lines[0]


def test_the_command_prints_roles_by_account_and_why(tmp_path: Path) -> None:
    options = ["--set", f"root={tmp_path}", "--set", "vertex.project=my-project"]
    job = ["--job", str(GOLDEN / "everything-vertex.json")]

    def run(*arguments: str) -> str:
        return CliRunner().invoke(millrace, ["iam", *arguments, *options], catch_exceptions=False).output

    shown = run("--why", *job)
    assert (
        "whoever submits\n  roles/aiplatform.user  on projects/my-project\n      submit: makes the pipeline job"
        in shown
    )
    assert "Trainer: makes the custom job" in shown
    assert json.loads(run("--json", *job))[0]["reasons"] == ["submit: makes the pipeline job"]
    with pytest.raises(BadInput, match="nothing has been compiled"):
        run()
    with pytest.raises(BadInput, match=r"roles are given on one|no Google Cloud project"):
        CliRunner().invoke(millrace, ["iam", *job, "--set", f"root={tmp_path}"], catch_exceptions=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("vertex.data_path=gs://other/x", 'vertex.data_path was not set, and it is "gs://other/x" now'),
        ("push.directory=gs://models/taxi", "push.directory was not set"),
        ("vertex.trainer={machine_type: n1-standard-8}", "vertex.trainer was not set"),
        ("training.steps=7", "training.steps was 1000, and it is 7 now"),
    ],
)
def test_a_job_of_another_configuration_is_not_judged(tmp_path_factory: Any, change: str, words: str) -> None:
    """Roles without the bucket that had been named since went into Terraform's values without a word."""
    root = tmp_path_factory.getbasetemp() / "compiled once"
    said = [f"root={root}", "vertex.project=my-project", "vertex.root=gs://my-bucket/millrace"]

    def asked(command: Sequence[str], *more: str) -> Any:
        options = [part for one in (*said, *more) for part in ("--set", one)]
        return CliRunner().invoke(millrace, [*command, *options])

    if not root.exists():
        assert asked(["compile"]).exit_code == 0
    assert asked(["iam"], "vertex.cost={budget: 5}", "deploy.log_dataset=x").exit_code == 0, "no job says these"
    for command in (["iam"], ["cost"], ["check"], ["deploy", "vars", "-o", str(root / "values.json")]):
        refused = asked(command, change).exception
        assert isinstance(refused, BadInput) and words in refused.what, refused
        assert "millrace compile --runner vertex" in refused.remedy
    assert not (root / "values.json").exists()


@pytest.mark.slow
def test_a_project_that_was_moved_has_the_job_that_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local root, or where a package lies, is in no job of Vertex AI."""
    for name in ("conf", "schema", "pipeline", "models", "custom_components", "runners"):
        shutil.copytree(ROOT / name, tmp_path / "one" / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.py", tmp_path / "one")
    said = ["vertex.project=my-project", "vertex.root=gs://my-bucket/millrace", "vertex.data_path=gs://my-bucket/data"]
    options = [part for one in said for part in ("--set", one)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for command, folder in (("compile", "one"), ("iam", "two"), ("cost", "two")):
        if folder == "two" and not (tmp_path / "two").exists():
            (tmp_path / "one").rename(tmp_path / "two")
        words = [sys.executable, "-m", "millrace.cli.main", command, *options]
        ended = subprocess.run(
            words, cwd=tmp_path / folder, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr


def test_of_a_job_that_was_compiled_before_nothing_is_granted(tmp_path: Path) -> None:
    """`iam` and `deploy vars` told of the account and the bucket that the configuration had named before."""
    said = [f"root={tmp_path}", "vertex.project=my-project", "vertex.root=gs://my-bucket/millrace"]
    config = load("conf/taxi.yaml", said)
    file = compiled_file(config, "vertex")
    file.parent.mkdir(parents=True)
    document = json.loads((GOLDEN / "taxi-vertex.json").read_text())
    document["runtimeConfig"]["gcsOutputDirectory"] = "gs://my-bucket/millrace/artifacts"
    file.write_text(json.dumps(document))

    def asked(command: Sequence[str], *more: str) -> Any:
        options = [part for one in (*said, *more) for part in ("--set", one)]
        return CliRunner().invoke(millrace, [*command, *options])

    assert asked(["iam"]).exit_code == 0
    for command in (["iam"], ["cost"], ["deploy", "vars", "-o", str(tmp_path / "values.json")]):
        other = asked(command, f"vertex.service_account={TRAINING}").exception
        assert f"the configuration asks for '{TRAINING}', and the compiled job does not say it" in str(other)
        other = asked(command, "vertex.root=gs://other/millrace").exception
        assert "compiled for the root gs://my-bucket/millrace/artifacts, and the configuration's is gs://oth" in str(
            other
        )
    assert not (tmp_path / "values.json").exists()
