"""What the system of a slim image holds of programs: those of Debian's essential packages.

Packages that `python:3.x-slim` has (Debian 12 and 13, their lists of essential and required packages, November 2026):
bash, bsdutils, coreutils, dash, debianutils, diffutils, findutils, grep, gzip, hostname, libc-bin, mawk, ncurses-bin,
openssl, perl-base, sed, tar, util-linux. What Debian's Python images compile and download with is not in them.
"""

import shutil
from pathlib import Path

# Where programs are in an image.
FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_NAMES = """
[ arch awk b2sum base32 base64 basename basenc bash cat chcon chgrp chmod choom chown chroot chrt cksum clear
cmp comm cp csplit cut dash date dd df diff diff3 dir dircolors dirname dnsdomainname domainname du echo egrep
env expand expr factor fallocate false fgrep find flock fmt fold getconf getent getopt grep groups gunzip
gzexe gzip head hostid hostname iconv id install ionice ipcmk ipcrm ipcs join ldconfig ldd link ln locale
logger logname ls lscpu mawk md5sum mkdir mkfifo mknod mktemp more mountpoint mv namei nawk nice nl nohup
nproc nsenter numfmt od openssl paste pathchk perl pinky pr printenv printf prlimit ptx pwd rbash readlink
realpath rename.ul renice reset rev rgrep rm rmdir run-parts runcon sdiff sed seq setarch setpriv setsid sh
sha1sum sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort split stat stdbuf stty sum sync tabs tac
tail tar taskset tee tempfile test timeout touch tput tr true truncate tset tsort tty uname uncompress
unexpand uniq unlink unshare users vdir wc whereis which which.debianutils who whoami xargs yes zcat zcmp
zdiff zegrep zfgrep zforce zgrep zless zmore znew
"""
PROGRAMS = frozenset(_NAMES.split())


def link_programs(folder: Path) -> None:
    """Makes a folder of links to those programs that this machine has, for where the system's cannot be hidden.

    Args:
        folder: where the links go; made here.
    """
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        program = shutil.which(name, path=":".join(FOLDERS))
        if program:
            (folder / name).symlink_to(program)


def program(name: str, own: Path, programs: Path) -> bool:
    """Whether a command's first word can be started in the stand-in for an image.

    Args:
        name: the word, with or without a folder.
        own: the environment's `bin`.
        programs: what `link_programs` made.
    """
    folder, _, plain = name.rpartition("/")
    if not folder:
        return bool(shutil.which(plain, path=f"{own}:{programs}"))
    if folder in FOLDERS:
        return bool(shutil.which(plain, path=f"{own}:{programs}" if plain.startswith("python") else str(programs)))
    return Path(name).is_relative_to(own) and bool(shutil.which(name))
