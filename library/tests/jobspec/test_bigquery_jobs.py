"""Data from BigQuery: no folder is asked for, and the job says in which project and by which bucket a query runs."""

import copy

import pytest
from golden_cases import CONFIG, IMAGE

from millrace.base.errors import ConfigError
from millrace.cloud.compile import compile_for
from millrace.config.checks import check as check_configuration
from millrace.config.loading import load
from millrace.config.platform import KUBEFLOW, LOCAL, VERTEX, deployed
from millrace.jobspec.checks import check
from millrace.jobspec.job import from_documents

QUERY = "data={format: bigquery, query: SELECT 1}"
NAMED = "data={format: bigquery, query: SELECT 1, bigquery: {project: billed, temp_location: 'gs://rows/temp'}}"
THERE = (
    "evaluation.split=eval",
    "vertex.project=my-project",
    "vertex.root=gs://my-bucket/millrace",
    f"vertex.image={IMAGE}",
)


def bigquery_findings(job):
    found = [finding for finding in check(job) if finding.rule == "unset" and "BigQuery" in finding.what]
    return [(finding.severity, finding.what.rpartition(": ")[2], finding.remedy) for finding in found]


def without(job, option):
    documents = copy.deepcopy(job.to_document())
    container = documents[0]["pipelineSpec"]["deploymentSpec"]["executors"]["ExampleGen_executor"]["container"]
    container["args"] = [arg for arg in container["args"] if not arg.startswith(option)]
    return from_documents(documents)


def test_a_query_needs_no_folder():
    assert load(CONFIG, [QUERY]).data.path == ""
    with pytest.raises(ConfigError, match="path"):
        load(CONFIG, ["data={format: csv}"])


def test_a_query_on_this_machine_needs_a_project_and_a_bucket():
    with pytest.raises(ConfigError) as refusal:
        check_configuration(load(CONFIG, [QUERY]))
    assert refusal.value.where == "data.bigquery" and "data.bigquery.temp_location" in refusal.value.remedy
    check_configuration(load(CONFIG, [NAMED]))


def test_where_a_query_runs_goes_with_a_query_only():
    with pytest.raises(ConfigError, match="goes with format bigquery"):
        load(CONFIG, ["data.bigquery={project: billed, temp_location: 'gs://rows/temp'}"])
    with pytest.raises(ConfigError, match="temp_location"):
        load(CONFIG, ["data={format: bigquery, query: SELECT 1, bigquery: {project: p, temp_location: /tmp}}"])


def test_on_a_service_the_job_s_project_and_root_are_taken():
    place = deployed(load(CONFIG, [QUERY, *THERE]), VERTEX).data.bigquery
    assert (place.project, place.temp_location) == ("my-project", "gs://my-bucket/millrace/bigquery")
    assert deployed(load(CONFIG, [NAMED, *THERE]), VERTEX).data.bigquery.project == "billed"
    assert deployed(load(CONFIG, [QUERY]), VERTEX).data.bigquery is None
    assert deployed(load(CONFIG, [QUERY, *THERE]), KUBEFLOW).data.bigquery is None  # its root is on this machine
    assert deployed(load(CONFIG, [QUERY, *THERE]), LOCAL).data.bigquery is None


@pytest.mark.slow
def test_a_job_that_queries_says_where_and_what_lacks_is_found():
    config = load(CONFIG, [QUERY, *THERE])
    job = compile_for(config, "vertex")
    args = job.executor(job.tasks["ExampleGen"])["container"]["args"]
    assert "--project=my-project" in args and "--temp_location=gs://my-bucket/millrace/bigquery" in args
    assert not any(arg.startswith("--project") for arg in job.executor(job.tasks["Trainer"])["container"]["args"])
    assert check(job, config) == []
    assert bigquery_findings(without(job, "--project=")) == [
        ("before submit", "there is no --project", "set data.bigquery.project, for instance my-project")
    ]
    assert bigquery_findings(without(job, "--temp_location=")) == [
        ("before submit", "no --temp_location", "set data.bigquery.temp_location, for instance gs://my-bucket/temp")
    ]


@pytest.mark.slow
def test_a_job_that_could_not_query_compiles_and_is_not_sent():
    job = compile_for(load(CONFIG, [QUERY]), "vertex")
    assert [severity for severity, _, _ in bigquery_findings(job)] == ["before submit", "before submit"]
