"""The connection to ML Metadata: where it is, and secrets by name."""

import pytest

from millrace.base.errors import BadInput
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.metadata.connections import metadata_connection

SERVER = "{backend: postgresql, host: db, port: 5432, database: d, user: u, password_env: MILLRACE_PROBE}"


def config(*overrides: str) -> Config:
    return load("conf/taxi.yaml", overrides)


def test_sqlite_lies_below_the_root(tmp_path):
    connection = metadata_connection(config(f"root={tmp_path}"))
    assert connection.sqlite.filename_uri == f"{tmp_path}/metadata.db"


def test_a_password_is_read_from_the_environment_that_is_named(monkeypatch):
    monkeypatch.setenv("MILLRACE_PROBE", "hush")
    server = config(f"metadata={SERVER}")
    connection = metadata_connection(server).postgresql
    assert (connection.host, connection.port, connection.dbname, connection.password) == ("db", "5432", "d", "hush")
    assert server.secret_variables() == ("MILLRACE_PROBE",)
    assert "hush" not in server.model_dump_json()


def test_a_password_that_is_not_there_is_asked_for(monkeypatch):
    monkeypatch.delenv("MILLRACE_PROBE", raising=False)
    with pytest.raises(BadInput, match="MILLRACE_PROBE is not set"):
        metadata_connection(config(f"metadata={SERVER}"))


def test_mysql_has_its_own_fields():
    connection = metadata_connection(config("metadata={backend: mysql, port: 3306, database: d, user: u}")).mysql
    assert (connection.host, connection.port, connection.database) == ("127.0.0.1", 3306, "d")
