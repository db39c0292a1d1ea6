"""`python -m benchmarks.mutants`: samples single changes of each room's logic, and counts those that a test notices."""

import random
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from benchmarks.mutants.operators import Mutation, mutations
from benchmarks.mutants.reach import Reach
from benchmarks.mutants.trial import NO_TESTS_RAN, Trial, TrialServer, copy_checkout

REPOSITORY = Path(__file__).parents[2]
LIBRARY = "millrace"
EVERYTHING = Trial(status=0, seconds=400, timed_out=False)
"""All fast tests, about."""


@dataclass(frozen=True)
class Mutant:
    """A change of one module.

    Attributes:
        file: the module's path, relative to the checkout.
        mutation: what is changed there.
    """

    file: str
    mutation: Mutation


@click.command()
@click.option("--room", "names", multiple=True, help="A folder of millrace/, or one below. Repeatable; left out: all.")
@click.option("--sample", type=click.IntRange(1), default=12, show_default=True, help="Changes a room.")
@click.option("--refusals", is_flag=True, help="Leave out refusals alone: which `raise` does no test provoke?")
@click.option("--minutes", type=click.FloatRange(min=0), default=60, show_default=True, help="End after so long.")
@click.option("--seed", type=int, default=None, help="Which changes are drawn; left out: others each time.")
@click.option("--own", "against", flag_value="own", help="Try a room's own tests alone, which is the quickest.")
@click.option("--all", "against", flag_value="all", help="Try what these miss against all fast tests.")
def main(
    names: tuple[str, ...], sample: int, refusals: bool, minutes: float, seed: int | None, against: str | None
) -> None:
    """Change the library's logic one place at a time, in a copy of the checkout, and see whether a test fails.

    Prints each change that no test noticed and the rate of each room. A room's changes are tried with the fast tests of
    that room, first those that run the changed line, and what they miss with the files elsewhere that import its
    module.
    """
    console, ends = Console(highlight=False, soft_wrap=True), time.monotonic() + minutes * 60
    seed = random.randrange(10**6) if seed is None else seed
    console.print(f"seed {seed}, {sample} changes a room, at most {minutes:g} min")
    copy = REPOSITORY / ".cache/mutants/checkout"
    copy_checkout(REPOSITORY, copy)
    server, rates = TrialServer(copy), []
    try:
        for room in names or _rooms(copy):
            if time.monotonic() > ends:
                console.print(f"{room}: not tried, the time is over")
                continue
            drawn = _drawn(room, sample, seed, refusals, copy)
            rates.append((room, *_try_room(room, drawn, against, ends, copy, server, console)))
    finally:
        server.close()
    console.print()
    rates.append(
        ("all", sum(rate[1] for rate in rates), sum(rate[2] for rate in rates), sum(rate[3] for rate in rates))
    )
    for room, own, noticed, tried in rates:
        share = f"{noticed / tried:.0%}, {own} by its own tests" if tried else "not judged"
        console.print(f"{room:<26} {noticed:>3} of {tried:<3} {share}")


def _rooms(copy: Path) -> Iterator[str]:
    for folder in sorted((copy / LIBRARY).iterdir()):
        if (folder / "__init__.py").is_file():
            yield folder.name


def _try_room(
    room: str,
    drawn: list[Mutant],
    against: str | None,
    ends: float,
    copy: Path,
    server: TrialServer,
    console: Console,
) -> tuple[int, int, int]:
    """Tries a room's changes; how many its own tests noticed, how many any test noticed, and how many were tried."""
    folder = _tests(room, copy)
    whole, reach = server.watch([folder], ends - time.monotonic())
    if whole.status != 0 or whole.timed_out:
        console.print(f"{room}: not judged, {_why(whole, folder)}")
        return 0, 0, 0
    if not _passes_as_it_is(reach, server):
        console.print(f"{room}: not judged, what passed fails in a trial without a change; see {copy.name}.log")
        return 0, 0, 0
    beside: dict[tuple[str, ...], tuple[Trial, Reach]] = {}
    own = noticed = tried = 0
    for mutant in drawn:
        if time.monotonic() > ends:
            console.print(f"{room}: {tried} of {len(drawn)} tried, the time is over")
            break
        reaching = reach.tests(mutant.file, *mutant.mutation.lines)
        trial = _try(mutant, (folder,), whole, reach, copy, server)
        own += trial.noticed
        elsewhere = tuple(file for file in _naming(mutant.file, copy) if not file.startswith(f"{folder}/"))
        if not trial.noticed and elsewhere and against != "own":
            if elsewhere not in beside:
                beside[elsewhere] = server.watch(elsewhere, 300)
            if beside[elsewhere][0].status == 0:
                trial = _try(mutant, elsewhere, *beside[elsewhere], copy, server)
        if not trial.noticed and against == "all":
            trial = _try(mutant, ("library/tests", "tests"), EVERYTHING, Reach(), copy, server)
        tried += 1
        noticed += trial.noticed
        if not trial.noticed:
            console.print(f"lived  {mutant.file}:{mutant.mutation.line}, run by {len(reaching)} of the room's tests")
            console.print(f"  - {_short(mutant.mutation.before)}", markup=False)
            console.print(f"  + {_short(mutant.mutation.after)}", markup=False)
    console.print(f"{room}: {noticed} of {tried} noticed, {own} by its own tests, which take {whole.seconds:.0f} s")
    return own, noticed, tried


def _passes_as_it_is(reach: Reach, server: TrialServer) -> bool:
    """Whether a trial without a change notices nothing; the shortest tests show it."""
    shortest = sorted(reach.seconds, key=reach.seconds.__getitem__)[:5]
    files = [*dict.fromkeys(test.partition("::")[0] for test in shortest)]
    return not files or not server.run(files, 300, shortest, (), reach.seconds, reach.modules).noticed


def _tests(room: str, copy: Path) -> str:
    """The folder with the tests of a room, or of the one above it."""
    folder = Path("library/tests") / room
    while not (copy / folder).is_dir():
        folder = folder.parent
    return folder.as_posix()


def _naming(module: str, copy: Path) -> list[str]:
    """The test files that import a module by its name."""
    package, _, name = module.removesuffix(".py").replace("/", ".").rpartition(".")
    imports = re.compile(
        rf"^\s*(?:from {package}\.{name} import|import {package}\.{name}\b|from {package} import .*\b{name}\b)",
        re.MULTILINE,
    )
    return [
        file.relative_to(copy).as_posix()
        for tests in ("library/tests", "tests")
        for file in sorted((copy / tests).rglob("test_*.py"))
        if imports.search(file.read_text(encoding="utf-8"))
    ]


def _why(whole: Trial, tests: str) -> str:
    if whole.timed_out:
        return f"the tests of {tests} do not end in the time that is left"
    if whole.status == NO_TESTS_RAN:
        return f"{tests} has no fast tests"
    return f"the tests of {tests} fail as they are: run them with pytest"


def _drawn(room: str, sample: int, seed: int, refusals: bool, copy: Path) -> list[Mutant]:
    every = [
        Mutant(file.relative_to(copy).as_posix(), mutation)
        for file in sorted((copy / LIBRARY / room).rglob("*.py"))
        if "/files/" not in file.as_posix()
        for mutation in mutations(file.read_text(encoding="utf-8"))
        if mutation.refusal or not refusals
    ]
    return random.Random(f"{seed} {room}").sample(every, min(sample, len(every)))


def _try(
    mutant: Mutant, tests: Sequence[str], unchanged: Trial, reach: Reach, copy: Path, server: TrialServer
) -> Trial:
    """Tries tests on a change: those that run it, the shortest first, then those that may notice it even so."""
    file = copy / mutant.file
    source = file.read_text(encoding="utf-8")
    file.write_text(mutant.mutation.applied(source), encoding="utf-8")
    try:
        if not reach.lines:
            return server.run(tests, 10 + 3 * unchanged.seconds)
        first, then = reach.tests(mutant.file, *mutant.mutation.lines), sorted(reach.beside(mutant.file))
        files = dict.fromkeys(test.partition("::")[0] for test in (*first, *then))
        return server.run([*files] or tests, 10 + 3 * unchanged.seconds, first, then, reach.seconds, reach.modules)
    finally:
        file.write_text(source, encoding="utf-8")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else line[:97] + "..."


if __name__ == "__main__":
    main()
