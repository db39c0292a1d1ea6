"""The endpoint of a push: made as it is asked for, changed in what can be, refused where it cannot be what is asked."""

import re
from typing import Any

import pytest
from fake_model_registry import FakeModelRegistry
from google_client import google_client
from pydantic import ValidationError

from millrace.base.errors import BadInput
from millrace.components.vertex_pusher.section import VertexEndpoint

KEY = "projects/a-project/locations/us-central1/keyRings/r/cryptoKeys/k"
PRIVATE = {"projects": ["our-apps"], "network": "projects/123/global/networks/inside"}
LOGGING = {"table": "bq://a-project.logs.tips", "rate": 0.1}


@pytest.fixture
def service():
    with FakeModelRegistry() as fake, google_client(fake.url):
        yield fake


def pushed(key: str = "", **wanted: Any) -> Any:
    """What a push does with its endpoint."""
    from millrace.components.vertex_pusher import endpoint

    return endpoint.ready(endpoint.found("tips", wanted, key), "tips", {"team": "tips"}, wanted, key)


def test_a_private_endpoint_is_made_with_its_address_its_log_and_its_key_and_then_kept(service):
    first, second = (pushed(KEY, private=PRIVATE, request_logging=LOGGING) for _ in range(2))
    assert first.resource_name == second.resource_name
    [made] = service.endpoints.values()
    assert made["privateServiceConnectConfig"] == {
        "enablePrivateServiceConnect": True,
        "projectAllowlist": ["our-apps"],
        "pscAutomationConfigs": [{"projectId": "our-apps", "network": PRIVATE["network"]}],
    }
    logged = {"enabled": True, "samplingRate": 0.1, "bigqueryDestination": {"outputUri": LOGGING["table"]}}
    assert made["predictRequestResponseLoggingConfig"] == logged
    assert made["encryptionSpec"] == {"kmsKeyName": KEY} and made["labels"] == {"team": "tips"}
    assert not service.sent("PATCH", "."), "what is as it should be is not changed"


def test_without_a_network_the_projects_make_their_addresses_themselves(service):
    pushed(private={"projects": ["our-apps", "others"], "network": ""})
    [made] = service.endpoints.values()
    assert made["privateServiceConnectConfig"] == {
        "enablePrivateServiceConnect": True,
        "projectAllowlist": ["our-apps", "others"],
    }


def test_a_log_is_changed_and_left_where_nothing_is_said_of_it(service):
    pushed()
    [made] = service.endpoints.values()
    assert "predictRequestResponseLoggingConfig" not in made and "privateServiceConnectConfig" not in made
    pushed(request_logging=LOGGING)
    pushed()
    assert made["predictRequestResponseLoggingConfig"]["samplingRate"] == 0.1
    pushed(request_logging={**LOGGING, "rate": 0.5})
    assert made["predictRequestResponseLoggingConfig"]["samplingRate"] == 0.5
    assert len(service.sent("PATCH", ".")) == 2


@pytest.mark.parametrize(
    ("made", "asked", "words"),
    [
        ({}, {"private": PRIVATE}, "the endpoint tips is public, and stays so"),
        ({"private": PRIVATE}, {"private": {"projects": ["others"]}}, "does not answer others, and that cannot"),
        ({}, {"key": KEY}, "has no key of its own, and keeps it"),
        ({"key": KEY}, {"key": KEY + "2"}, "has the key projects/.*/k, and keeps it"),
    ],
)
def test_an_endpoint_of_another_kind_is_refused(service, made, asked, words):
    pushed(**made)
    with pytest.raises(BadInput, match=words) as raised:
        pushed(**asked)
    assert raised.value.where.startswith("push.vertex.") and "name another endpoint" in raised.value.remedy
    assert len(service.endpoints) == 1 and not service.sent("PATCH", ".")


def test_one_that_is_peered_with_a_network_is_said_to_be_that(service):
    pushed()
    [made] = service.endpoints.values()
    made["network"] = "projects/123/global/networks/inside"
    with pytest.raises(BadInput, match="is peered with a network, and stays so"):
        pushed(private=PRIVATE)


def test_a_private_endpoint_is_taken_where_nothing_is_asked(service):
    name = pushed(private=PRIVATE).resource_name
    assert pushed().resource_name == name


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"private": {"projects": []}}, "at least 1 item"),
        ({"private": {"projects": ["P"]}}, "should match pattern"),
        ({"private": {"projects": ["our-apps"], "network": "inside"}}, "should match pattern"),
        ({"request_logging": {"table": "a-project.logs.tips"}}, "should match pattern"),
        ({"request_logging": {**LOGGING, "rate": 0}}, "greater than 0"),
        ({"request_logging": {**LOGGING, "rate": 10}}, "less than or equal to 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_the_configuration(setting, words):
    where = {"project": "a-project", "region": "us-central1", "endpoint": "tips", "image": "serving:1"}
    with pytest.raises(ValidationError, match=re.escape(words)):
        VertexEndpoint(**where, **setting)
