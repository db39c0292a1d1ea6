"""Gives a forked process a tree of its own: what its container would hold, and nothing else of this machine.

Stands alone: `fork_server.py` loads it in the interpreter of the image's stand-in. It asks the kernel by the C library:
a mount namespace, a fresh root in memory, bind mounts of what a task may see, and pivot_root(2). Root may do that, and
elsewhere anyone who may make a user namespace.
"""

import contextlib
import ctypes
import os
import platform
from typing import Any

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
_MNT_DETACH = 2
# What a bind mount may not lose when it is mounted again: statvfs(3) and mount(2) call these flags by one number.
_KEPT = 2 | 4 | 8 | 1024 | 2048  # nosuid, nodev, noexec, noatime, nodiratime
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_SYSTEM = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/share")
_OF_ROOT = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_OF_ETC = """
passwd group hosts host.conf resolv.conf nsswitch.conf protocols services ssl ca-certificates ld.so.cache
ld.so.conf ld.so.conf.d localtime timezone alternatives mime.types os-release debian_version gai.conf
"""
_ETC = _OF_ETC.split()

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: Any) -> None:
    if getattr(_libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2).

    Args:
        source: what is mounted.
        target: where.
        kind: the file system's type; empty for a bind mount and for a change of flags.
        flags: as in <sys/mount.h>.
        options: the file system's own.

    Raises:
        OSError: the kernel says no.
    """
    _call("mount", os.fsencode(source), os.fsencode(target), kind.encode(), flags, options.encode())


def become_able(scratch: str) -> str:
    """Lets this process and its children make trees of their own.

    To be called while the process has one thread.

    Args:
        scratch: an empty folder, to try with.

    Returns:
        Empty when they can; else what the system answered.
    """
    user, group = os.getuid(), os.getgid()
    try:
        try:
            _call("unshare", _CLONE_NEWNS)
        except OSError:
            _call("unshare", _CLONE_NEWNS | _CLONE_NEWUSER)
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"{user} {user} 1")
            _write("/proc/self/gid_map", f"{group} {group} 1")
        mount("none", "/", flags=_MS_REC | _MS_PRIVATE)
        mount("none", scratch, "tmpfs")
        _call("umount2", os.fsencode(scratch), _MNT_DETACH)
    except OSError as error:
        return str(error)
    return ""


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def enter(view: dict[str, Any]) -> None:
    """Changes what this process sees for good.

    Args:
        view: `root`, an empty folder; `read` and `write`, paths that are seen where they are; `at`, paths by where they
            are seen; `programs`, a folder of links that says which programs the system has.

    Raises:
        OSError: the kernel says no.
    """
    _call("unshare", _CLONE_NEWNS)
    root = view["root"]
    mount("none", root, "tmpfs", options="mode=755")
    places = {place: (place, True) for place in _SYSTEM if os.path.isdir(place)}
    places.update({f"/etc/{name}": (f"/etc/{name}", True) for name in _ETC if os.path.exists(f"/etc/{name}")})
    places.update({place: (place, False) for place in ("/proc", "/sys", "/dev")})
    places.update({place: (place, True) for place in view["read"]})
    places.update({place: (place, False) for place in view["write"]})
    places.update({target: (source, False) for target, source in view["at"].items()})
    for name in _OF_ROOT:
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
        elif os.path.isdir(f"/{name}") and name.startswith("lib"):
            places[f"/{name}"] = (f"/{name}", True)
    # A folder before what is in it, or it would cover that.
    for target in sorted(places):
        source, only_read = places[target]
        _bind(source, f"{root}{target}", only_read)
    with contextlib.suppress(OSError):
        mount("none", f"{root}/dev/shm", "tmpfs", options="mode=1777")
    _lay_out_programs(root, view["programs"])
    _make_root(root)


def _bind(source: str, target: str, only_read: bool) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    mount(source, target, flags=_MS_BIND | _MS_REC)
    if only_read:
        kept = os.statvfs(target).f_flag & _KEPT
        # Where the kernel refuses, as over a network's file system, the place stays as it is.
        with contextlib.suppress(OSError):
            mount("none", target, flags=_MS_REMOUNT | _MS_BIND | _MS_RDONLY | kept)


def _lay_out_programs(root: str, programs: str) -> None:
    """Puts an image's programs where the system has them, as links to where the machine's lie out of the way."""
    hidden = {}
    for folder in ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        if os.path.isdir(folder) and not os.path.islink(folder):
            hidden[folder] = f"/.machine{folder}"
            os.makedirs(f"{root}{folder}", exist_ok=True)
            _bind(folder, f"{root}{hidden[folder]}", only_read=True)
    for name in os.listdir(programs):
        folder, _, program = os.readlink(os.path.join(programs, name)).rpartition("/")
        folder = os.path.realpath(folder)
        with contextlib.suppress(FileExistsError):
            os.symlink(f"{hidden[folder]}/{program}", f"{root}{folder}/{name}")
        # A name such as awk leads by way of /etc/alternatives to a program of another name.
        real_folder, _, real = os.path.realpath(f"{folder}/{program}").rpartition("/")
        if real_folder in hidden:
            with contextlib.suppress(FileExistsError):
                os.symlink(f"{hidden[real_folder]}/{real}", f"{root}{real_folder}/{real}")


def _make_root(root: str) -> None:
    os.chdir(root)
    number = _PIVOT_ROOT.get(platform.machine())
    if number and not _libc.syscall(number, b".", b"."):
        _call("umount2", b".", _MNT_DETACH)
    else:
        os.chroot(".")
    os.chdir("/")
