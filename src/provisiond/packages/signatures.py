"""Ed25519 signatures of an index: ``plugins.db.sig`` beside ``plugins.db``, one signature in base64 on each line."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from provisiond.errors import PackageProblem
from provisiond.packages.problems import RepositoryProblem

SIGNATURE_SUFFIX = ".sig"
MAX_SIGNATURE_SIZE = 16384


def public_key(text: str) -> Ed25519PublicKey:
    """Return the key of a setting: 32 bytes in base64.

    :raises PackageProblem: when it is not one.
    """
    try:
        return Ed25519PublicKey.from_public_bytes(b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        raise PackageProblem("a repository key must be an Ed25519 public key: 32 bytes in base64") from None


def new_private_key() -> str:
    """Return a new private key as base64; it must be kept secret."""
    return b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def public_half(private: str) -> str:
    """Return the public key, in base64, that belongs to a private one.

    :raises PackageProblem: when ``private`` is not a private key in base64.
    """
    return b64encode(_private(private).public_key().public_bytes_raw()).decode()


def sign(data: bytes, private: str) -> bytes:
    """Return the content of a signature file.

    :raises PackageProblem: when ``private`` is not a private key in base64.
    """
    return b64encode(_private(private).sign(data)) + b"\n"


def _private(text: str) -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(b64decode(text.strip(), validate=True))
    except (ValueError, binascii.Error):
        raise PackageProblem("this is not an Ed25519 private key: 32 bytes in base64") from None


def check_signature(data: bytes, signature: bytes | None, keys: Sequence[Ed25519PublicKey]) -> None:
    """Refuse an index that none of ``keys`` has signed; with no keys anything is accepted.

    :raises RepositoryProblem: when there is no signature, or none that fits.
    """
    if not keys:
        return
    if signature is None:
        raise RepositoryProblem("the index is not signed, and the settings want it to be")
    for line in signature[:MAX_SIGNATURE_SIZE].split():
        try:
            candidate = b64decode(line, validate=True)
        except (ValueError, binascii.Error):
            continue
        if any(_fits(key, candidate, data) for key in keys):
            return
    raise RepositoryProblem("the index is not signed with a key that the settings name")


def _fits(key: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True
