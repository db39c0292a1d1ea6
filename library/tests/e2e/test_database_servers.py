"""ML Metadata on real servers, MySQL (MariaDB) and PostgreSQL, started for the test from what is installed."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PASSWORD = "not-in-any-log-7731"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def as_user(user: str) -> list[str]:
    """Database servers refuse to run as root."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if getpass.getuser() == "root" else []


def folder_of(user: str, path: Path) -> Path:
    path.mkdir()
    if getpass.getuser() == "root":
        shutil.chown(path, user, user)
        for parent in path.parents:
            if parent.owner() == "root" and parent.stat().st_mode & 0o005 != 0o005 and "pytest" in str(parent):
                parent.chmod(0o755)
    return path


@pytest.fixture
def postgresql(tmp_path):
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not binaries:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    data = folder_of("postgres", tmp_path / "pg")
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "password").chmod(0o644)
    port, user = free_port(), as_user("postgres")
    command = [*user, binaries[-1] / "initdb", "-D", data, "-U", "millrace", "-A", "scram-sha-256"]
    subprocess.run([*command, f"--pwfile={tmp_path / 'password'}"], check=True, capture_output=True)
    server = subprocess.Popen(
        [*user, binaries[-1] / "postgres", "-D", data, "-p", str(port), "-k", data, "-c", "listen_addresses=127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield from served(server, port, {"backend": "postgresql", "database": "postgres"})


@pytest.fixture
def mysql(tmp_path):
    if not shutil.which("mariadbd") or not shutil.which("mariadb-install-db"):
        pytest.skip("MariaDB is not installed: apt-get install mariadb-server")
    data = folder_of("mysql", tmp_path / "my")
    setup = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
    subprocess.run(
        [*setup, *(["--user=mysql"] if getpass.getuser() == "root" else [])], check=True, capture_output=True
    )
    (data / "init.sql").write_text(
        f"CREATE DATABASE mlmd;\nCREATE USER millrace@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
        "GRANT ALL ON mlmd.* TO millrace@'127.0.0.1';\n"
    )
    port = free_port()
    command = [
        "mariadbd",
        "--no-defaults",
        "--skip-name-resolve",
        f"--datadir={data}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
    ]
    files = [f"--pid-file={data}/pid", f"--init-file={data}/init.sql"]
    server = subprocess.Popen(
        [*as_user("mysql"), *command, "--bind-address=127.0.0.1", f"--socket={data}/s", *files],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield from served(server, port, {"backend": "mysql", "database": "mlmd"})


def served(server, port, settings):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.2)
    assert server.poll() is None, "the database server ended"
    time.sleep(1)
    yield {**settings, "host": "127.0.0.1", "port": port, "user": "millrace", "password_env": "MILLRACE_TEST_DB"}
    # Its fast shutdown: PostgreSQL's polite one waits until every client has gone.
    server.send_signal(signal.SIGINT if settings["backend"] == "postgresql" else signal.SIGTERM)
    server.wait(60)


def test_runs_are_kept_on_the_server_and_the_password_nowhere(fresh_project, mysql):
    project = fresh_project
    project.configure(metadata=mysql)
    secret = {"MILLRACE_TEST_DB": PASSWORD}
    finished = project.millrace("run", "--to", "StatisticsGen", **secret)
    assert finished.code == 0, finished.output
    assert project.millrace("run", "--to", "StatisticsGen", **secret).stages["StatisticsGen"] == "cached"
    assert "cached" in project.millrace("runs", **secret).output
    assert not (project.root / "metadata.db").exists()
    written = [path for path in project.root.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert written == []


@pytest.mark.xfail(strict=True, reason="ML Metadata's PostgreSQL backend misquotes a backslash, which TFX's JSON has")
def test_ml_metadata_keeps_a_backslash_on_postgresql(postgresql):
    from ml_metadata import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

    connection = metadata_store_pb2.ConnectionConfig()
    server = metadata_store_pb2.PostgreSQLDatabaseConfig(host="127.0.0.1", port=str(postgresql["port"]))
    server.user, server.password, server.dbname = "millrace", PASSWORD, postgresql["database"]
    connection.postgresql.CopyFrom(server)
    store = MetadataStore(connection, enable_upgrade_migration=True)
    kind = store.put_context_type(metadata_store_pb2.ContextType(name="probe"))
    context = metadata_store_pb2.Context(type_id=kind, name="probe")
    context.custom_properties["json"].string_value = '{"config": "\\"name\\": \\"auc\\""}'
    store.put_contexts([context])


def test_postgresql_is_refused_with_the_reason(fresh_project):
    fresh_project.configure(metadata={"backend": "postgresql", "port": 5432, "database": "d", "user": "u"})
    finished = fresh_project.run()
    assert finished.code == 2, finished.output
    assert "cannot keep a backslash" in finished.output
    assert "mysql" in finished.output


def test_a_password_that_is_not_in_the_environment_is_asked_for(fresh_project):
    assert "MILLRACE_TEST_DB" not in os.environ
    server = {"backend": "mysql", "port": 5, "database": "d", "user": "u", "password_env": "MILLRACE_TEST_DB"}
    fresh_project.configure(metadata=server)
    finished = fresh_project.run()
    assert finished.code == 2, finished.output
    assert "the environment variable MILLRACE_TEST_DB is not set" in finished.output


def test_a_server_that_does_not_answer_is_named(fresh_project):
    port = free_port()
    server = {"backend": "mysql", "port": port, "database": "d", "user": "u"}
    fresh_project.configure(metadata=server)
    finished = fresh_project.run()
    assert finished.code == 2, finished.output
    assert f"127.0.0.1:{port}" in finished.output
    assert "Traceback" not in finished.output
