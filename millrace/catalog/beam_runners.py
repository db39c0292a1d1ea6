"""Beam's runners by the names that Beam takes: in any case, with and without `Runner`, and with the class's module.

`apache_beam.runners.runner.create_runner` has the rule.
"""

_HERE = frozenset({"", "direct", "directrunner", "bundlebaseddirectrunner", "fnapirunner", "switchingdirectrunner"})
_PRISM = frozenset({"prism", "prismrunner"})
_DATAFLOW = frozenset({"dataflow", "dataflowrunner", "testdataflow", "testdataflowrunner"})


def is_on_this_machine(runner: str) -> bool:
    """Whether a runner works on this machine; no name is Beam's default, which does.

    Args:
        runner: as `--runner` has it.
    """
    return _short(runner) in _HERE


def is_prism(runner: str) -> bool:
    """Whether a runner works on this machine by a program that Beam downloads.

    Args:
        runner: as `--runner` has it.
    """
    return _short(runner) in _PRISM


def is_dataflow(runner: str) -> bool:
    """Whether a runner hands the work to Dataflow.

    Args:
        runner: as `--runner` has it.
    """
    return _short(runner) in _DATAFLOW


def _short(runner: str) -> str:
    return runner.rpartition(".")[2].lower()
