"""How an exception from anywhere becomes a failure that a person can act on."""

import pytest

from millrace.base.errors import BadInput, GateRefused, MillraceError, StageFailed, describe


class ExecutorRefusal(RuntimeError):
    """As `models` and `custom_components` raise: no import of `millrace.base.errors`."""

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


def test_a_full_disk_is_told_in_plain_words():
    failure = describe(OSError(28, "No space left on device", "model.keras"))
    assert (failure.exit_code, failure.what) == (2, "the disk is full")


@pytest.mark.parametrize(("kind", "code"), [(MillraceError, 1), (BadInput, 2), (GateRefused, 3), (StageFailed, 1)])
def test_exit_codes(kind, code):
    assert kind("x").exit_code == code


def test_the_words_are_where_what_and_remedy():
    assert str(BadInput("is empty", where="a.csv", remedy="fill it")) == "a.csv: is empty\n  remedy: fill it"
