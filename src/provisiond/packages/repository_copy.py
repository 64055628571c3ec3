"""The last good index of a repository, kept in one file together with what the server said about it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from attrs import asdict, evolve, frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from provisiond.packages.index_file import Index, parse_index
from provisiond.packages.problems import RepositoryProblem, disk_sentence
from provisiond.packages.signatures import check_signature
from provisiond.whole_files import write_whole

_SUFFIX = ".index"


@frozen(kw_only=True)
class IndexNote:
    """What is known about a kept index besides its content.

    :param url: where it came from.
    :param fetched: when, in seconds since 1970.
    :param etag: entity tag of the answer, if it had one.
    :param last_modified: time of the last change as the server said it, if it did.
    :param signature: what stood in the signature file, if there was one.
    """

    url: str
    fetched: float
    etag: str | None = None
    last_modified: str | None = None
    signature: str | None = None


@frozen
class KeptIndex:
    """An index that is in use."""

    note: IndexNote
    index: Index


class IndexCopy:
    """Where the index of one repository is kept; the methods block.

    The first line of the file is the note, as JSON; the rest is the index as fetched: one rename replaces both.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self._name = name
        self._path = directory / f"{name}{_SUFFIX}"

    def load(self, keys: Sequence[Ed25519PublicKey]) -> KeptIndex | None:
        """Return the kept index, or None when there is none.

        :raises RepositoryProblem: when it is not usable any more.
        """
        try:
            note, data = self._read()
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            raise RepositoryProblem(f"the kept index of {self._name} cannot be read; update the list again") from None
        _check(data, note, keys)
        return KeptIndex(note, parse_index(data, self._name))

    def save(self, data: bytes, note: IndexNote, keys: Sequence[Ed25519PublicKey]) -> KeptIndex:
        """Check a fetched index completely, keep it in place of the former one, and return it.

        :raises RepositoryProblem: when it is not an index, or not signed as the settings want; the former one stays.
        """
        _check(data, note, keys)
        index = parse_index(data, self._name)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._write(data, note)
        except OSError as error:
            raise RepositoryProblem(f"the index of {self._name} cannot be stored: {disk_sentence(error)}") from error
        return KeptIndex(note, index)

    def touch(self, kept: KeptIndex, fetched: float) -> KeptIndex:
        """Note that the kept index is still the current one."""
        note = evolve(kept.note, fetched=fetched)
        with contextlib.suppress(OSError, ValueError, TypeError):
            _, data = self._read()
            self._write(data, note)
        return KeptIndex(note, kept.index)

    def remove_leftovers(self) -> list[str]:
        """Remove what an interrupted write has left, and return its name."""
        partial = self._partial()
        if not partial.exists():
            return []
        partial.unlink()
        return [partial.name]

    def _read(self) -> tuple[IndexNote, bytes]:
        head, _, data = self._path.read_bytes().partition(b"\n")
        return IndexNote(**json.loads(head)), data

    def _partial(self) -> Path:
        return self._path.with_name(f".{self._path.name}.tmp")

    def _write(self, data: bytes, note: IndexNote) -> None:
        write_whole(self._path, json.dumps(asdict(note), sort_keys=True).encode() + b"\n" + data)


def _check(data: bytes, note: IndexNote, keys: Sequence[Ed25519PublicKey]) -> None:
    check_signature(data, None if note.signature is None else note.signature.encode(), keys)
