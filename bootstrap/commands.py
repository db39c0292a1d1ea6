"""Runs other programs with their output kept in a log file, and a sign of life while they take long."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Callable

from bootstrap.errors import SetupError

HEARTBEAT_SECONDS = 15
SHOWN_LINES = 15


# What a person set for other Pythons, and what would make pip install elsewhere than it is told to.
NOT_HANDED_ON = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_USER", "PIP_TARGET", "PIP_PREFIX")


def own_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables for set-up's programs: the user's, without those that point Python or pip elsewhere."""
    kept = {name: value for name, value in environment.items() if name not in NOT_HANDED_ON}
    return {**kept, "PIP_USER": "0"}  # also against `user = true` in pip's configuration


def say(line: str) -> None:
    """Prints a line of progress at once, even into a pipe."""
    print(line, flush=True)


class Runner:
    """Runs programs one after another, all into one log file.

    Args:
        log: the file; emptied by the first program.
        environment: the variables that the programs get.
        tell: prints a line of progress.
    """

    def __init__(self, log: Path, environment: Mapping[str, str], tell: Callable[[str], None] = say) -> None:
        self.log = log
        self.environment = dict(environment)
        self.tell = tell
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")

    def run(self, command: Sequence[str], doing: str, remedy: str = "") -> None:
        """Runs a program to its end.

        Args:
            command: the program and its arguments.
            doing: what it is for, as in "installing the packages".
            remedy: what to advise when it fails.

        Raises:
            SetupError: it could not be started or failed; tells the end of its output.
        """
        code = self._wait(command, doing)
        if code:
            tail = self.log.read_text(errors="replace").splitlines()[-SHOWN_LINES:]
            advice = [f"the whole output is in {self.log}", *remedy.splitlines()]
            raise SetupError("\n".join([f"{doing} failed (exit code {code}):", *tail]), "\n".join(advice))

    def _wait(self, command: Sequence[str], doing: str) -> int:
        with self.log.open("ab") as log:
            log.write(("$ " + " ".join(command) + "\n").encode())
            log.flush()
            try:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self.environment
                )
            except OSError as error:
                raise SetupError(f"{doing} failed: {command[0]} does not start ({error.strerror})") from error
            return self._until_done(process, doing)

    def _until_done(self, process: "subprocess.Popen[bytes]", doing: str) -> int:
        started = time.monotonic()
        try:
            while True:
                try:
                    return process.wait(timeout=HEARTBEAT_SECONDS)
                except subprocess.TimeoutExpired:
                    self.tell(f"    still {doing}, {time.monotonic() - started:.0f} s")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()

    def answer(self, command: Sequence[str]) -> str:
        """What a program prints, empty when it fails; its errors go to the log."""
        with self.log.open("ab") as log:
            try:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=self.environment,
                    check=False,
                )
            except OSError:
                return ""
        return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""
