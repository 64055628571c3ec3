"""Digests of files, and what a file must be: its size and every digest that is given."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO

_CHUNK = 1 << 20
DIGEST_LENGTHS: Mapping[str, int] = {"md5": 32, "sha1": 40, "sha256": 64}


def new_digest(algorithm: str) -> hashlib._Hash:
    """Return an empty digest of one of ``md5``, ``sha1``, ``sha256``; none of them guards a secret."""
    return hashlib.new(algorithm, usedforsecurity=False)


def digests_of(
    stream: IO[bytes], algorithms: Iterable[str], tick: Callable[[int], None] = lambda size: None
) -> dict[str, str]:
    """Return algorithm -> digest in lower-case hex of the rest of ``stream``.

    :param tick: told the size of each piece that was read.
    """
    digests = {algorithm: new_digest(algorithm) for algorithm in algorithms}
    while chunk := stream.read(_CHUNK):
        for digest in digests.values():
            digest.update(chunk)
        tick(len(chunk))
    return {algorithm: digest.hexdigest() for algorithm, digest in digests.items()}


def file_digests(path: Path, algorithms: Iterable[str]) -> dict[str, str]:
    """Return algorithm -> digest in lower-case hex of a file."""
    with path.open("rb") as stream:
        return digests_of(stream, algorithms)
