"""A process that is killed before any of its steps leaves the registry, and what servers follow, as before or after."""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from registered_versions import pushed, registry_of

from millrace.registry import served_file
from millrace.registry.registry import Registry

# TensorFlow, which other tests of a session import, has threads; the child here does nothing with them.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

# What writing a file does, as Python tells whoever audits it.
_STEPS = frozenset({"open", "os.rename", "os.chmod", "os.mkdir", "os.remove"})


def killed_at(step: int, root: Path, work: Callable[[Registry], object], opening: bool = False) -> bool:
    """Does some work in a process of its own, which is killed before its statement or file operation of that number.

    Args:
        step: from 1 on.
        root: of the pipeline.
        work: what is done with the registry.
        opening: whether the steps of opening it count too.

    Returns:
        Whether it came to that step.
    """
    child = os.fork()
    if child == 0:
        taken = 0
        counts = opening

        def take(*_: object) -> None:
            nonlocal taken
            taken += counts
            if taken == step:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(lambda event, _: take() if event in _STEPS or event == "sqlite3.connect" else None)
            registry = registry_of(root)
            # To read changes nothing.
            registry._log._events._database.set_trace_callback(
                lambda text: None if text.startswith("SELECT") else take()
            )
            counts = True
            work(registry)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def is_whole(registry: Registry) -> bool:
    """Whether the views agree with the events, and the file that servers follow with both."""
    registry.write_served_file()
    by_hand = {}
    for event in registry.events():
        if event.alias:
            by_hand[event.alias] = event.version
    aliases = {name: version.number for name, version in registry.aliases().items()}
    loaded = sorted(
        {*aliases.values(), *filter(None, [registry.before_champion() and registry.before_champion().number])}
    )
    said = served_file.text("taxi", registry.serving, [one for one in loaded if one <= aliases["champion"]], aliases)
    return (
        aliases == {name: number for name, number in by_hand.items() if number}
        and registry.served_file.read_text() == said
    )


def test_a_registration_that_is_killed_is_made_up_for_by_the_next_who_opens(tmp_path):
    steps = 0
    while True:
        steps += 1
        root = tmp_path / str(steps)
        new = pushed(root, 11)
        killed = killed_at(steps, root, lambda registry, new=new: registry.take_in([new]), opening=True)
        with registry_of(root) as registry:
            registry.take_in([new])
            assert [one.kind for one in registry.events()] == ["registered", "approved", "alias moved"], steps
            assert is_whole(registry), steps
        if not killed:
            break
    assert steps > 15, "the audit hook and the trace saw the steps"


@pytest.mark.parametrize(
    ("work", "champion"),
    [
        (lambda registry: registry.move("champion", registry.version("11"), "slow"), {11, 12}),
        (lambda registry: registry.roll_back(registry.version("11"), "slow", expected=12), {11, 12}),
        (lambda registry: registry.remove("candidate", "seen"), {12}),
    ],
    ids=["alias", "rollback", "remove"],
)
def test_a_change_that_is_killed_is_made_or_not_made(tmp_path, work, champion):
    begun, steps, ends = tmp_path / "begun", 0, set()
    with registry_of(begun) as registry:
        registry.take_in([pushed(begun, 11)])
        registry.take_in([pushed(begun, 12)])
        registry.move("candidate", registry.version("11"), "look at it")
        before = registry.events()
    while True:
        steps += 1
        root = shutil.copytree(begun, tmp_path / str(steps))
        killed = killed_at(steps, root, work)
        with registry_of(root) as registry:
            after = registry.events()
            assert after[: len(before)] == before and len(after) - len(before) in (0, 1)
            assert is_whole(registry), steps
            ends.add((len(after) - len(before), registry.version("champion").number))
        if not killed:
            break
    assert steps > 8 and {made for made, _ in ends} == {0, 1} and {number for _, number in ends} == champion


def test_many_at_once_lose_nothing(tmp_path):
    with registry_of(tmp_path) as registry:
        registry.take_in([pushed(tmp_path, number) for number in (11, 12)])
    children = []
    for who in range(4):
        child = os.fork()
        if child == 0:
            try:
                with registry_of(tmp_path, who=f"person {who}") as registry:
                    for turn in range(6):
                        registry.move(f"alias{who}", registry.version(str(11 + turn % 2)), f"turn {turn}")
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    with registry_of(tmp_path) as registry:
        for who in range(4):
            own = registry.events(alias=f"alias{who}")
            assert [one.because for one in own] == [f"turn {turn}" for turn in range(6)]
        said = registry.served_file.read_text()
        assert is_whole(registry) and registry.served_file.read_text() == said, "the last to write saw the last change"
