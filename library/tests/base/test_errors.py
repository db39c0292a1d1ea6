"""How an exception from anywhere becomes a failure that a person can act on."""

import importlib
import pickle
import pkgutil
from collections.abc import Iterator

import pytest

import millrace
from millrace.base.errors import (
    BadInput,
    CouldNotJudge,
    GateRefused,
    MillraceError,
    Signal,
    StageFailed,
    describe,
    is_disk_full,
)
from millrace.features.expression import Misfit

# How an error is made whose constructor takes more than what, where and remedy.
MADE = {
    "DataGateRefused": lambda kind: kind("stopped", "what is wrong", "what to do", 2, [{"reason": "LABEL_CONSTANT"}]),
    "ServiceFailure": lambda kind: kind(
        "what is wrong", where="a place", remedy="what to do", status=503, maybe_done=True
    ),
}


class ExecutorRefusal(RuntimeError):
    """As a component from elsewhere raises: it does not import `millrace.base.errors`."""

    exit_code = 3
    remedy = "look at the data"
    where = "DataGate"


def test_an_exception_of_an_executor_takes_part_by_its_attributes():
    try:
        try:
            raise ExecutorRefusal("fare is negative")
        except ExecutorRefusal as error:
            raise RuntimeError("[while running Beam]") from error
    except RuntimeError as error:
        failure = describe(error)
    assert (failure.what, failure.where, failure.remedy, failure.exit_code) == (
        "fare is negative",
        "DataGate",
        "look at the data",
        3,
    )


def test_any_other_exception_is_a_fault_in_its_own_words():
    failure = describe(KeyError("fare"))
    assert failure.exit_code == 1
    assert failure.what == "KeyError: 'fare'"


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device", "model.keras"),
        RuntimeError("database or disk is full"),
        CouldNotJudge("the disk is full"),
    ],
)
def test_a_full_disk_has_one_exit_code_and_one_name_whichever_way_it_comes(error):
    failure = describe(error)
    assert (failure.exit_code, failure.what.partition(" (")[0]) == (1, "the disk is full")


@pytest.mark.parametrize(("kind", "code"), [(MillraceError, 1), (BadInput, 2), (GateRefused, 3), (StageFailed, 1)])
def test_exit_codes(kind, code):
    assert kind("x").exit_code == code


def test_the_words_are_where_what_and_remedy():
    assert str(BadInput("is empty", where="a.csv", remedy="fill it")) == "a.csv: is empty\n  remedy: fill it"


def test_an_error_that_beam_builds_anew_keeps_its_place_and_its_remedy():
    error = BadInput("is empty", where="a.csv", remedy="fill it")
    annotated = type(error)(error.args[0] + " [while running 'Read']", *error.args[1:])
    assert (annotated.where, annotated.remedy) == ("a.csv", "fill it")


def test_a_signal_among_the_causes_describes_nothing():
    try:
        try:
            raise Signal("it goes through Beam")
        except Signal:
            raise KeyError("fare")  # noqa: B904 (as when Beam's way fails later)
    except KeyError as error:
        failure = describe(error)
    assert (failure.what, failure.exit_code) == ("KeyError: 'fare'", 1)


@pytest.mark.slow
def test_every_error_of_the_library_is_in_the_tree_and_survives_a_pickle():
    """Imports every module of the library, TensorFlow and TFX with them."""
    for module in pkgutil.walk_packages(millrace.__path__, "millrace."):
        # What Python starts by its name, and what is copied into a rehearsal's environment, changes the process.
        if not module.name.endswith(("__main__", "failure_hook", "fork_server")):
            importlib.import_module(module.name)
    own = [kind for kind in _descendants(Exception) if kind.__module__.startswith("millrace.")]
    # A validator of pydantic's raises a ValueError, which the reading of a configuration makes a ConfigError of.
    assert [kind for kind in own if not issubclass(kind, (MillraceError, Signal, Misfit))] == []
    errors = [kind for kind in own if issubclass(kind, MillraceError)]
    assert {"InputRefused", "DataGateRefused", "ServiceFailure"} <= {k.__name__ for k in errors}
    for kind in errors:
        make = MADE.get(kind.__name__, lambda kind: kind("what is wrong", where="a place", remedy="what to do"))
        error = make(kind)
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is kind
        assert str(again) == str(error)
        assert again.args == error.args
        assert vars(again) == vars(error)
        assert describe(again) == describe(error)


def _descendants(kind: type) -> Iterator[type]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)


def chained(outer: BaseException, cause: BaseException, *, told: bool = True) -> BaseException:
    """As raised: the outer one while the cause is handled, `from` it or `from None`."""
    try:
        try:
            raise cause
        except BaseException as caught:
            raise outer from (caught if told else None)
    except BaseException as raised:
        return raised


def test_the_deepest_cause_that_says_what_to_do_is_told():
    deep = BadInput("the column is not there", remedy="name another")
    error = chained(StageFailed("Transform failed"), chained(GateRefused("no"), deep))
    assert (describe(error).what, describe(error).exit_code) == ("the column is not there", 2)


class DockerException(Exception):
    """In the place of `docker.errors.DockerException`."""


def test_docker_that_does_not_answer_is_told_unless_something_says_more():
    alone = describe(chained(RuntimeError("Evaluator"), DockerException("no socket")))
    assert (alone.what, alone.exit_code) == ("no Docker engine answers", 2) and "start Docker" in alone.remedy
    told = describe(chained(GateRefused("the model does not load", remedy="look"), DockerException("no socket")))
    assert (told.what, told.exit_code, told.remedy) == ("the model does not load", 3, "look")
    assert describe(RuntimeError("docker")).what == "RuntimeError: docker"


def test_a_users_mistake_is_told_though_the_machine_failed_too():
    error = chained(BadInput("there is no such table", remedy="name another"), OSError(28, "No space left on device"))
    assert (describe(error).what, describe(error).exit_code) == ("there is no such table", 2)
    assert is_disk_full(error) and not is_disk_full(BadInput("there is no such table"))


def test_a_notebook_shows_a_mistake_without_a_traceback():
    assert BadInput("is empty", "a.csv", "fill it")._render_traceback_() == [
        "BadInput: a.csv: is empty",
        "  remedy: fill it",
    ]


def test_what_from_none_hides_is_not_told():
    error = chained(BadInput("not YAML", remedy="fix that line"), GateRefused("an inner word"), told=False)
    assert (describe(error).what, describe(error).exit_code) == ("not YAML", 2)
