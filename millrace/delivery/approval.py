"""Approvals of a release: lines in a file beside it, which only grows, each signed where the environment asks for that.

They go where the release goes, so that a machine which has nothing else can hold a policy to them.
"""

import base64
import binascii
import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Optional

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import ValidationError

from millrace.base import files
from millrace.base.errors import BadInput
from millrace.base.section import Section

SUFFIX = ".approvals"


class Approval(Section):
    """That somebody lets a release go on.

    Args:
        release: the SHA-256 of the release's file.
        who: user and machine, or the name under which an environment knows the key.
        because: why.
        at: when, ISO 8601 in UTC.
        signature: of all this, Base64 of Ed25519; empty where nobody signed.
    """

    release: str
    who: str
    because: str
    at: str
    signature: str = ""

    @property
    def signed_text(self) -> bytes:
        """What is signed: all but the signature, as one line of JSON with sorted keys."""
        return json.dumps(self.model_dump(exclude={"signature"}), sort_keys=True).encode()


def beside(release: Path) -> Path:
    """The file that holds a release's approvals."""
    return release.with_name(release.name + SUFFIX)


def approve(
    file: Path, digest: str, who: str, because: str, now: float, key: Optional[Ed25519PrivateKey] = None
) -> Approval:
    """Approves a release.

    Args:
        file: the release's.
        digest: its SHA-256.
        who: by whom.
        because: why.
        now: seconds since the epoch.
        key: to sign with; None to sign with none.
    """
    at = datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="seconds")
    given = Approval(release=digest, who=who, because=because, at=at)
    if key is not None:
        given = given.model_copy(update={"signature": base64.b64encode(key.sign(given.signed_text)).decode()})
    try:
        with open(beside(file), "a+b") as lines:
            # Whoever wrote the line before may have been killed within it.
            lines.seek(max(lines.seek(0, os.SEEK_END) - 1, 0))
            torn = lines.read(1) not in (b"", b"\n")
            lines.write((b"\n" if torn else b"") + given.model_dump_json().encode() + b"\n")
    except OSError as error:
        raise BadInput(
            f"cannot be written: {error.strerror}", where=str(beside(file)), remedy="see that the folder is yours"
        ) from error
    return given


def approving(file: Path, approvers: Mapping[str, str]) -> str:
    """What a person types to approve a release.

    Args:
        file: the release's.
        approvers: as `promotion.approvers` has them; where there are some, only a signature counts.
    """
    return f"millrace release approve {shlex.quote(str(file))} --because WHY{' --key FILE' if approvers else ''}"


@dataclass(frozen=True)
class Approvals:
    """What the file beside a release says.

    Args:
        given: the approvals of just these bytes, in order.
        strange: the numbers of the lines that are no approval. Whoever may write there may write anything, and who was
            killed in the middle of a line leaves half of one: they count for nothing, and spoil nothing.
    """

    given: tuple[Approval, ...] = ()
    strange: tuple[int, ...] = ()


def approvals(file: Path, digest: str) -> Approvals:
    """Reads the approvals of a release.

    Args:
        file: the release's.
        digest: its SHA-256.

    Raises:
        BadInput: what is there cannot be read.
    """
    place = beside(file)
    try:
        lines = files.read_bytes(place, remedy="take it away, or put the file of approvals there").split(b"\n")
    except FileNotFoundError:
        return Approvals()
    found, strange = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(Approval.model_validate_json(line))
        except ValidationError:
            strange.append(number)
    return Approvals(tuple(one for one in found if one.release == digest), tuple(strange))


def signer(given: Approval, approvers: Mapping[str, str]) -> str:
    """The name under which an environment knows who signed an approval; empty where nobody it knows did.

    Args:
        given: the approval.
        approvers: public keys by name, as `promotion.approvers` has them.
    """
    for name, text in approvers.items():
        try:
            _key(text).verify(base64.b64decode(given.signature, validate=True), given.signed_text)
        except (InvalidSignature, binascii.Error, ValueError):
            continue
        return name
    return ""


def _key(text: str) -> Ed25519PublicKey:
    """The key of a line of `promotion.approvers`, which the configuration holds to its form."""
    key = load_der_public_key(base64.b64decode(text))
    assert isinstance(key, Ed25519PublicKey), "the form is that of no other kind"
    return key
