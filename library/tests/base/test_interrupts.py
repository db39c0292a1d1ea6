"""A signal sets a flag: it cannot be lost, and who waits does not wait long."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future

import pytest

from millrace.base.interrupts import ended_as_by_hand, heeding_signals, stop_if_interrupted, wait_for_result


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_raises_nothing_until_the_work_looks(number):
    with heeding_signals() as signals:
        stop_if_interrupted()
        os.kill(os.getpid(), number)
        assert signals.count == 1
        with pytest.raises(KeyboardInterrupt):
            stop_if_interrupted()
    stop_if_interrupted()


def test_a_signal_within_a_del_is_not_lost():
    """An exception that is raised there is printed and forgotten, and the run went on for minutes."""

    class Dying:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    with heeding_signals():
        Dying()
        with pytest.raises(KeyboardInterrupt):
            stop_if_interrupted()


def test_work_that_does_not_look_has_some_seconds_and_no_more():
    times = iter([0.0, 1.0, 4.9, 5.0])
    with heeding_signals() as signals:
        os.kill(os.getpid(), signal.SIGINT)
        assert not signals.wait_for(threading.Event(), grace=5.0, clock=lambda: next(times))
        assert next(times, None) is None


def test_a_second_signal_leaves_it_none():
    with heeding_signals() as signals:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert not signals.wait_for(threading.Event(), grace=1e9)


def test_a_third_signal_ends_the_process_at_once():
    script = """
import os, signal, time
from millrace.base.interrupts import heeding_signals
with heeding_signals():
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGINT)
    print("went on")
"""
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout) == (130, "")


def test_work_that_has_ended_is_not_waited_for():
    ended = threading.Event()
    ended.set()
    with heeding_signals() as signals:
        assert signals.wait_for(ended)
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.wait_for(ended)


def test_what_no_signal_waits_for_is_left_at_the_next_one_and_not_at_those_before():
    ended = threading.Event()
    with heeding_signals() as signals:
        os.kill(os.getpid(), signal.SIGINT)
        threading.Timer(0.15, ended.set).start()
        assert signals.wait_unless_more(ended, before=1)
        assert not signals.wait_unless_more(threading.Event(), before=0)


def test_a_result_is_waited_for_until_a_signal_comes():
    done, never = Future(), Future()
    threading.Timer(0.1, done.set_result, ["result"]).start()
    with heeding_signals():
        assert wait_for_result(done) == "result"
        os.kill(os.getpid(), signal.SIGTERM)
        assert wait_for_result(done) == "result", "what is there is not thrown away"
        with pytest.raises(KeyboardInterrupt):
            wait_for_result(never)


def test_what_is_made_is_taken_away_however_many_signals_come():
    before, steps = signal.getsignal(signal.SIGTERM), []

    @ended_as_by_hand()
    def made_and_taken_away() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            steps.append("went on")
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("taken away")

    with pytest.raises(KeyboardInterrupt):
        made_and_taken_away()
    assert steps == ["taken away"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_another_thread_leaves_signals_alone():
    handlers = []

    def within() -> None:
        with heeding_signals():
            handlers.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=within)
    thread.start()
    thread.join()
    assert handlers == [before]
