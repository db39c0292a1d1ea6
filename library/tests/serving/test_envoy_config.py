"""What is written for Envoy, read by Envoy itself."""

import json
import subprocess

import pytest

from millrace.serving import envoy_config
from millrace.serving.envoy_config import Traffic, Upstream

ONE, TWO, SHADOW = Upstream(1, 8501, 8500), Upstream(2, 8601, 8600), Upstream(3, 8701, 8700)


def validate(envoy, tmp_path, document):
    file = tmp_path / "whole.json"
    file.write_text(json.dumps(document))
    return subprocess.run([envoy, "--mode", "validate", "-c", file, "-l", "error"], capture_output=True, text=True)


def whole(listener, upstreams, traffic):
    """The three documents in one: Envoy's check of the bootstrap does not look into the files that it follows."""
    document = envoy_config.bootstrap(listener)
    del document["dynamic_resources"]
    document["static_resources"]["clusters"] = envoy_config.clusters(upstreams, "1")["resources"]
    (manager,) = [
        one["typed_config"] for one in document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"]
    ]
    del manager["rds"]
    manager["route_config"] = envoy_config.routes(traffic, listener, "1")["resources"][0]
    del manager["route_config"]["@type"]
    for cluster in document["static_resources"]["clusters"]:
        del cluster["@type"]
    return document


@pytest.mark.parametrize(
    "traffic",
    [Traffic({1: 10_000}), Traffic({1: 9_000, 2: 1_000}, {3: 100}), Traffic({1: 0, 2: 10_000}, {1: 5, 3: 1})],
)
def test_envoy_takes_what_is_written(envoy, listener, tmp_path, traffic):
    done = validate(envoy, tmp_path, whole(listener, [ONE, TWO, SHADOW], traffic))
    assert done.returncode == 0, done.stderr
    listener.clusters_file.write_text(json.dumps(envoy_config.clusters([ONE, TWO, SHADOW], "1")))
    listener.routes_file.write_text(json.dumps(envoy_config.routes(traffic, listener, "1")))
    assert validate(envoy, tmp_path, envoy_config.bootstrap(listener)).returncode == 0


def test_a_route_to_a_server_that_is_not_there_is_refused(envoy, listener, tmp_path):
    done = validate(envoy, tmp_path, whole(listener, [ONE], Traffic({1: 9_000, 2: 1_000})))
    assert done.returncode == 1 and "unknown weighted cluster '2-grpc'" in done.stderr


def test_a_cluster_s_name_says_its_version():
    names = [one["name"] for one in envoy_config.clusters([ONE, TWO], "1")["resources"]]
    assert {envoy_config.version_of(name) for name in names} == {1, 2} and len(set(names)) == 8
    with pytest.raises(ValueError, match="invalid literal"):
        envoy_config.version_of("-")


def test_the_administration_listens_at_no_port(listener):
    assert "socket_address" not in json.dumps(envoy_config.bootstrap(listener)["admin"])
