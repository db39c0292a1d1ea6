"""Becomes a command that writes into one folder alone and connects nowhere, as far as the kernel can see to it.

    python confined.py FOLDER COMMAND...

It asks Linux's Landlock (landlock(7)), which nobody has to be root for: from Linux 5.13 on nothing outside of FOLDER is
written, made or removed, from 6.7 on no connection by TCP is begun, from 6.12 on no process outside is sent a signal.
What listens is asked as ever, and files are read as ever. Where the kernel has no Landlock (before 5.13, gVisor, macOS)
the command runs all the same, unconfined. Standard library only, as `lifeline.py`: it must start at once.
"""

import ctypes
import os
import struct
import sys

# linux/landlock.h; the numbers of the calls are those of every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1
_WRITE_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 13, 1 << 14
# Removing (bits 4 and 5) and making what a folder can hold (6 to 12).
_CHANGE_FOLDERS = sum(1 << bit for bit in range(4, 13))
_CONNECT_TCP = 1 << 1
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1
_PR_SET_NO_NEW_PRIVS = 38


def landlock() -> int:
    """The version of the kernel's Landlock; less than 1 where it has none."""
    if not sys.platform.startswith("linux"):
        return 0
    return int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION))


def confine(folder: str) -> bool:
    """Confines this process, and whatever it becomes or starts, for good.

    Args:
        folder: where it may write, beside /dev/null.

    Returns:
        Whether the kernel confines it.
    """
    version = landlock()
    if version < 1:
        return False
    libc = ctypes.CDLL(None)
    of_files = _WRITE_FILE | (_TRUNCATE if version >= 3 else 0)
    written = of_files | _CHANGE_FOLDERS | (_REFER if version >= 2 else 0)
    handled = struct.pack("=Q", written)
    if version >= 4:
        handled += struct.pack("=Q", _CONNECT_TCP)
    if version >= 6:
        handled += struct.pack("=Q", _ABSTRACT_SOCKETS | _SIGNALS)
    rules = libc.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0)
    if rules < 0:
        return False
    for place, access in ((folder, written), (os.devnull, of_files)):
        try:
            opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # a tree without /dev: what is not there is not written
            continue
        allowed = struct.pack("=Qi", access, opened)
        if libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, allowed, 0):
            return False
        os.close(opened)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    confined = libc.syscall(_RESTRICT_SELF, rules, 0) == 0
    os.close(rules)
    return confined


def main(argv: list[str]) -> int:
    """Confines this process and becomes the command.

    Args:
        argv: the folder, and the command with its arguments.

    Returns:
        127, where the command cannot be started.
    """
    folder, *command = argv
    confine(folder)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)
    return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
