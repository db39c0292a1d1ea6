"""The command line of set-up: `python -m bootstrap COMMAND`; `--help` lists the commands."""

import argparse
import os
import sys
from pathlib import Path

from bootstrap.beside import install_deploy
from bootstrap.commands import Runner, own_environment
from bootstrap.debian_root import RELEASES, try_release
from bootstrap.environment import Checkout, set_up, up_to_date
from bootstrap.errors import SetupError
from bootstrap.installer import get_uv
from bootstrap.lock import lock_all
from bootstrap.machine import read_machine
from bootstrap.site import build_site
from bootstrap.stacks import STACKS, choose_stack
from bootstrap.tables import install_tables

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Runs one command; returns the exit code, 2 when something is missing."""
    parser = argparse.ArgumentParser(prog="python -m bootstrap", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup", help="bring .venv to what the lock says")
    commands.add_parser("docs", help="build the documentation site; needs .venv")
    commands.add_parser("deploy", help="bring the environment that looks at deploy/ to its lock; needs .venv")
    commands.add_parser("tables", help="put the tables of make quality into .cache; needs .venv")
    lock = commands.add_parser("lock", help="resolve the locks again and say what changed")
    lock.add_argument("packages", nargs="*", help="packages to upgrade; all for every one")
    root = commands.add_parser("root", help="try the project in a fresh Debian (as root)")
    root.add_argument(
        "stack", choices=[*sorted(RELEASES), "other"], help="other: the one that this machine does not use"
    )
    root.add_argument("targets", nargs="*", default=["run", "test"])
    root.add_argument("--python", default="", help="a version that pyenv built here, to be there too")
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; start it again to go on", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    if options.command == "root":
        return try_release(ROOT, RELEASES[_stack_named(options.stack)], options.targets, os.environ, options.python)
    if options.command == "docs":
        checkout = Checkout(ROOT)
        runner = Runner(checkout.cache / "docs.log", own_environment(os.environ))
        build_site(checkout, read_machine(), runner)
        return 0
    if options.command == "deploy":
        checkout = Checkout(ROOT)
        install_deploy(checkout, read_machine(), Runner(checkout.cache / "deploy.log", own_environment(os.environ)))
        return 0
    if options.command == "tables":
        checkout = Checkout(ROOT)
        install_tables(checkout, read_machine(), Runner(checkout.cache / "tables.log", own_environment(os.environ)))
        return 0
    _lock(options.packages) if options.command == "lock" else _setup()
    return 0


def _stack_named(name: str) -> str:
    own = choose_stack(read_machine(), os.environ.get("MILLRACE_STACK", "")) if name == "other" else None
    return next(other for other in STACKS if other != own.name) if own else name


def _setup() -> None:
    checkout, machine = Checkout(ROOT), read_machine()
    stack = choose_stack(machine, os.environ.get("MILLRACE_STACK", ""))
    if up_to_date(checkout, stack, os.environ.get("MILLRACE_PYTHON", "")):
        return
    set_up(checkout, stack, machine, os.environ, Runner(checkout.cache / "setup.log", own_environment(os.environ)))


def _lock(packages: list[str]) -> None:
    runner = Runner(ROOT / ".cache" / "lock.log", own_environment(os.environ))
    lock_all(ROOT, get_uv(ROOT, runner, read_machine()), runner, packages)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
