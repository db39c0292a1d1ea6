"""Pipeline templates in Artifact Registry: what is put there, what comes back, and what a refusal becomes."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from fake_templates import FakeTemplates
from golden_cases import CASES
from small_job import small_job

from millrace.access.grants import SUBMITTER, TEMPLATE_WRITER
from millrace.access.needs import needs
from millrace.base.errors import BadInput, MillraceError
from millrace.catalog.template_address import TemplateAddress, TemplateRepository
from millrace.cli.main import millrace
from millrace.cloud.kubeflow.client import has_client
from millrace.cloud.prepared_job import named_job
from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.vertex.service import VertexService
from millrace.cloud.vertex.templates import TemplateRegistry, job_of_template
from millrace.config.cloud_sections import VertexDeployment
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.jobspec.job import load as load_job

GOLDEN = Path(__file__).parents[2] / "jobspec/golden/everything-vertex.json"
HERE = TemplateRepository("us-central1", "a-project", "templates")
ADDRESS = "us-central1-kfp.pkg.dev/a-project/templates"


@pytest.fixture
def fake() -> Iterator[FakeTemplates]:
    with FakeTemplates(buckets={"a-bucket", "my-bucket"}) as service:
        yield service


def settings(fake: FakeTemplates, **more: Any) -> VertexDeployment:
    return VertexDeployment(
        **{"project": "a-project", "api_endpoint": fake.url, "templates": ADDRESS, "request_seconds": 5.0, **more}
    )


def registry(fake: FakeTemplates, repository: TemplateRepository = HERE, **more: Any) -> TemplateRegistry:
    return TemplateRegistry(repository, settings(fake, **more), pauses=(0.01, 0.01, 0.01))


def config(fake: FakeTemplates, tmp_path: Path, *more: str) -> Config:
    where = ("vertex.project=a-project", f"vertex.api_endpoint={fake.url}", f"vertex.templates={ADDRESS}")
    return load("conf/taxi.yaml", [*CASES[GOLDEN.name], *where, f"root={tmp_path}", *more])


def test_a_version_is_the_specs_digest_and_a_tag_goes_to_the_newest(fake: FakeTemplates) -> None:
    job = small_job()
    first = registry(fake).upload(job, ["v1", "latest"])
    again = registry(fake).upload(job, [])
    assert (first.name, first.version) == ("small", again.version)
    [package] = fake.packages.values()
    assert [yaml.safe_load(content) for content, _ in package.versions.values()] == [job.spec]
    job.spec["root"]["inputDefinitions"]["parameters"]["steps"]["defaultValue"] = 20
    second = registry(fake).upload(job, ["latest"])
    assert [(one.version, one.tags) for one in registry(fake).templates()] == [
        (second.version, ("latest",)),
        (first.version, ("v1",)),
    ]


def test_lists_are_read_page_by_page(fake: FakeTemplates) -> None:
    job = small_job()
    for name in ("a", "b", "c"):
        job.spec["pipelineInfo"]["name"] = name
        for steps in (1, 2, 3):
            job.spec["root"]["inputDefinitions"]["parameters"]["steps"]["defaultValue"] = steps
            registry(fake).upload(job, [])
    assert [one.name for one in registry(fake).templates()] == [*"aaa", *"bbb", *"ccc"]


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_what_comes_back_is_the_compiled_job_with_its_template(fake: FakeTemplates, tmp_path: Path, by: str) -> None:
    """The spec from there, the rest from the configuration: together what was compiled, save TFX's own labels."""
    job = load_job(GOLDEN)
    made = registry(fake).upload(job, ["prod"])
    read = job_of_template(f"https://{ADDRESS}/taxi/{'prod' if by == 'tag' else made.version}", config(fake, tmp_path))
    assert (read.spec, read.runtime, read.display_name) == (job.spec, job.runtime, job.display_name)
    template = {"templateUri": made.uri, "templateMetadata": {"version": made.version}}
    assert read.settings == {**job.settings, **template}
    assert read.labels == {"team": "tips"}
    sent = VertexService(settings(fake)).submit(read, "taxi-1")
    assert sent.template == made.uri
    [request] = fake.sent("POST", "/pipelineJobs$")
    assert {key: request.body[key] for key in template} == template
    assert request.body["pipelineSpec"] == job.spec


def test_a_template_of_another_pipeline_is_called_as_it_is(fake: FakeTemplates, tmp_path: Path) -> None:
    made = registry(fake).upload(small_job(), [])
    read = job_of_template(made.uri, config(fake, tmp_path))
    assert (read.name, read.display_name, read.dialect) == ("small", "small", "vertex")


@pytest.mark.parametrize(
    ("name", "words", "remedy"),
    [
        ("small/prd", "small has no tag prd; did you mean prod?", "its tags are: v1, prod; its newest version is sha"),
        (f"small/sha256:{'0' * 64}", "small has no version sha256:000", "its newest is sha256:"),
        ("smal/v1", "there is no template smal", "millrace templates lists"),
        ("text/v1", "no compiled job: there is no pipeline spec in it", "millrace compile"),
        ("list/v1", "no compiled job: components is a list, and a mapping is needed", "millrace compile"),
        ("bytes/v1", "what is there is no text", "name another"),
        ("small", "no address of a pipeline template", "REGION-kfp.pkg.dev/PROJECT/REPOSITORY/NAME/TAG"),
    ],
)
def test_what_is_no_template_is_refused(
    fake: FakeTemplates, tmp_path: Path, name: str, words: str, remedy: str
) -> None:
    registry(fake).upload(small_job(), ["v1", "prod"])
    fake.put(HERE.resource, "text", b"a text", ["v1"])
    fake.put(HERE.resource, "list", b"root: {}\ncomponents: []", ["v1"])
    fake.put(HERE.resource, "bytes", b"\xff", ["v1"])
    with pytest.raises(MillraceError, match=re.escape(words)) as refused:
        job_of_template(f"https://{ADDRESS}/{name}", config(fake, tmp_path))
    assert refused.value.exit_code == 2 and remedy in (refused.value.remedy or "")


def test_a_repository_that_is_not_there_or_is_of_images_is_named(fake: FakeTemplates) -> None:
    fake.formats["projects/a-project/locations/us-central1/repositories/images"] = "DOCKER"
    images, gone = TemplateRepository("us-central1", "a-project", "images"), TemplateRepository("us", "a-project", "t")
    for attempt in (
        lambda of: registry(fake, of).upload(small_job(), []),
        lambda of: registry(fake, of).read(TemplateAddress(of, "small", "v1")),
    ):
        with pytest.raises(BadInput, match="is of format DOCKER, and templates need one of format KFP"):
            attempt(images)
        with pytest.raises(ServiceFailure, match="there is no repository t in us") as failure:
            attempt(gone)
        assert failure.value.exit_code == 2 and "--repository-format=kfp --location=us" in failure.value.remedy
    assert fake.sent("POST", ".") == []


def test_kubeflow_takes_no_template(fake: FakeTemplates, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="a template is for Vertex AI"):
        named_job(f"https://{ADDRESS}/small/v1", config(fake, tmp_path), "kubeflow")


def test_what_the_service_says_of_a_template_it_will_not_have_is_told(fake: FakeTemplates) -> None:
    fake.fail("POST", "kfp.pkg.dev", 400)
    with pytest.raises(ServiceFailure) as refused:
        registry(fake).upload(small_job(), ["v1"])
    assert "tags of lower-case letters" in refused.value.remedy and not fake.packages


@pytest.mark.parametrize("status", [503, None])
def test_an_upload_is_tried_again_and_makes_one_version(fake: FakeTemplates, status: int) -> None:
    fake.fail("POST", "kfp.pkg.dev", status, after=True)
    made = registry(fake, request_seconds=0.5).upload(small_job(), ["v1"])
    [package] = fake.packages.values()
    assert list(package.versions) == [made.version] and len(fake.sent("POST", "kfp.pkg.dev")) == 2


def test_an_answer_that_is_none_is_told(fake: FakeTemplates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake, "put", lambda *anything: "latest")
    with pytest.raises(ServiceFailure, match=r"something else than NAME/sha256:DIGEST: 'small/latest'"):
        registry(fake).upload(small_job(), [])


def test_the_roles_that_iam_names_are_enough_and_none_is_too_much(fake: FakeTemplates, tmp_path: Path) -> None:
    """Each of both roles alone lets its bearer do what is theirs; without it the other's does not, or nothing does."""
    fake.formats[HERE.resource] = "KFP"
    here = config(fake, tmp_path)
    grants = [one for one in needs(load_job(GOLDEN), here) if one.resource == HERE.resource]
    assert [(one.account, one.by_what()) for one in grants] == [
        (SUBMITTER, {"reads a template": ["submit"]}),
        (TEMPLATE_WRITER, {"puts the template there": ["templates upload"]}),
    ]
    reader, writer = ({(one.role, one.resource)} for one in grants)
    fake.granted = writer
    made = registry(fake).upload(small_job(), ["v1"])
    fake.granted = reader
    for version in ("v1", made.version):
        assert job_of_template(f"https://{ADDRESS}/small/{version}", here).name == "small"
    with pytest.raises(ServiceFailure, match="uploadArtifacts' denied") as refused:
        registry(fake).upload(small_job(), ["v2"])
    assert refused.value.exit_code == 2
    assert f"roles/artifactregistry.writer on {HERE.resource}" in refused.value.remedy
    fake.granted = set()
    for version in ("v1", made.version):
        with pytest.raises(ServiceFailure, match="denied"):
            job_of_template(f"https://{ADDRESS}/small/{version}", here)
    assert not [one for one in needs(load_job(GOLDEN), config(fake, tmp_path, "vertex.templates=null"))
                if one.account == TEMPLATE_WRITER]  # fmt: skip


@pytest.mark.skipif(not has_client(), reason="TFX brings kfp on Python 3.10 and 3.11 only")
def test_kfps_own_client_finds_and_makes_the_same(fake: FakeTemplates, tmp_path: Path) -> None:
    from kfp.registry import ApiAuth, RegistryClient

    api = f"{fake.url}/v1/{HERE.resource}/packages/{{package_name}}"
    places = {
        "upload_url": f"{fake.url}/{ADDRESS}",
        "download_tag_url": f"{fake.url}/{ADDRESS}/{{package_name}}/{{tag}}",
        "list_versions_url": f"{api}/versions?view=FULL",
        "get_tag_url": f"{api}/tags/{{tag}}",
    }
    (tmp_path / "places.json").write_text(json.dumps(places))
    theirs = RegistryClient(f"https://{ADDRESS}", ApiAuth("a-token"), str(tmp_path / "places.json"))
    made = registry(fake).upload(small_job(), ["v1", "prod"])
    ours = fake.sent("POST", "kfp.pkg.dev")[0].body
    theirs.download_pipeline("small", tag="prod", file_name=str(tmp_path / "small.yaml"))
    assert yaml.safe_load((tmp_path / "small.yaml").read_text()) == small_job().spec
    assert theirs.upload_pipeline(str(tmp_path / "small.yaml"), ["v1", "prod"]) == ("small", made.version)
    assert fake.sent("POST", "kfp.pkg.dev")[1].body == ours
    [listed] = theirs.list_versions("small")
    [known] = registry(fake).templates()
    assert listed["name"].endswith(known.version) and len(listed["relatedTags"]) == len(known.tags) == 2
    assert theirs.get_tag("small", "prod")["version"].endswith(made.version)


@pytest.fixture
def run(fake: FakeTemplates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    where = [f"vertex.api_endpoint={fake.url}", "vertex.project=a-project", f"vertex.templates={ADDRESS}"]
    options = [part for one in [*CASES[GOLDEN.name], *where, f"root={tmp_path}"] for part in ("--set", one)]
    monkeypatch.setattr(sys, "argv", ["millrace"])
    return lambda *arguments: CliRunner().invoke(millrace, [*arguments, *options], terminal_width=200)


def test_the_commands_put_it_there_list_it_and_submit_it(fake: FakeTemplates, run: Any, tmp_path: Path) -> None:
    load_job(GOLDEN).save(tmp_path / "compiled/taxi-vertex.json")
    assert "nothing in us-central1-kfp.pkg.dev/a-project/templates" in run("templates").output
    up = run("templates", "upload", "--tag", "prod")
    assert up.exit_code == 0, (up.output, up.exception)
    uri = re.search(rf"template: (https://{ADDRESS}/taxi/sha256:[0-9a-f]{{64}})\nnext: millrace submit", up.output)
    assert uri, up.output
    [listed] = json.loads(run("templates", "list", "--json").output)
    assert (listed["uri"], listed["tags"]) == (uri[1], ["prod"])
    sent = run("submit", f"https://{ADDRESS}/taxi/prod", "--job-id", "taxi-1", "--param", "training_steps=7")
    assert sent.exit_code == 0, (sent.output, sent.exception)
    assert f"template: {uri[1]}\njob:  taxi-1\n" in sent.output
    [job] = fake.jobs.values()
    assert job["templateMetadata"] == {"version": uri[1].rpartition("/")[2]}
    assert job["runtimeConfig"]["parameterValues"] == {"training_steps": 7}
    assert f"template: {uri[1]}" in run("jobs", "show", "taxi-1").output
    made = run("schedules", "create", f"https://{ADDRESS}/taxi/prod", "--cron", "0 4 * * *")
    assert made.exit_code == 0, (made.output, made.exception)
    [schedule] = fake.made_schedules.values()
    assert schedule["createPipelineJobRequest"]["pipelineJob"]["templateUri"] == uri[1]


def test_what_check_refuses_is_not_put_there_nor_started(fake: FakeTemplates, run: Any, tmp_path: Path) -> None:
    job = load_job(GOLDEN)
    job.tasks["Trainer"]["inputs"]["artifacts"]["examples"]["taskOutputArtifact"]["producerTask"] = "Transfrom"
    job.save(tmp_path / "wrong.json")
    refused = run("templates", "upload", str(tmp_path / "wrong.json"), "--tag", "prod")
    assert isinstance(refused.exception, BadInput) and "nothing was sent" in refused.exception.remedy
    assert fake.requests == []
    fake.put(HERE.resource, "taxi", yaml.safe_dump(job.spec).encode(), ["prod"])
    refused = run("submit", f"https://{ADDRESS}/taxi/prod")
    assert isinstance(refused.exception, BadInput) and refused.exception.where.startswith(f"https://{ADDRESS}/taxi/sha")
    assert fake.jobs == {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("upload", "--tag", "Prod"), "'Prod' cannot be a tag"),
        (("upload", "--tag", f"sha256:{'0' * 64}"), "cannot be a tag"),
        (("upload",), "nothing has been compiled of this configuration yet"),
    ],
)
def test_what_cannot_be_put_there_is_named(run: Any, arguments: tuple[str, ...], words: str) -> None:
    refused = run("templates", *arguments)
    assert isinstance(refused.exception, BadInput) and words in str(refused.exception)


def test_without_a_repository_its_key_is_named(tmp_path: Path) -> None:
    refused = CliRunner().invoke(millrace, ["templates", "--set", f"root={tmp_path}"])
    assert isinstance(refused.exception, BadInput) and refused.exception.where == "vertex.templates"
