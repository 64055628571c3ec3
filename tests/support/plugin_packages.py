"""Plugins for tests, as archives and repositories, right and wrong."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from provisiond.packages.authoring.index import entry_of, index_bytes

T = TypeVar("T")


def run_inline(function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Awaitable[T]:
    """Stand for a thread: call at once."""
    try:
        return succeed(function(*args, **kwargs))
    except Exception:
        failed: Deferred[T] = Deferred()
        failed.errback(Failure())
        return failed


def result(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine that never waits returns, or raise what it raises."""
    found: list[Any] = []
    Deferred.fromCoroutine(coroutine).addBoth(found.append)
    assert found, "the coroutine waits for something"
    if isinstance(found[0], Failure):
        found[0].raiseException()
    return found[0]  # type: ignore[no-any-return]


def member(name: str, content: bytes | None = None, **members: Any) -> tuple[tarfile.TarInfo, bytes]:
    """Return a member for :func:`tar_bytes`: a directory without content, else a file."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
    info.size = len(content or b"")
    for key, value in members.items():
        setattr(info, key, value)
    return info, content or b""


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    """Return a link as a member."""
    return member(name, type=kind, linkname=target)


def tar_bytes(members: Iterable[tuple[tarfile.TarInfo, bytes]], packing: str = "bz2") -> bytes:
    """Return a tar archive, packed with ``bz2``, ``gz``, ``xz`` or not at all (empty)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    data = stream.getvalue()
    return {"bz2": bz2.compress, "gz": gzip.compress, "xz": lzma.compress, "": lambda data: data}[packing](data)


def plugin_archive(
    plugin_id: str, version: str = "1.0", files: Mapping[str, bytes] | None = None, packing: str = "bz2"
) -> bytes:
    """Return the archive of a small plugin."""
    info = {"version": version, "description": f"Phones of {plugin_id}", "capabilities": {"Demo, D10, 1": {"lines": 2}}}
    content = {"plugin-info": json.dumps(info).encode(), "entry.py": b"PLUGIN = None\n", **(files or {})}
    return tar_bytes(
        [member(plugin_id), *(member(f"{plugin_id}/{name}", data) for name, data in content.items())], packing
    )


def publish(directory: Path, archives: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Write archives (name -> bytes) and their index into a directory; return the index."""
    directory.mkdir(parents=True, exist_ok=True)
    entries = {}
    for name, data in archives.items():
        (directory / name).write_bytes(data)
        plugin_id, entry = entry_of(directory / name)
        entries[plugin_id] = entry
    (directory / "plugins.db").write_bytes(index_bytes(entries))
    return entries


def publish_as(plugin_id: str, version: str, name: str, archive: bytes) -> dict[str, bytes]:
    """Return an archive, whatever it holds, and the index that offers it, by their file names."""
    entry = {
        "version": version,
        "description": f"Phones of {plugin_id}",
        "capabilities": {},
        "filename": name,
        "dsize": max(1, len(archive)),
        "sha1sum": hashlib.sha1(archive).hexdigest(),
    }
    return {name: archive, "plugins.db": index_bytes({plugin_id: entry})}
