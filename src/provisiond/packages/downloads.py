"""Downloading files into a cache: resumed, retried, bounded, and under their name only when they are right."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from attrs import evolve, frozen
from twisted.internet.defer import DeferredSemaphore

from provisiond.model.operation import OperationProgress
from provisiond.packages.bodies import Writer
from provisiond.packages.ftp import FtpFile
from provisiond.packages.network_problems import LeadsToFtp, NetworkProblem
from provisiond.packages.partial import PartialFile
from provisiond.packages.problems import Aborted, CorruptedFile, DownloadProblem, disk_sentence
from provisiond.packages.running import ReactorClock, ThreadRunner, pause
from provisiond.packages.urls import Credentials, public_url
from provisiond.packages.wanted import KnownFiles, WantedFile
from provisiond.packages.web import Answer, WebClient

MAX_DOWNLOAD_SIZE = 4 << 30
PARALLEL_DOWNLOADS = 4
RETRY_PAUSES = (1.0, 4.0, 15.0)
SCHEMES = ("http", "https", "ftp")
_FTP_PIECE = 1 << 20

StartPart = Callable[[], OperationProgress]
CredentialsFor = Callable[[str], Credentials | None]


@frozen
class Mirror:
    """A place of one's own for files whose links rot.

    :param prefix: an absolute directory, or a ``file``, ``http`` or ``https`` URL; the file's name is appended.
    :param only: never ask anywhere else.
    """

    prefix: str
    only: bool = False

    @classmethod
    def parse(cls, text: str | None) -> Mirror | None:
        """Return the mirror of a setting: a prefix, or ``only:`` and a prefix; None or empty means none."""
        if not text:
            return None
        return cls(text.removeprefix("only:"), text.startswith("only:"))

    def url(self, name: str) -> str:
        """Return where the mirror has the file of this name."""
        if "://" not in self.prefix:
            return Path(self.prefix, name).absolute().as_uri()
        return f"{self.prefix.rstrip('/')}/{quote(name)}"


class Downloads:
    """Fetches wanted files; the same object serves all plugins, so that its bound on parallel downloads holds.

    :param max_size: bytes that one file may have at most.
    :param mirror: asked at each download.
    :param pauses: seconds before each further try after a failure that may pass.
    """

    def __init__(
        self,
        web: WebClient,
        run: ThreadRunner,
        clock: ReactorClock,
        *,
        max_size: int = MAX_DOWNLOAD_SIZE,
        parallel: int = PARALLEL_DOWNLOADS,
        mirror: Callable[[], Mirror | None] = lambda: None,
        pauses: tuple[float, ...] = RETRY_PAUSES,
    ) -> None:
        self.web = web
        self.run = run
        self.known = KnownFiles()
        self.mirror = mirror
        self._clock = clock
        self._max_size = max_size
        self._pauses = pauses
        self._slots = DeferredSemaphore(parallel)

    async def fetch(
        self,
        wanted: WantedFile,
        directory: Path,
        start_part: StartPart,
        *,
        credentials: CredentialsFor = lambda url: None,
        room: int = 3,
        mirrored: bool = True,
        remember: bool = True,
        schemes: tuple[str, ...] = SCHEMES,
    ) -> Path:
        """Return the path of the wanted file in ``directory``, downloading it if it is not there or not right.

        :param start_part: called when a download really begins; gives the progress that counts its bytes.
        :param credentials: asked for the credentials of a URL.
        :param room: how many times the file's size must be free on the disk.
        :param mirrored: whether the mirror holds such files.
        :param remember: trust a file that was found right before while its size and time are the same.
        :param schemes: what an address of the network and every redirection may use.
        :raises CorruptedFile: when what was downloaded, or put there by hand, is another file.
        :raises DownloadProblem: when it cannot be downloaded.
        """
        path = directory / wanted.name
        try:
            known = self.known if remember else KnownFiles()
            if await self.run(known.check, path, wanted):
                return path
            missing: DownloadProblem = DownloadProblem(f"{wanted.described()} is missing")
        except CorruptedFile as problem:
            missing = problem
        urls = self._sources(wanted, mirrored)
        if not urls:
            raise _manual_problem(wanted, directory, missing)
        await self._slots.acquire()
        try:
            await self._fetch(wanted, path, urls, start_part(), credentials, room, schemes)
        except (CorruptedFile, Aborted):
            raise
        except DownloadProblem:
            if wanted.url:
                raise
            raise _manual_problem(wanted, directory, missing) from None
        finally:
            self._slots.release()
        return path

    def _sources(self, wanted: WantedFile, mirrored: bool) -> list[str]:
        mirror = self.mirror() if mirrored else None
        if mirror is None:
            return [wanted.url] if wanted.url else []
        own = [] if mirror.only or not wanted.url else [wanted.url]
        return [mirror.url(wanted.name), *own]

    async def _fetch(
        self,
        wanted: WantedFile,
        path: Path,
        urls: list[str],
        progress: OperationProgress,
        credentials: CredentialsFor,
        room: int,
        schemes: tuple[str, ...],
    ) -> None:
        try:
            await self.run(_check_room, path.parent, wanted.size * room)
            for position, url in enumerate(urls):
                try:
                    download = _Download(wanted, PartialFile(path), url, progress, credentials(url), schemes)
                    await self._from_source(download)
                    break
                except DownloadProblem:
                    if position == len(urls) - 1:
                        raise
        except BaseException:
            progress.fail()
            raise
        progress.reach(await self.run(_size, path))
        progress.succeed()

    async def _from_source(self, download: _Download) -> None:
        resumed = await self._with_retries(download)
        try:
            await self._keep(download)
        except CorruptedFile:
            if not resumed:
                raise
            # the file changed although the server said it did not: one try without what had come before
            await self._with_retries(download)
            await self._keep(download)

    async def _keep(self, download: _Download) -> None:
        await self.run(download.partial.keep, download.wanted)
        self.known.remember(download.partial.final, download.wanted)

    async def _with_retries(self, download: _Download) -> bool:
        for seconds in self._pauses:
            try:
                return await self._once(download)
            except NetworkProblem:
                await pause(self._clock, seconds)
        return await self._once(download)

    async def _once(self, download: _Download) -> bool:
        """Download once and tell whether an earlier piece was continued."""
        scheme = download.url.partition(":")[0].lower()
        try:
            if scheme == "file":
                return await self._copy(download)
            try:
                return await self._over_http(download)
            except LeadsToFtp as elsewhere:
                return await self._over_ftp(evolve(download, url=elsewhere.url, credentials=elsewhere.credentials))
        finally:
            await self.run(download.partial.close)

    async def _over_http(self, download: _Download) -> bool:
        partial = download.partial
        validator = await self.run(partial.resumable, download.url)
        headers = {"Range": f"bytes={partial.size}-", "If-Range": validator} if validator else {}
        kept = 0

        async def opener(answer: Answer) -> Writer | None:
            nonlocal kept
            if answer.status == 416:
                return None
            kept = await self.run(partial.begin, download.url, answer)
            self._check_size(download.wanted, kept + (answer.length or 0))
            download.progress.reach(kept)
            return lambda data: self._write(download, data)

        try:
            answer = await self.web.get(
                download.url, opener, headers=headers, credentials=download.credentials, schemes=download.schemes
            )
        except Aborted:
            await self.run(partial.remove)
            raise
        if answer.status == 304:
            raise NetworkProblem(f"{public_url(download.url)} answers with status 304 although nothing was kept")
        if answer.status == 416:
            await self.run(partial.remove)
            raise NetworkProblem(f"{public_url(download.url)} does not have the rest of the file any more")
        return kept > 0

    async def _over_ftp(self, download: _Download) -> bool:
        file = FtpFile(download.url, download.credentials)
        try:
            size = await self.run(file.open)
            self._check_size(download.wanted, size or 0)
            await self.run(download.partial.begin_anew)
            download.progress.reach(0)
            while data := await self.run(file.read, _FTP_PIECE):
                await self._write(download, data)
        except Aborted:
            await self.run(download.partial.remove)
            raise
        finally:
            await self.run(file.close)
        return False

    async def _copy(self, download: _Download) -> bool:
        path = Path(unquote(urlsplit(download.url).path))
        try:
            stream = await self.run(path.open, "rb")
        except OSError:
            raise DownloadProblem(f"{download.wanted.name} is not in the local directory it should be in") from None
        try:
            await self.run(download.partial.begin_anew)
            download.progress.reach(0)
            while data := await self.run(stream.read, _FTP_PIECE):
                await self._write(download, data)
        except Aborted:
            await self.run(download.partial.remove)
            raise
        except OSError as error:
            raise DownloadProblem(f"{download.wanted.name} cannot be read: {disk_sentence(error)}") from error
        finally:
            await self.run(stream.close)
        return False

    async def _write(self, download: _Download, data: bytes) -> None:
        self._check_size(download.wanted, download.partial.size + len(data))
        await self.run(download.partial.write, data)
        download.progress.reach(download.partial.size)

    def _check_size(self, wanted: WantedFile, size: int) -> None:
        if size > self._max_size:
            raise Aborted(f"{wanted.name} is larger than the {self._max_size:,} bytes that the settings allow")
        if wanted.exact_size and size > wanted.size:
            raise Aborted(f"{wanted.name} is larger than the {wanted.size:,} bytes that the index says")


@frozen
class _Download:
    wanted: WantedFile
    partial: PartialFile
    url: str
    progress: OperationProgress
    credentials: Credentials | None
    schemes: tuple[str, ...]


def _manual_problem(wanted: WantedFile, directory: Path, problem: DownloadProblem) -> DownloadProblem:
    place = "/".join(directory.parts[-3:])
    if isinstance(problem, CorruptedFile):
        return CorruptedFile(f"the manual file in {place} is not the right one: {problem.sentence}")
    return DownloadProblem(
        f"{wanted.described()} cannot be downloaded: get it from the vendor, put it under exactly this name into "
        f"{place} below the server's directory of plugins, or send it over the API, and install again"
    )


def _check_room(directory: Path, size: int) -> None:
    existing = next(path for path in (directory, *directory.parents) if path.is_dir())
    free = shutil.disk_usage(existing).free
    if free < size:
        raise Aborted(f"the disk has {free:,} bytes left, {size:,} are needed")


def _size(path: Path) -> int:
    return path.stat().st_size
