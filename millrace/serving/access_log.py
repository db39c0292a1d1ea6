"""What the gateway's access log says about each version's answers: failures and slow ones, read on from a place."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from millrace.serving import envoy_config

NAME = "access.log"
_OLDER = "access-*.log"
# Envoy's flag of a client that did not wait for its answer, which says nothing about the version.
_CLIENT_LEFT = "DC"
# The codes of gRPC that speak of the request: CANCELLED, INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED,
# FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED and UNAUTHENTICATED; in REST these are 4xx and 501.
_OF_THE_CLIENT = frozenset({1, 3, 5, 7, 9, 11, 12, 16})
# What asks a model; the rest asks a server about itself.
_PREDICTION = re.compile(
    r"(?i:/v1/models/[^/:]+(?:/(?:versions|labels)/[^/:]+)?:(?:predict|classify|regress))"
    r"|/tensorflow\.serving\.PredictionService/(?!GetModelMetadata$).+"
)
_TOO_MANY, _NOT_IMPLEMENTED = 429, 501
# What the latest traffic is told by: the end of the log, and so many seconds of it at least.
_RECENT_BYTES, _RECENT_SECONDS = 4 * 2**20, 600.0


@dataclass(frozen=True)
class Answer:
    """One line of the log.

    Args:
        request_id: as the client, the server and the labels know it.
        version: which answered, or should have.
        time: when the request came, seconds since the epoch.
        milliseconds: until the last byte of the answer.
        failed: whether the version is to blame: REST's 5xx or 429, or what gRPC has for these.
        refused: whether the version says that the request is to blame: any other 4xx, or what gRPC has for these.
        is_rest: whether it was asked by REST.
    """

    request_id: str
    version: int
    time: float
    milliseconds: float
    failed: bool
    refused: bool = False
    is_rest: bool = True


def read_on(folder: Path, inode: int, offset: int) -> tuple[list[Answer], int, int]:
    """The answers since the last look.

    Args:
        folder: of the log and of those that were put aside when they were large.
        inode: of the file that was read last; 0 to read all.
        offset: bytes of it that were read.

    Returns:
        The answers, and the file and the place from which to go on.
    """
    present = [(file.stat().st_ino, file) for file in log_files(folder)]
    inodes = [one for one, _ in present]
    if inode in inodes:
        present = present[inodes.index(inode) :]
    answers: list[Answer] = []
    for found, file in present:
        offset = offset if found == inode else 0
        inode = found
        with open(file, "rb") as stream:
            stream.seek(offset)
            content = stream.read()
        # What Envoy is still writing is read the next time.
        whole = content[: content.rfind(b"\n") + 1]
        answers.extend(_answers(whole))
        offset += len(whole)
    return answers, inode, offset


def between(folder: Path, since: float, until: float) -> Iterator[Answer]:
    """The answers to requests that came in a span of time, one line in memory at a time.

    Args:
        folder: of the log and of those that were put aside.
        since: seconds since the epoch.
        until: the first moment after it.
    """
    for file in log_files(folder):
        try:
            # A log that was last written before has nothing of it.
            if file.stat().st_mtime < since:
                continue
            with open(file, "rb") as stream:
                yield from (one for line in stream for one in _answers(line) if since <= one.time < until)
        except FileNotFoundError:
            # Put aside, or removed, since it was listed.
            continue


def end(folder: Path) -> tuple[int, int]:
    """The file and the place from which `read_on` reads what comes from now on."""
    present = log_files(folder)
    status = present[-1].stat() if present else None
    return (status.st_ino, status.st_size) if status else (0, 0)


def requests_an_hour(folder: Path, now: float) -> Optional[float]:
    """How many answers an hour there were lately; None where the end of the log says too little.

    Args:
        folder: of the log.
        now: seconds since the epoch.
    """
    log = folder / NAME
    if not log.exists():
        return None
    with open(log, "rb") as stream:
        begun = max(0, log.stat().st_size - _RECENT_BYTES)
        stream.seek(begun)
        content = stream.read()
    times = [one.time for one in _answers(content[content.find(b"\n") + 1 :] if begun else content)]
    if not times or now - times[0] < _RECENT_SECONDS:
        return None
    return len(times) * 3600 / (now - times[0])


def log_files(folder: Path) -> list[Path]:
    """The files of the log, the older first."""
    return [*sorted(folder.glob(_OLDER)), *(file for file in [folder / NAME] if file.exists())]


def put_aside(folder: Path, larger_than: int, kept: int) -> bool:
    """Renames a log that is large, and removes the oldest ones.

    Args:
        folder: of the log.
        larger_than: bytes.
        kept: how many older ones stay.

    Returns:
        Whether it was renamed: Envoy must then begin another.
    """
    log, older = folder / NAME, sorted(folder.glob(_OLDER))
    if not log.exists() or log.stat().st_size <= larger_than:
        return False
    number = int(older[-1].stem.partition("-")[2]) + 1 if older else 1
    log.rename(folder / f"access-{number:06d}.log")
    for file in older[: max(0, len(older) + 1 - kept)]:
        file.unlink()
    return True


def tallies(answers: list[Answer], slow_ms: Optional[float]) -> dict[str, dict[int, Counter]]:
    """How bad the answers were, as tests take it.

    Args:
        answers: of a while.
        slow_ms: from when on one is slow; None where that is not judged.

    Returns:
        Of `errors` and `slow`, the tally of each version; what it refused is in neither. Of `refused`, how often it
        refused a request by REST and how often it took one.
    """
    counted: dict[str, dict[int, Counter]] = {"errors": {}, "refused": {}, **({} if slow_ms is None else {"slow": {}})}
    for answer in answers:
        if answer.is_rest and not answer.failed:
            counted["refused"].setdefault(answer.version, Counter())[float(answer.refused)] += 1
        if answer.refused:
            continue
        counted["errors"].setdefault(answer.version, Counter())[float(answer.failed)] += 1
        if slow_ms is not None:
            counted["slow"].setdefault(answer.version, Counter())[float(answer.milliseconds > slow_ms)] += 1
    return counted


def _answers(lines: bytes) -> Iterator[Answer]:
    for line in lines.splitlines():
        try:
            fields = json.loads(line)
            answer = _answer(fields)
        except (ValueError, KeyError, TypeError):
            # A power cut may leave a line that is none; a request that no version was chosen for has no version.
            continue
        if answer is not None:
            yield answer


def _answer(fields: dict[str, Any]) -> Optional[Answer]:
    """The answer of a version; None of one that says nothing about a version."""
    if not _PREDICTION.fullmatch(fields["path"]):
        # A look at its state, as a load balancer takes one every second, asks the model nothing.
        return None
    if fields["cluster"] is None or _CLIENT_LEFT in str(fields["flags"]).split(","):
        return None
    code, of_grpc = int(fields["code"]), fields["grpc"]
    is_rest = of_grpc is None
    refused = _is_the_client_s(code) if is_rest else of_grpc in _OF_THE_CLIENT
    failed = not refused and (code >= 300 if is_rest else of_grpc != 0)
    version = envoy_config.version_of(fields["cluster"])
    return Answer(fields["id"] or "", version, float(fields["time"]), float(fields["ms"]), failed, refused, is_rest)


def _is_the_client_s(code: int) -> bool:
    return code == _NOT_IMPLEMENTED or (400 <= code < 500 and code != _TOO_MANY)
