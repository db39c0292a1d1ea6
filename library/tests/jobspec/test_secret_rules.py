"""The rule on secrets: found by their form or by the name of their parameter, and nothing else is."""

import copy
import json

import pytest
from golden_cases import CASES, GOLDEN

from millrace.jobspec.checks import check
from millrace.jobspec.job import from_documents
from millrace.jobspec.job import load as load_job
from millrace.jobspec.rules import secrets


def findings(change, case="taxi-vertex.json"):
    documents = copy.deepcopy(load_job(GOLDEN / case).to_document())
    change(*documents)
    return list(secrets.parameters(from_documents(documents), None))


def parameter(name, value):
    """A runtime parameter of the job with a value."""

    def change(job):
        declared = job["pipelineSpec"]["root"]["inputDefinitions"]["parameters"]
        declared[name] = {"parameterType": "STRING" if isinstance(value, str) else "STRUCT"}
        job["runtimeConfig"].setdefault("parameterValues", {})[name] = value

    return change


# Made up here, in the forms of their issuers; cut in two, so that no scanner takes this file for a leak.
SECRETS = {
    "a private key": "-----BEGIN RSA PRI" + "VATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
    "a Google API key": "AI" + "zaSyA-1234567890abcdefghijklmnopqrstu",
    "an AWS access key": "AK" + "IAIOSFODNN7EXAMPLE",
    "a GitHub token": "gh" + "p_" + "a1B2" * 9,
    "a Slack token": "xo" + "xb-123456789012-abcdefghijkl",
    "a Slack webhook": "https://hooks.slack" + ".com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "a Hugging Face token": "h" + "f_" + "aBcD" * 9,
    "an OpenAI or Anthropic key": "s" + "k-" + "aBcD1234" * 5,
    "a JSON web token": "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0NTYifQ.dozjgNryP4J3jVmNHl0w5N",
    "an address with a password": "postgresql://ada:love" + "lace@db.example.org/shop",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_known_by_its_form_wherever_it_stands(kind):
    secret = SECRETS[kind]

    def in_a_task(job):
        said = job["pipelineSpec"]["root"]["dag"]["tasks"]["Trainer"]["inputs"]["parameters"]["custom_config"]
        said["runtimeValue"]["constant"] = json.dumps({"mine": {"deep": [secret]}})

    def in_an_argument(job):
        container = job["pipelineSpec"]["deploymentSpec"]["executors"]["Trainer_executor"]["container"]
        container["args"].append(f"--note={secret}")

    def in_the_environment(job):
        container = job["pipelineSpec"]["deploymentSpec"]["executors"]["Trainer_executor"]["container"]
        container["env"] = [{"name": "NOTE", "value": secret}]

    for change in (parameter("note", secret), in_a_task, in_an_argument, in_the_environment):
        [found] = findings(change)
        assert found.severity == "before submit" and f"looks like {kind}" in found.what
        assert secret not in f"{found.what}{found.where}{found.remedy}"


@pytest.mark.parametrize("name", ["password", "db_password", "API_KEY", "slack-webhook-url", "client_secret"])
def test_a_secret_is_known_by_the_name_of_its_parameter(name):
    [found] = findings(parameter(name, "hunter2hunter2"))
    assert f"the value of {name} looks like a " in found.what and "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", ""),
        ("password", "projects/p/secrets/db/versions/3"),
        ("webhook_url", "HOOK"),
        ("api_key", "{{$.inputs.parameters['key']}}"),
        ("secret", "${TOKEN}"),
        ("tokenizer", "sentencepiece"),
        ("key_column", "customer_id"),
        ("webhook_env", "SLACK_HOOK"),
        ("max_tokens", "4096"),
        ("password_column", "the column of hashed passwords"),
        ("data_path", "gs://bucket/ski-resorts/sk-learn"),
        ("address", "https://user@example.org/x"),
        ("digest", "sha256:" + "0123456789abcdef" * 4),
    ],
)
def test_what_is_no_secret_is_not_taken_for_one(name, value):
    assert findings(parameter(name, value)) == []


def test_the_check_asks_the_rule():
    documents = copy.deepcopy(load_job(GOLDEN / "taxi-vertex.json").to_document())
    parameter("password", "hunter2hunter2")(*documents)
    assert [found.rule for found in check(from_documents(documents))] == ["secret"]


@pytest.mark.parametrize("case", CASES)
def test_there_is_none_in_our_own_jobs(case):
    assert findings(lambda *_: None, case) == []
