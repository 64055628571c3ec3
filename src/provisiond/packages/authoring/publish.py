"""Bringing a channel to its web server, so that servers never see an index without its archives."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field

from provisiond.errors import PackageProblem
from provisiond.packages.authoring.channels import plugins_of
from provisiond.packages.authoring.index import INDEX_NAME, entry_of, index_bytes
from provisiond.packages.authoring.rsync import Rsync
from provisiond.packages.signatures import SIGNATURE_SUFFIX

LOCK_NAME = ".publishing.lock"
MARK_NAME = ".fetched"
_SIGNATURE_NAME = f"{INDEX_NAME}{SIGNATURE_SUFFIX}"
_HIDDEN = "--exclude=.*"


@define
class PublishReport:
    """What was published, or would be.

    :param sent: names of files that are new or changed at the destination.
    :param vanished: names of files that are no longer there.
    """

    sent: list[str] = field(factory=list)
    vanished: list[str] = field(factory=list)


def fetch(destination: str, local: Path) -> bool:
    """Make a local directory the copy of a published channel; False when nothing is published yet.

    What is there locally and not at the destination is removed, unless nothing is published.

    :raises PackageProblem: when rsync fails.
    """
    remote = Rsync(destination)
    there = remote.pull(local, filters=[_HIDDEN], delete=True)
    _write_mark(local, destination, remote)
    return there


def publish(local: Path, destination: str, *, dry_run: bool = False) -> PublishReport:
    """Make the destination the copy of a local channel: archives first, the index after them, deletions last.

    :param dry_run: only tell what would be sent and what would vanish.
    :raises PackageProblem: when the index does not fit the archives; when the channel was not fetched, or somebody else
        has published since; when somebody else is publishing; when something that would vanish came after the channel
        was fetched; when rsync fails.
    """
    _check_channel(local)
    remote = Rsync(destination)
    _check_unchanged(remote, local, destination)
    report = _difference(remote, local)
    if dry_run:
        return report
    with _locked(remote) as still_ours:
        _check_unchanged(remote, local, destination)
        remote.push(local, filters=[_HIDDEN, f"--exclude=/{INDEX_NAME}", f"--exclude=/{_SIGNATURE_NAME}"])
        still_ours()
        rules = [f"--include=/{_SIGNATURE_NAME}", f"--include=/{INDEX_NAME}", "--exclude=*"]
        remote.push(local, filters=rules)
        remote.remove(report.vanished)
    _write_mark(local, destination, remote)
    return report


def publish_files(local: Path, destination: str, *, dry_run: bool = False) -> list[str]:
    """Send a tree without an index, such as hosted firmware; nothing is ever removed. Return the names sent."""
    if not local.is_dir():
        raise PackageProblem(f"{local} is not a directory")
    remote = Rsync(destination)
    names = remote.would_send(local, filters=[_HIDDEN]) if remote.exists() else sorted(_visible_files(local, ""))
    if not dry_run:
        remote.push(local, filters=[_HIDDEN])
    return names


def _visible_files(directory: Path, prefix: str) -> Iterator[str]:
    for path in directory.iterdir():
        if path.is_dir() and not path.name.startswith("."):
            yield from _visible_files(path, f"{prefix}{path.name}/")
        elif not path.name.startswith("."):
            yield f"{prefix}{path.name}"


def _check_channel(local: Path) -> None:
    path = local / INDEX_NAME
    if not path.is_file():
        raise PackageProblem(f"{local} has no {INDEX_NAME}; index it first")
    listed, _ = plugins_of(local)
    entries = dict(entry_of(archive) for archive in listed.values())
    if json.loads(path.read_bytes()) != json.loads(index_bytes(entries)):
        raise PackageProblem(f"the {INDEX_NAME} in {local} does not fit its archives; index it again")


def _difference(remote: Rsync, local: Path) -> PublishReport:
    present = _present(remote)
    ours = {path.name for path in local.iterdir() if path.is_file() and not path.name.startswith(".")}
    sent = remote.would_send(local, filters=[_HIDDEN]) if present else sorted(ours)
    vanished = sorted(set(present) - ours)
    fetched = _mark(local).get("files", {})
    newer = [name for name in vanished if present[name] > fetched.get(name, 0)]
    if newer:
        raise PackageProblem(f"{newer[0]} at the destination is newer than what was fetched; fetch the channel again")
    return PublishReport(sent, vanished)


def _present(remote: Rsync) -> dict[str, float]:
    return {item.name: item.modified for item in remote.listing() if not item.name.startswith(".")}


def _check_unchanged(remote: Rsync, local: Path, destination: str) -> None:
    content = remote.read(INDEX_NAME)
    there = hashlib.sha256(content).hexdigest() if content is not None else None
    mark = _mark(local)
    if there is None and not mark:
        return
    if mark.get("destination") != destination.rstrip("/"):
        raise PackageProblem(f"fetch {destination} first, so that nothing of others is lost")
    if mark.get("index") != there:
        raise PackageProblem(f"{destination} was changed since it was fetched; fetch it again")


def _mark(local: Path) -> dict[str, Any]:
    try:
        document = json.loads((local / MARK_NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _write_mark(local: Path, destination: str, remote: Rsync) -> None:
    """Note what is at the destination and here alike: it may be replaced and removed there."""
    ours = {path.name for path in local.iterdir()}
    files = {name: modified for name, modified in _present(remote).items() if name in ours}
    index = local / INDEX_NAME
    digest = hashlib.sha256(index.read_bytes()).hexdigest() if files and index.is_file() else None
    document = {"destination": destination.rstrip("/"), "index": digest, "files": files}
    (local / MARK_NAME).write_text(json.dumps(document))


@contextmanager
def _locked(remote: Rsync) -> Iterator[_StillOurs]:
    """Hold the lock file at the destination for the length of a block."""
    token = f"{secrets.token_hex(16)} {os.environ.get('USER', 'somebody')} {time.strftime('%Y-%m-%d %H:%M')}\n".encode()
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, LOCK_NAME).write_bytes(token)
        remote.push(Path(directory), options=["--ignore-existing"])
    still_ours = _StillOurs(remote, token)
    still_ours()
    try:
        yield still_ours
    finally:
        if remote.read(LOCK_NAME) == token:
            remote.remove([LOCK_NAME])


class _StillOurs:
    def __init__(self, remote: Rsync, token: bytes) -> None:
        self._remote = remote
        self._token = token

    def __call__(self) -> None:
        """Refuse to go on when the lock is somebody else's.

        :raises PackageProblem: telling whose, and what to do about a lock that was left behind.
        """
        found = self._remote.read(LOCK_NAME)
        if found != self._token:
            whose = " ".join((found or b"").decode("utf-8", "replace").split()[1:]) or "somebody"
            raise PackageProblem(f"{whose} is publishing; remove {LOCK_NAME} there if that was interrupted")
