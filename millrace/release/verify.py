"""Whether a release is what was built: every byte, by its manifest, its name and its signature."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from millrace.base import files
from millrace.base.errors import BadInput, GateRefused
from millrace.jobspec.job import CompiledJob, from_documents
from millrace.release.bundle import JOB, MANIFEST, REMEDY, Release, digest, read
from millrace.release.signing import SUFFIX, is_signed

_NAMED = re.compile(r".*-([0-9a-f]{12})\.release\.tar")


def verified(file: Path, key: Optional[Ed25519PublicKey] = None) -> Release:
    """Reads a release that is whole.

    Args:
        file: the release's.
        key: whose signature it must have; None to ask for none.

    Raises:
        BadInput: it is no release.
        GateRefused: something in it was changed, or it is not signed by that key.
    """
    try:
        data = files.read_bytes(file)
    except FileNotFoundError as error:
        remedy = "name a file that is there; millrace release build says where it wrote one"
        raise BadInput("there is no such release", where=str(file), remedy=remedy) from error
    try:
        release: Optional[Release] = read(data, str(file))
    except BadInput as error:
        # Of a file that is called like a release, what cannot be read was changed.
        if not _NAMED.fullmatch(file.name):
            raise
        release, unreadable = None, error.what
    found = list(faults(release, data, file)) if release else [unreadable]
    if key is not None:
        beside = file.with_name(file.name + SUFFIX)
        if not beside.is_file():
            found.append(f"there is no signature beside it, {beside.name}")
        elif not is_signed(data, files.read_text(beside), key):
            found.append("the signature is not of this key, or not of these bytes")
    if found or release is None:
        raise GateRefused(
            f"not what was built: {'; '.join(found)}",
            where=str(file),
            remedy="take it again from where it was built, or build it again from its commit",
        )
    return release


def faults(release: Release, data: bytes, file: Path) -> Iterator[str]:
    """What was changed, each in a few words that name it.

    Args:
        release: as it was read.
        data: the file's bytes.
        file: its name holds the beginning of its digest.
    """
    listed = release.manifest.files
    for name in sorted(listed.keys() | release.files.keys()):
        if name not in release.files:
            yield f"{name} is missing"
        elif name not in listed:
            yield f"{name} is not of it"
        elif digest(release.files[name]) != listed[name]:
            yield f"{name} was changed"
    named = _NAMED.fullmatch(file.name)
    if release.to_bytes() != data:
        yield f"the archive's own entries, or the text of {MANIFEST}, were changed"
    elif named and not digest(data).sha256.startswith(named[1]):
        yield f"{MANIFEST} was changed: the file's digest is not the one that its name says"


def job_of(release: Release, where: str = "") -> CompiledJob:
    """The compiled job of a release.

    Args:
        release: one that is whole.
        where: its file, for messages.

    Raises:
        BadInput: there is none in it.
    """
    try:
        document = json.loads(release.files[JOB])
    except (KeyError, ValueError, RecursionError) as error:
        what = f"{JOB} is no JSON" if JOB in release.files else f"there is no {JOB} in it"
        raise BadInput(f"no release: {what}", where=where, remedy=REMEDY) from error
    return from_documents([document], where)
