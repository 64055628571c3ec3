"""Looking at firmware files: what a package needs, whether its links still work, and taking manual files."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults

from provisiond.model.operation import OperationProgress
from provisiond.model.versions import version_key
from provisiond.packages.downloads import Downloads
from provisiond.packages.firmware.definitions import FirmwareFile, FirmwarePackage, read_definitions
from provisiond.packages.firmware.placing import Place
from provisiond.packages.firmware.records import read_records
from provisiond.packages.network_problems import LeadsToFtp, RefusedByServer
from provisiond.packages.problems import (
    CorruptedFile,
    DownloadProblem,
    InstallationProblem,
    InvalidCredentials,
    UnknownPackage,
    disk_sentence,
)
from provisiond.packages.running import ThreadRunner
from provisiond.packages.urls import public_url
from provisiond.packages.web import Answer

CACHE_DIRECTORY = "var/cache"
ROOT_DIRECTORY = "var/tftpboot"
PARALLEL_CHECKS = 4
_COPY_SIZE = 1 << 20
OK, DEAD, DIFFERS, MANUAL, UNREACHABLE = "ok", "dead", "differs", "manual", "unreachable"


@frozen(kw_only=True)
class LinkState:
    """What was found out about one file of a plugin.

    :param file: id of its section.
    :param name: its name in the cache.
    :param url: where it comes from, without credentials; empty for manual files.
    :param state: ``ok``, ``dead`` (the server does not have it), ``unreachable`` (the server does not answer),
        ``differs`` (another size, or another digest after a whole download) or ``manual``.
    :param sentence: what was found, empty for ``ok``.
    """

    file: str
    name: str
    url: str
    state: str
    sentence: str = ""


class FirmwareInspection:
    """Answers questions about the files of plugins' packages.

    :param plugins_dir: ``<plugins_dir>/<id>/`` are the installed plugins.
    :param downloads: how files are fetched.
    :param run: runs blocking work in a thread.
    :param scratch: a directory of its own for files that are only looked at; made when needed.
    :param root_of: plugin id -> the directory that phones read, asked at each use; by default ``var/tftpboot``.
    """

    def __init__(
        self,
        *,
        plugins_dir: Path,
        downloads: Downloads,
        run: ThreadRunner,
        scratch: Path,
        root_of: Callable[[str], Path] | None = None,
    ) -> None:
        self._plugins_dir = plugins_dir
        self._downloads = downloads
        self._run = run
        self._scratch = scratch
        self._root_of = root_of or (lambda plugin_id: plugins_dir / plugin_id / ROOT_DIRECTORY)

    async def details(self, plugin_id: str, locale: str | None = None) -> dict[str, dict[str, Any]]:
        """Return package id -> everything about it: files and digests, which files are manual, cached or wrong; which
        version is installed, and which files of that are not on the disk any more.
        """
        return await self._run(self._details, plugin_id, locale)

    def _details(self, plugin_id: str, locale: str | None) -> dict[str, dict[str, Any]]:
        plugin = self._plugins_dir / plugin_id
        definitions, records = read_definitions(plugin), read_records(plugin).packages
        place = Place(plugin, self._root_of(plugin_id))
        found: dict[str, dict[str, Any]] = {
            package.id: self._package(package, plugin / CACHE_DIRECTORY, locale)
            for package in definitions.packages.values()
        }
        found.update({package_id: {"problem": reason} for package_id, reason in definitions.disabled.items()})
        for record in records.values():
            shown = found.setdefault(record.id, {"problem": "the plugin does not define it any more"})
            shown.update(installed=record.version, missing=place.missing(record))
            if (defined := shown.get("version", record.version)) != record.version:
                shown["offer"] = "upgrade" if version_key(defined) > version_key(record.version) else "differs"
        return found

    def _package(self, package: FirmwarePackage, cache: Path, locale: str | None) -> dict[str, Any]:
        return {
            "version": package.version,
            "description": package.localized(locale),
            "dsize": package.size,
            "depends": list(package.depends),
            "installed": None,
            "offer": None,
            "missing": [],
            "files": [self._file(file, cache) for file in package.files],
        }

    def _file(self, file: FirmwareFile, cache: Path) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "name": file.wanted.name,
            "size": file.wanted.size,
            **{f"{algorithm}sum": digest for algorithm, digest in file.wanted.digests.items()},
            "url": public_url(file.wanted.url) if file.wanted.url else "",
            "manual": file.is_manual,
        }
        try:
            shown["cached"] = self._downloads.known.check(cache / file.wanted.name, file.wanted)
        except CorruptedFile as problem:
            shown.update(cached=False, problem=problem.sentence)
        return shown

    async def take_manual_file(self, plugin_id: str, name: str, content: BinaryIO) -> None:
        """Put a file that the administrator brings into the plugin's cache.

        :param name: its name in the cache.
        :param content: open for reading; read in a thread.
        :raises UnknownPackage: when no package of the plugin wants a file of this name.
        :raises CorruptedFile: when it is not the wanted file.
        :raises InstallationProblem: when it cannot be stored.
        """
        await self._run(self._take, plugin_id, name, content)

    def _take(self, plugin_id: str, name: str, content: BinaryIO) -> None:
        definitions = read_definitions(self._plugins_dir / plugin_id)
        file = next((file for file in definitions.files.values() if file.wanted.name == name), None)
        if file is None:
            raise UnknownPackage(f"no package of {plugin_id} wants a file named {name[:80]!r}")
        target = self._plugins_dir / plugin_id / CACHE_DIRECTORY / name
        partial = target.with_name(f".{uuid.uuid4().hex}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as stream:
                shutil.copyfileobj(content, stream, _COPY_SIZE)
            file.wanted.check(partial)
            os.replace(partial, target)
        except OSError as error:
            raise InstallationProblem(f"{name} cannot be stored: {disk_sentence(error)}") from error
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()
        self._downloads.known.remember(target, file.wanted)

    async def check_links(
        self,
        plugin_id: str,
        *,
        whole: bool = False,
        begin: Callable[[int], None] = lambda count: None,
        tell: Callable[[LinkState], None] = lambda state: None,
    ) -> list[LinkState]:
        """Ask every server of a plugin's files whether it still has them, several at once.

        :param whole: download every file and compare its digest; otherwise only the announced size is compared.
        :param begin: told the number of files.
        :param tell: told each state as it is known.
        """
        definitions = await self._run(read_definitions, self._plugins_dir / plugin_id)
        files = tuple(definitions.files.values())
        begin(len(files))
        slots = DeferredSemaphore(PARALLEL_CHECKS)

        async def checked(file: FirmwareFile) -> LinkState:
            async with slots:
                state = await self.check_file(file, whole=whole)
            tell(state)
            return state

        work = [Deferred.fromCoroutine(checked(file)) for file in files]
        return list(await gatherResults(work, consumeErrors=True))

    def recover(self) -> list[str]:
        """Remove what a check left that was killed, at the start; return one sentence if there was anything. Blocks."""
        if not self._scratch.exists():
            return []
        shutil.rmtree(self._scratch)
        return ["files of an interrupted check of firmware links were removed"]

    async def check_file(self, file: FirmwareFile, *, whole: bool = False) -> LinkState:
        """Ask a file's server whether it still has it; see :meth:`check_links`."""
        if file.is_manual:
            return self._told(file, MANUAL, "an administrator has to bring it")
        try:
            if whole:
                await self._fetch(file)
            else:
                size = await self._announced_size(file)
                if size is not None and size != file.wanted.size:
                    return self._told(file, DIFFERS, f"the server has {size:,} bytes instead of {file.wanted.size:,}")
        except CorruptedFile as problem:
            return self._told(file, DIFFERS, problem.sentence)
        except (RefusedByServer, InvalidCredentials) as problem:
            return self._told(file, DEAD, problem.sentence)
        except DownloadProblem as problem:
            return self._told(file, UNREACHABLE, problem.sentence)
        return self._told(file, OK, "")

    def _told(self, file: FirmwareFile, state: str, sentence: str) -> LinkState:
        url = public_url(file.wanted.url) if file.wanted.url else ""
        return LinkState(file=file.id, name=file.wanted.name, url=url, state=state, sentence=sentence)

    async def _announced_size(self, file: FirmwareFile) -> int | None:
        """Return the size that the server announces; the connection is closed after the head of the answer."""
        sizes: list[int | None] = []

        async def head_only(answer: Answer) -> None:
            sizes.append(answer.length)

        try:
            await self._downloads.web.get(file.wanted.url, head_only, schemes=("http", "https", "ftp"))
        except LeadsToFtp:
            await self._fetch(file)
            return file.wanted.size
        return sizes[0]

    async def _fetch(self, file: FirmwareFile) -> None:
        directory = self._scratch / uuid.uuid4().hex
        await self._run(directory.mkdir, parents=True)
        try:
            await self._downloads.fetch(
                file.wanted, directory, lambda: OperationProgress(end=file.wanted.size), room=1, mirrored=False
            )
        finally:
            await self._run(shutil.rmtree, directory)
