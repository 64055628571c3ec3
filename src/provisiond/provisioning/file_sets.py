"""Sets of rendered files, and how they lie on disk."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from io import FileIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from provisiond.plugins.values import RenderedFile

_FORMAT = 1
_MAX_HEADER = 1 << 20
_MEMORY_PER_FILE = 600
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def _by_name(files: Iterable[RenderedFile] | Mapping[str, RenderedFile]) -> Mapping[str, RenderedFile]:
    if isinstance(files, Mapping):
        return MappingProxyType(dict(files))
    return MappingProxyType({file.name: file for file in files})


@frozen(kw_only=True)
class FileSet:
    """The files of one device, or those that the devices of one plugin share.

    :param revision: what they were made from.
    :param files: by name.
    :param facts: small JSON values that belong to them.
    """

    revision: str
    files: Mapping[str, RenderedFile] = field(converter=_by_name, factory=dict)
    facts: Mapping[str, Any] = field(factory=dict)

    @property
    def size(self) -> int:
        """Bytes that the set takes in memory, about."""
        return sum(len(file.content) + len(file.name) + _MEMORY_PER_FILE for file in self.files.values())


def hashed_name(name: str) -> str:
    """Return a relative path for a name from outside: hex digits only, spread over 256 directories."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{digest[:2]}/{digest[2:40]}"


def packed(files: FileSet) -> bytes:
    """Return the set as bytes: one line of JSON, then the contents."""
    body = b"".join(file.content for file in files.files.values())
    header = {
        "format": _FORMAT,
        "revision": files.revision,
        "facts": dict(files.facts),
        "files": [
            [file.name, file.content_type, file.sensitive, file.trigger, len(file.content)]
            for file in files.files.values()
        ],
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return json.dumps(header).encode() + b"\n" + body


def unpacked(data: bytes) -> FileSet | None:
    """Return the set that :func:`packed` made; None when the bytes are damaged or of another format."""
    line, _, body = data.partition(b"\n")
    try:
        header = json.loads(line[:_MAX_HEADER])
        if header["format"] != _FORMAT or header["sha256"] != hashlib.sha256(body).hexdigest():
            return None
        files, start = [], 0
        for name, content_type, sensitive, trigger, size in header["files"]:
            content = body[start : start + size]
            start += size
            files.append(
                RenderedFile(
                    name=name, content=content, content_type=content_type, sensitive=sensitive, trigger=trigger
                )
            )
        return FileSet(revision=header["revision"], files=files, facts=header["facts"])
    except (ValueError, KeyError, TypeError):
        return None


def read_set(path: Path) -> FileSet | None:
    """Return the set in this file; None when there is none or it is damaged. Blocks."""
    try:
        return unpacked(path.read_bytes())
    except OSError:
        return None


def write_set(path: Path, files: FileSet) -> None:
    """Put the set into this file in one step; readable by the daemon's user only. Blocks.

    :raises OSError: when the disk refuses it; the former file is then still there.
    """
    new = f"{path.parent}/.new-{secrets.token_hex(8)}"
    try:
        descriptor = os.open(new, _CREATE, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(new, _CREATE, 0o600)
    try:
        with open(descriptor, "wb", buffering=0) as stream:
            _write_whole(stream, packed(files))
        os.replace(new, path)
    except BaseException:
        Path(new).unlink(missing_ok=True)
        raise


def _write_whole(stream: FileIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[stream.write(left) :]


def remove_set(path: Path) -> None:
    """Remove the set in this file, if there is one. Blocks."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
