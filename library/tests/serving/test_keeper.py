"""What is to be served is served, whatever ends: a real Envoy over servers of this process that can be killed."""

import os
import signal
import tempfile
import threading
from pathlib import Path

import psutil
import pytest
from version_servers import Started, answered, eventually

from millrace.base.errors import BadInput
from millrace.serving import state
from millrace.serving.envoy_config import Traffic
from millrace.serving.keeper import Keeper, effective
from millrace.serving.state import Deployment, Places


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def kept(envoy, listener, tmp_path):
    """A keeper on a clock that is set by hand, what it has started, and where it reads what to do."""
    places, started, clock, slow = Places(tmp_path / "rollout"), [], Clock(), set()
    places.gateway.mkdir(parents=True)

    def start(version: int, folder: Path) -> Started:
        started.append(Started(version, ready=version not in slow))
        return started[-1]

    keeper = Keeper(places, envoy, listener, drain_seconds=30.0, start_server=start, clock=clock)
    yield keeper, started, places, clock, slow
    keeper.close()
    assert all(one.ended for one in started)


def serve(places, weights, mirrored=()):
    folders = {version: f"/models/{version}" for version in (*weights, *dict(mirrored))}
    state.write_deployment(places, Deployment(folders, Traffic(weights, dict(mirrored))))


def rounds(keeper, clock, seconds=0.0, step=0.5):
    for _ in range(max(1, int(seconds / step))):
        keeper.round()
        clock.now += step


def test_a_version_comes_when_it_is_ready_and_its_server_ends_after_its_last_request(kept):
    keeper, started, places, clock, slow = kept
    serve(places, {1: 10_000})
    rounds(keeper, clock)
    assert set(answered(keeper.port, 20).values()) == {1}
    slow.add(2)
    serve(places, {2: 10_000})
    rounds(keeper, clock)
    # A roll-back to a version that is loading: what was served still is.
    assert set(answered(keeper.port, 20).values()) == {1} and [one.version for one in started] == [1, 2]
    started[1].ready = True
    rounds(keeper, clock)
    assert set(answered(keeper.port, 20).values()) == {2}
    rounds(keeper, clock, seconds=25)
    assert not started[0].ended
    rounds(keeper, clock, seconds=10)
    assert started[0].ended and set(answered(keeper.port, 20).values()) == {2}


def test_a_server_that_ends_is_started_again_and_its_users_are_answered_meanwhile(kept):
    keeper, started, places, clock, _ = kept
    serve(places, {1: 5_000, 2: 5_000})
    rounds(keeper, clock)
    assert set(answered(keeper.port, 50).values()) == {1, 2}
    started[1].crash()
    keeper.round()
    assert set(answered(keeper.port, 50).values()) == {1}
    rounds(keeper, clock, seconds=3)
    assert [one.version for one in started] == [1, 2, 2]
    assert set(answered(keeper.port, 50).values()) == {1, 2}
    assert state.read_gateway(places).ended == {1: 0, 2: 1}
    # One that always ends is not started all the time.
    for _ in range(60):
        started[-1].crash()
        rounds(keeper, clock)
    assert len(started) < 10


def test_a_killed_envoy_comes_back_at_its_port_with_its_weights(kept):
    keeper, _, places, clock, _ = kept
    serve(places, {1: 0, 2: 10_000})
    rounds(keeper, clock)
    port = keeper.port
    (envoy,) = [one for one in psutil.Process().children(recursive=True) if "envoy.json" in " ".join(one.cmdline())
                and "lifeline" not in " ".join(one.cmdline())]  # fmt: skip
    os.kill(envoy.pid, signal.SIGKILL)
    eventually(lambda: keeper._gateway.exit_code() is not None)
    rounds(keeper, clock, seconds=3)
    assert keeper.port == port and set(answered(port, 20).values()) == {2}


def test_what_a_mirror_answered_is_counted_on_through_another_envoy(kept):
    keeper, started, places, clock, _ = kept
    serve(places, {1: 10_000, 2: 0}, {2: 100})
    rounds(keeper, clock)
    answered(keeper.port, 30)
    rounds(keeper, clock, seconds=2)
    assert eventually(lambda: rounds(keeper, clock, 2) or state.read_gateway(places).mirrored.get(2) == (30, 0, 30, 0))
    started[1].server.status = 500
    keeper._gateway.stop()
    rounds(keeper, clock, seconds=3)
    answered(keeper.port, 10)
    assert eventually(lambda: rounds(keeper, clock, 2) or state.read_gateway(places).mirrored.get(2) == (30, 10, 30, 0))
    started[1].server.status = 200
    started[1].server.wait.clear()
    # A mirror holds some eighty requests; what Envoy drops is nobody's failure.
    answered(keeper.port, 150)
    started[1].server.wait.set()
    rounds(keeper, clock, seconds=2)
    counters = keeper._gateway.counters("cluster.2-rest-mirror.")
    assert counters["upstream_rq_pending_overflow"] > 20
    started[1].server.status = 400
    answered(keeper.port, 7)
    assert eventually(lambda: rounds(keeper, clock, 2) or state.read_gateway(places).mirrored[2].refused == 7)
    # On a busy machine some of those that it held took too long.
    assert state.read_gateway(places).mirrored[2].bad == 10 + counters.get("upstream_rq_504", 0)


@pytest.mark.parametrize(
    ("wanted", "ready", "current", "is_served"),
    [
        (Traffic({1: 9_900, 2: 100}), {1, 2}, None, Traffic({1: 9_900, 2: 100})),
        (Traffic({1: 9_900, 2: 100}), {1}, None, Traffic({1: 10_000})),
        (Traffic({1: 9_900, 2: 100}), {2}, None, Traffic({2: 10_000})),
        (Traffic({1: 0, 2: 10_000}), {1}, None, Traffic({1: 10_000})),
        (Traffic({1: 10_000, 2: 0}, {2: 100}), {2}, None, None),
        (Traffic({1: 10_000, 2: 0}, {2: 100}), {1}, None, Traffic({1: 10_000})),
        (Traffic({1: 10_000, 2: 0}, {2: 50}), {1, 2}, None, Traffic({1: 10_000}, {2: 50})),
        (Traffic({1: 10_000}), {2}, Traffic({2: 10_000}), Traffic({2: 10_000})),
        (Traffic({1: 10_000}), set(), Traffic({2: 10_000}), None),
    ],
)
def test_no_request_is_sent_to_what_does_not_answer_and_no_user_to_a_shadow(wanted, ready, current, is_served):
    assert effective(wanted, ready, current) == is_served


def test_what_is_old_is_removed_once_a_minute(envoy, listener, tmp_path):
    clock, tidied = Clock(), []
    keeper = Keeper(
        Places(tmp_path), envoy, listener, 30.0, Started, tidy=lambda: tidied.append(clock.now), clock=clock
    )
    rounds(keeper, clock, seconds=121)
    assert tidied == [0.0, 60.0, 120.0]
    keeper.close()


def test_a_controller_that_ends_is_started_again_and_its_log_is_named(envoy, listener, tmp_path, caplog):
    class Ended:
        def poll(self):
            return 1

        def terminate(self):
            pass

    clock, begun = Clock(), []

    def start():
        begun.append(clock.now)
        return Ended()

    keeper = Keeper(Places(tmp_path), envoy, listener, 30.0, Started, start_controller=start, clock=clock)
    rounds(keeper, clock)
    assert begun == [0.0] and not caplog.messages
    rounds(keeper, clock, seconds=1.5)
    assert begun == [0.0, 1.0]
    why = f"the controller ended by itself, and is started again: {tmp_path / 'controller.log'} says why"
    assert caplog.messages == [why]
    keeper.close()


def test_a_deployment_that_is_cut_off_ends_no_answer(kept):
    keeper, _, places, clock, _ = kept
    serve(places, {1: 10_000})
    rounds(keeper, clock)
    (places.folder / "deployment.json").write_text('{"folders": {"1')
    stop = threading.Event()
    running = threading.Thread(target=keeper.run, args=(stop,))
    running.start()
    running.join(0.5)
    assert running.is_alive() and set(answered(keeper.port, 20).values()) == {1}
    stop.set()
    running.join()


def test_a_fresh_gateway_waits_for_a_deployment_that_the_controller_writes_anew(kept):
    keeper, _, places, _, _ = kept
    (places.folder / "deployment.json").write_text("{}")
    stop = threading.Event()
    running = threading.Thread(target=keeper.run, args=(stop,))
    running.start()
    running.join(0.3)
    assert running.is_alive() and keeper.port == 0
    serve(places, {1: 10_000})
    assert eventually(lambda: keeper.port)
    stop.set()
    running.join()


def test_a_folder_for_temporary_files_that_is_too_deep_is_named(kept, tmp_path, monkeypatch):
    keeper, _, places, _, _ = kept
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    serve(places, {1: 10_000})
    with pytest.raises(BadInput, match="the path of Envoy's socket may have 107 bytes") as refused:
        keeper.round()
    assert "TMPDIR" in refused.value.remedy
