"""Keys that releases and approvals are signed with, as files and variables hold them."""

from typing import Any

from cryptography.hazmat.primitives import serialization


def pem(key: Any, private: bool) -> bytes:
    """A private key as PEM text, or the public one that belongs to it."""
    encoding = serialization.Encoding.PEM
    if private:
        return bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return bytes(key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo))
