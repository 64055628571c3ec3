"""Fetching what a package repository says, and its archives, each checked before it is used."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from twisted.logger import Logger

from provisiond.errors import PackageProblem
from provisiond.model.operation import OperationProgress
from provisiond.packages.bodies import Writer
from provisiond.packages.catalog.entries import CatalogEntry
from provisiond.packages.downloads import Downloads
from provisiond.packages.network_problems import RefusedByServer
from provisiond.packages.problems import Aborted, CorruptedFile, InstallationProblem, RepositoryProblem, disk_sentence
from provisiond.packages.running import ThreadRunner
from provisiond.packages.wanted import WantedFile
from provisiond.packages.web import Answer, WebClient

log = Logger()
MAX_HEAD: Final = 1 << 20
MAX_DATA: Final = 64 << 20
SECONDS: Final = 300.0
_SIGNATURES: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")


class Collected:
    """A small answer, kept in memory; a larger one is refused."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0

    async def open(self, answer: Answer) -> Writer:
        """Take the body of an answer."""
        if answer.status != 200:
            raise RepositoryProblem(f"it answers with status {answer.status}")
        self._count(answer.length or 0)
        self._size = 0
        return self.write

    async def write(self, data: bytes) -> None:
        """Take a piece."""
        self._count(len(data))
        self._pieces.append(data)

    @property
    def content(self) -> bytes:
        """All that has come."""
        return b"".join(self._pieces)

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > self._limit:
            raise RepositoryProblem(f"its answer is larger than {self._limit:,} bytes")


async def small_answer(
    web: WebClient, url: str, limit: int, *, headers: Mapping[str, str] | None = None, seconds: float = SECONDS
) -> bytes | None:
    """Return the content at an http or https address, or None when the server refuses it.

    :raises PackageProblem: when it cannot be fetched, or is larger than ``limit`` bytes.
    """
    collected = Collected(limit)
    try:
        await web.get(url, collected.open, headers=headers, decode=True, total=seconds)
    except RefusedByServer:
        return None
    return collected.content


async def repository_data(web: WebClient, url: str, target: Path, run: ThreadRunner) -> None:
    """Fetch ``<url>/data`` into a file.

    :raises PackageProblem: when it cannot be fetched, or is larger than 64 MiB.
    """
    collected = Collected(MAX_DATA)
    await web.get(f"{url}/data", collected.open, total=SECONDS)
    if not collected.content.startswith(_SIGNATURES):
        raise RepositoryProblem("its data are not an archive")
    await run(_write, target, collected.content)


def _write(target: Path, content: bytes) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    except OSError as error:
        raise RepositoryProblem(f"its data cannot be stored: {disk_sentence(error)}") from error


class Checksums:
    """SHA-256 of archives whose index gives none, as they were the first time; the methods block."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def get(self, entry: CatalogEntry) -> str | None:
        """Return the digest that the archive of this package from this repository must have."""
        return self._read().get(_mark(entry))

    def remember(self, entry: CatalogEntry, digest: str) -> None:
        """Note the digest of an archive that was fetched for the first time."""
        known = {**self._read(), _mark(entry): digest}
        partial = self._file.with_name(f".{self._file.name}.{uuid.uuid4().hex}.tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("w", encoding="ascii") as stream:
                json.dump(known, stream)
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise InstallationProblem(f"a checksum cannot be noted: {disk_sentence(error)}") from error

    def _read(self) -> dict[str, str]:
        try:
            document = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}


def _mark(entry: CatalogEntry) -> str:
    return f"{entry.fullname}-{entry.version} {hashlib.sha256(entry.archive_url.encode()).hexdigest()[:16]}"


class PackageArchives:
    """Archives of packages in the cache, fetched when they are not there, and never used unchecked.

    :param cache_dir: where they are kept.
    :param require_checksum: refuse packages whose index gives no checksum.
    """

    def __init__(
        self, downloads: Downloads, cache_dir: Path, checksums: Checksums, run: ThreadRunner, *, require_checksum: bool
    ) -> None:
        self._downloads = downloads
        self._cache_dir = cache_dir
        self._checksums = checksums
        self._run = run
        self._require_checksum = require_checksum

    async def fetch(self, entry: CatalogEntry, progress: OperationProgress) -> Path:
        """Return the checked archive of a package.

        :raises PackageProblem: when it cannot be fetched, or is not what the index, or the first fetch, says.
        """
        digests, first = dict(entry.digests), False
        if not digests:
            digests, first = await self._remembered(entry)
        wanted = WantedFile(
            name=entry.offer.filename if entry.offer else f"{entry.fullname}-{entry.version}.tgz",
            url=entry.archive_url,
            size=entry.size or 0,
            digests=digests,
            exact_size=entry.size is not None,
        )
        path = await self._fetched(wanted, progress)
        found = await self._run(_checked_digest, path, wanted.name)
        if first:
            text = "the repository gives no checksum; what came now must come again"
            log.warn("{package} {version}: {text}", package=entry.fullname, version=entry.version, text=text)
            await self._run(self._checksums.remember, entry, found)
        return path

    async def _remembered(self, entry: CatalogEntry) -> tuple[dict[str, str], bool]:
        known = await self._run(self._checksums.get, entry)
        if known is not None:
            return {"sha256": known}, False
        if self._require_checksum:
            raise PackageProblem(f"the repository gives no checksum of {entry.fullname} {entry.version}")
        # a file of this name from elsewhere proves nothing
        await self._run((self._cache_dir / f"{entry.fullname}-{entry.version}.tgz").unlink, missing_ok=True)
        return {}, True

    async def _fetched(self, wanted: WantedFile, progress: OperationProgress) -> Path:
        try:
            return await self._downloads.fetch(
                wanted,
                self._cache_dir,
                lambda: progress.part("download", end=wanted.size or None, current=0),
                mirrored=False,
                remember=False,
                # only a channel of the settings may be one of ftp; no redirection leads there
                schemes=("ftp",) if wanted.url.startswith("ftp:") else ("http", "https"),
            )
        except CorruptedFile as problem:
            await self._run((self._cache_dir / wanted.name).unlink, missing_ok=True)
            what = "size" if " bytes instead of " in problem.sentence else "checksum"
            raise CorruptedFile(f"{what} of {wanted.name} is wrong") from None
        except Aborted as problem:
            if wanted.exact_size and "that the index says" in problem.sentence:
                raise CorruptedFile(f"size of {wanted.name} is wrong") from None
            raise


def _checked_digest(path: Path, name: str) -> str:
    """Return the SHA-256 of an archive; an error page or the like is removed and refused."""
    with path.open("rb") as stream:
        if not stream.read(6).startswith(_SIGNATURES):
            path.unlink(missing_ok=True)
            raise PackageProblem(f"{name} is not an archive")
        stream.seek(0)
        return hashlib.file_digest(stream, "sha256").hexdigest()
