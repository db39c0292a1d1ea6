"""Which stack a machine gets, by what it can run."""

import pytest

from bootstrap.errors import SetupError
from bootstrap.machine import Machine
from bootstrap.stacks import choose_stack


def machine(system: str = "Linux", architecture: str = "x86_64", glibc=(2, 36)) -> Machine:
    return Machine(system, architecture, glibc, "debian")


@pytest.mark.parametrize(
    "where, stack",
    [
        (machine(glibc=(2, 17)), "compatible"),
        (machine(glibc=(2, 36)), "compatible"),
        (machine(glibc=(2, 38)), "compatible"),  # the wheels' tag is manylinux_2_39: no installer takes them here
        (machine(glibc=(2, 39)), "current"),
        (machine(glibc=(2, 41)), "current"),
        (machine(glibc=(3, 0)), "current"),
        (machine("Darwin", "arm64", None), "current"),
    ],
)
def test_the_newest_stack_that_runs_is_chosen(where: Machine, stack: str) -> None:
    assert choose_stack(where).name == stack


@pytest.mark.parametrize(
    "where",
    [
        machine(glibc=(2, 16)),
        machine(glibc=None),
        machine(architecture="aarch64"),
        machine("Darwin", "x86_64", None),
        machine("Windows", "AMD64", None),
    ],
)
def test_a_machine_without_packages_is_told_what_is_needed(where: Machine) -> None:
    with pytest.raises(SetupError, match="no packages for this machine") as refused:
        choose_stack(where)
    assert "glibc 2.17 or newer" in str(refused.value)
    assert where.architecture in str(refused.value)


def test_the_compatible_stack_can_be_asked_for_where_the_current_one_runs() -> None:
    assert choose_stack(machine(glibc=(2, 41)), "compatible").name == "compatible"


def test_the_current_stack_is_refused_with_its_reason_where_it_cannot_run() -> None:
    with pytest.raises(SetupError, match=r"current stack cannot run .*glibc 2\.36") as refused:
        choose_stack(machine(), "current")
    assert "Debian 13" in refused.value.remedy


def test_an_unknown_stack_is_refused_with_the_known_names() -> None:
    with pytest.raises(SetupError, match="'newest'") as refused:
        choose_stack(machine(), "newest")
    assert "current or compatible" in refused.value.remedy
