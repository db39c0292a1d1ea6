"""A command that writes into its folder alone and connects nowhere, where the kernel can see to it."""

import ctypes
import os
import subprocess
import sys
import textwrap

import pytest

from millrace.model_server import confined

CONFINED = [sys.executable, "-S", "-E", confined.__file__]
VERSION = confined.landlock()
TRIES = textwrap.dedent("""
    import os, socket, sys
    outside, server = sys.argv[1], socket.create_server(("127.0.0.1", 0))
    tries = {
        "within": lambda: open("within", "w").write("x"),
        "within, moved": lambda: (os.mkdir("a"), os.rename("within", "a/b"), os.remove("a/b")),
        "nothing": lambda: open("/dev/null", "w").write("x"),
        "read": lambda: open(f"{outside}/kept").read(),
        "write": lambda: open(f"{outside}/kept", "w"),
        "append": lambda: open(f"{outside}/kept", "a"),
        "truncate": lambda: os.truncate(f"{outside}/kept", 0),
        "make": lambda: open(f"{outside}/new", "w"),
        "folder": lambda: os.mkdir(f"{outside}/folder"),
        "link": lambda: os.symlink("kept", f"{outside}/link"),
        "remove": lambda: os.remove(f"{outside}/kept"),
        "move": lambda: os.rename(f"{outside}/kept", f"{outside}/moved"),
        "connect": lambda: socket.create_connection(server.getsockname(), 5),
        "signal": lambda: os.kill(os.getppid(), 0),
    }
    for name, do in tries.items():
        try:
            do()
            print(name)
        except PermissionError:
            print(name, "- no")
""")


@pytest.mark.skipif(VERSION < 3, reason="this kernel's Landlock is too old, or there is none")
def test_a_command_writes_into_its_folder_alone_and_connects_nowhere(tmp_path):
    own, outside = tmp_path / "own", tmp_path / "outside"
    own.mkdir()
    outside.mkdir()
    (outside / "kept").write_text("kept")
    command = [*CONFINED, str(own), sys.executable, "-c", TRIES, str(outside)]
    done = subprocess.run(command, cwd=own, capture_output=True, text=True, check=False)
    allowed = ["within", "within, moved", "nothing", "read"]
    refused = ["write", "append", "truncate", "make", "folder", "link", "remove", "move"]
    allowed += ["connect"] if VERSION < 4 else []
    allowed += ["signal"] if VERSION < 6 else []
    wanted = {*allowed, *(f"{name} - no" for name in (*refused, "connect", "signal") if name not in allowed)}
    assert set(done.stdout.splitlines()) == wanted, done.stderr
    assert (outside / "kept").read_text() == "kept" and len(list(outside.iterdir())) == 1


@pytest.mark.skipif(VERSION < 3, reason="this kernel's Landlock is too old, or there is none")
def test_a_folder_that_is_not_there_is_not_written(tmp_path):
    command = [*CONFINED, str(tmp_path / "gone"), "sh", "-c", f"echo x > {tmp_path}/outside; echo ran >&2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "ran" in done.stderr and not (tmp_path / "outside").exists()


@pytest.mark.parametrize("version", [-1, 0])
def test_where_the_kernel_cannot_the_command_runs_all_the_same(tmp_path, monkeypatch, version):
    class Without:
        """A C library whose kernel knows no Landlock."""

        def __init__(self, *_: object, **__: object) -> None: ...

        def syscall(self, number: int, *_: object) -> int:
            assert number == 444
            return version

    became: list[str] = []
    monkeypatch.setattr(ctypes, "CDLL", Without)
    monkeypatch.setattr(os, "execvp", lambda program, command: became.extend(command))
    assert not confined.confine(str(tmp_path))
    confined.main([str(tmp_path), "served", "--port=1"])
    assert became == ["served", "--port=1"]


def test_a_command_that_does_not_exist_and_the_exit_code_of_one_that_does(tmp_path):
    done = subprocess.run([*CONFINED, str(tmp_path), "no-such-command"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (127, "cannot start no-such-command: No such file or directory\n")
    assert subprocess.run([*CONFINED, str(tmp_path), "sh", "-c", "exit 7"], check=False).returncode == 7
