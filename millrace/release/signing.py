"""Signatures of a release: Ed25519 over its file's bytes, in a file beside it, by the `cryptography` library.

Keys are PEM files, as `openssl genpkey -algorithm ed25519` makes them; a private key is named, and never written down.
"""

import base64
import binascii
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from millrace.base import files
from millrace.base.errors import BadInput

SUFFIX = ".sig"


def private_key(file: str = "", variable: str = "") -> Ed25519PrivateKey:
    """The key to sign with.

    Args:
        file: a PEM file.
        variable: the environment variable that holds the PEM text; used where no file is named.

    Raises:
        BadInput: there is none, or it is no private key of Ed25519 without a password.
    """
    where = file or variable
    text = _pem(Path(file), _MAKE_KEY) if file else os.environ.get(variable, "").encode()
    if not text:
        raise BadInput("the environment variable is not set", where=where, remedy="set it to the key's PEM text")
    try:
        key = serialization.load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadInput("no private key that can be read", where=where, remedy=_MAKE_KEY) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput("a key of another kind than Ed25519", where=where, remedy=_MAKE_KEY)
    return key


def public_key(file: Path) -> Ed25519PublicKey:
    """The key to check with.

    Args:
        file: a PEM file.

    Raises:
        BadInput: there is no such file, or it is no public key of Ed25519.
    """
    text = _pem(file, _TAKE_PUBLIC)
    try:
        key = serialization.load_pem_public_key(text)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadInput("no public key that can be read", where=str(file), remedy=_TAKE_PUBLIC) from error
    if not isinstance(key, Ed25519PublicKey):
        raise BadInput("a key of another kind than Ed25519", where=str(file), remedy=_TAKE_PUBLIC)
    return key


def _pem(file: Path, remedy: str) -> bytes:
    try:
        return files.read_bytes(file, remedy=remedy)
    except FileNotFoundError as error:
        raise BadInput("there is no such key", where=str(file), remedy=remedy) from error


def signature(data: bytes, key: Ed25519PrivateKey) -> str:
    """The text of a signature's file.

    Args:
        data: the release's file.
        key: to sign with.
    """
    return base64.b64encode(key.sign(data)).decode() + "\n"


def is_signed(data: bytes, text: str, key: Ed25519PublicKey) -> bool:
    """Whether a signature is of just these bytes and of this key.

    Args:
        data: the release's file.
        text: of the signature's file.
        key: whose it should be.
    """
    try:
        key.verify(base64.b64decode(text.strip(), validate=True), data)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


_MAKE_KEY = "make one: openssl genpkey -algorithm ed25519 -out release.pem"
_TAKE_PUBLIC = "take it of the private one: openssl pkey -in release.pem -pubout -out release.pub"
