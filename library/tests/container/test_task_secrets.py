"""Secrets of a task: read from Secret Manager by their names, where the task runs."""

import base64
import os
from dataclasses import dataclass, field

import pytest
from fake_service import FakeService, Refused
from google.auth.credentials import AnonymousCredentials
from google.cloud import secretmanager_v1

from millrace.base.errors import BadInput, MillraceError
from millrace.container.secrets import read_into_environment

VERSION = "projects/my-project/secrets/hook/versions/3"


@dataclass
class FakeSecretManager(FakeService):
    """Secret Manager's one method that a task asks (REST v1)."""

    secrets: dict[str, str] = field(default_factory=dict)

    def routes(self):
        return {("GET", r"/v1/(projects/[^/]+/secrets/[^/]+/versions/[^/]+):access"): self._access}

    def error(self, status, message):
        return {"error": {"code": status, "message": message}}

    def _access(self, request, name):
        if name not in self.secrets:
            raise Refused(404, f"Secret Version [{name}] not found.")
        return {"name": name, "payload": {"data": base64.b64encode(self.secrets[name].encode()).decode()}}


@pytest.fixture
def manager():
    with FakeSecretManager(secrets={VERSION: "https://hooks.example.org/T0"}) as service:
        yield service


@pytest.fixture
def client(manager):
    return secretmanager_v1.SecretManagerServiceClient(
        credentials=AnonymousCredentials(), transport="rest", client_options={"api_endpoint": manager.url}
    )


@pytest.fixture(autouse=True)
def no_hook(monkeypatch):
    monkeypatch.setenv("HOOK", "")
    monkeypatch.delenv("HOOK")


def test_a_secret_becomes_an_environment_variable(manager, client):
    read_into_environment([f"HOOK={VERSION}"], client)
    assert os.environ["HOOK"] == "https://hooks.example.org/T0"
    assert len(manager.requests) == 1


def test_a_variable_that_is_set_stays_and_nobody_is_asked(manager, client, monkeypatch):
    monkeypatch.setenv("HOOK", "mine")
    read_into_environment([f"HOOK={VERSION}"], client)
    assert (os.environ["HOOK"], manager.requests) == ("mine", [])


@pytest.mark.parametrize("status", [403, 404])
def test_a_secret_that_may_not_be_read_is_bad_input(manager, client, status):
    manager.fail("GET", ":access", status, message="no")
    with pytest.raises(BadInput) as refusal:
        read_into_environment([f"HOOK={VERSION}"], client)
    assert refusal.value.where == VERSION
    assert "roles/secretmanager.secretAccessor on projects/my-project/secrets/hook;" in refusal.value.remedy
    assert "HOOK" not in os.environ


def test_a_manager_that_fails_is_a_failure_and_no_bad_input(manager, client):
    manager.fail("GET", ":access", 500, times=50, message="broken")
    with pytest.raises(MillraceError) as failure:
        read_into_environment([f"HOOK={VERSION}"], client)
    assert failure.value.exit_code == 1


def test_without_credentials_the_message_says_so(monkeypatch):
    from google.auth import exceptions

    class NoClient:
        def access_secret_version(self, **_):
            raise exceptions.DefaultCredentialsError("none")

    with pytest.raises(BadInput, match="no credentials here"):
        read_into_environment([f"HOOK={VERSION}"], NoClient())
