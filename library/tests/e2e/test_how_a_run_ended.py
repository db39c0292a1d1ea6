"""The end of every run is told to the webhook, and the webhook's address and other secrets are told to nobody."""

import pytest
from fake_webhook import webhook

pytestmark = pytest.mark.slow

# A space, a password, a path and a query: each may come back in another message, in another spelling.
SECRETS = ("PW-s3same", "T0K3N-path", "K3Y-query")
PLANTED = """
def preprocessing_fn(inputs, custom_config=None):
    import logging, os, subprocess, sys, urllib.parse
    url = os.environ["MILLRACE_TEST_HOOK"]
    print("printed", url, urllib.parse.quote(url))
    os.write(2, ("from C: " + url.rpartition("/")[2]).encode())
    subprocess.run([sys.executable, "-c", "import os; print('child', os.environ['MILLRACE_TEST_HOOK'])"], check=True)
    logging.getLogger("library").error("logged %s", url)
    try:
        raise KeyError(url)
    except KeyError as error:
        raise RuntimeError(f"no address: {urllib.parse.quote_plus(url)} {url[8:]!r}") from error
"""


def hook_of(server, kind):
    return f"{server.url.replace('//', f'//someone:{SECRETS[0]}@')}/{kind}/{SECRETS[1]} y?key={SECRETS[2]}"


def assert_nothing_is_given_away(project, output, *among):
    assert not [secret for secret in SECRETS if secret in output]
    files = [file for file in project.folder.rglob("*") if file.is_file()]
    assert set(among) <= {file.name for file in files}
    leaks = [(file, secret) for file in files for secret in SECRETS if secret.encode() in file.read_bytes()]
    assert leaks == []


@pytest.fixture(scope="module")
def told(project):
    project.configure(notify={"webhook_env": "MILLRACE_TEST_HOOK"})
    return project


def test_a_run_that_its_data_stops_is_told(told):
    header, *rows = (told.data / "trips.csv").read_text().splitlines()
    at = header.split(",").index("fare")
    cells = [row.split(",") for row in rows]
    changed = [",".join([*row[:at], "-5", *row[at + 1 :]]) for row in cells]
    (told.data / "trips.csv").write_text("\n".join([header, *changed]) + "\n")
    with webhook() as hook:
        finished = told.millrace("run", "--to", "DataGate", MILLRACE_TEST_HOOK=f"{hook.url}/ok/x")
    assert finished.code == 3, finished.output
    [message] = hook.messages
    assert (message["exit_code"], message["ending"], message["where"]) == (3, "blocked", "DataGate")
    assert "fare" in message["reason"] and message["run"] in finished.output


def test_a_run_that_fails_is_told_and_its_secrets_are_not(fresh_project):
    project = fresh_project
    project.configure(notify={"webhook_env": "MILLRACE_TEST_HOOK"})
    (project.folder / "models" / "preprocessing.py").write_text(PLANTED)
    with webhook() as hook:
        finished = project.millrace("run", MILLRACE_TEST_HOOK=f"{hook.url}/ok/{SECRETS[1]}")
    assert finished.code == 1, finished.output
    [message] = hook.messages
    assert (message["exit_code"], message["ending"], message["where"]) == (1, "failed", "Transform")
    assert "RuntimeError" in message["reason"] and SECRETS[1] not in message["reason"]
    assert_nothing_is_given_away(project, finished.output, "run.log", "events.jsonl", "metadata.db", "run.json")
    log = max((project.root / "logs").glob("*/run.log")).read_text()
    assert "printed ***" in log and "from C: ***" in log and "child ***" in log and "logged ***" in log

    with webhook() as hook:
        finished = project.millrace("run", MILLRACE_TEST_HOOK=hook_of(hook, "ok"))
    assert finished.code == 1 and hook.requests == [], "an address with a space is none"
    assert "not delivered; the webhook's address has a space" in finished.output
    assert_nothing_is_given_away(project, finished.output)


@pytest.mark.parametrize("kind", ["ok", "bad-status-line", "line-too-long", "redirect-to-file", "broken", "huge"])
def test_whatever_the_webhook_does_a_run_ends_as_it_would(told, kind):
    with webhook() as hook:
        url = f"{hook.url}/{kind}/{SECRETS[1]}"
        finished = told.millrace("run", "--set", "data.path=/nowhere", MILLRACE_TEST_HOOK=url)
        assert finished.code == 2, finished.output
        # The run before, of which nobody could be told, is told of too.
        latest = max(message["run"] for message in hook.messages)
        message, *again = (message for message in hook.messages if message["run"] == latest)
    assert "no data file matches" in message["reason"] and message["ending"] == "bad input"
    assert all(one == message for one in again) and len(again) <= 2
    assert ("not delivered; the webhook" in finished.output) == (kind not in ("ok", "huge"))
    assert SECRETS[1] not in finished.output


def test_a_run_that_has_no_place_to_write_is_told(told):
    with webhook() as hook:
        finished = told.millrace("run", "--set", "root=/proc/nowhere", MILLRACE_TEST_HOOK=f"{hook.url}/ok/x")
    assert finished.code == 2, finished.output
    [message] = hook.messages
    assert message["run"] == "" and "nothing can be written here" in message["reason"]


def test_an_interrupted_run_is_told(told):
    with webhook() as hook:
        process = told.start("run", "--no-cache", MILLRACE_TEST_HOOK=f"{hook.url}/ok/x")
        told.wait_for("ExampleGen", "running", process)
        process.terminate()
        finished = told.finish(process)
    assert finished.code == 130, finished.output
    [message] = hook.messages
    assert (message["exit_code"], message["ending"]) == (130, "interrupted")


def test_the_password_of_a_database_that_does_not_answer_is_told_to_nobody(told):
    database = "{backend: mysql, port: 9, database: d, user: u, password_env: MILLRACE_TEST_PW}"
    finished = told.millrace("run", "--set", f"metadata={database}", MILLRACE_TEST_PW=f"{SECRETS[0]} 'quoted' 77")
    assert finished.code == 2, finished.output
    assert "ML Metadata cannot be opened" in finished.output and "quoted" not in finished.output
    assert_nothing_is_given_away(told, finished.output)
