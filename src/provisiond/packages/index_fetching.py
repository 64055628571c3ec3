"""Fetching the index of a repository and its signature: over http, https and ftp, or from a local directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from attrs import frozen

from provisiond.model.operation import OperationProgress
from provisiond.packages.bodies import Writer
from provisiond.packages.ftp import FtpFile
from provisiond.packages.index_file import MAX_INDEX_SIZE
from provisiond.packages.network_problems import LeadsToFtp, NetworkProblem, RefusedByServer
from provisiond.packages.problems import RepositoryProblem
from provisiond.packages.repository_copy import IndexNote
from provisiond.packages.running import ThreadRunner
from provisiond.packages.signatures import MAX_SIGNATURE_SIZE, SIGNATURE_SUFFIX
from provisiond.packages.urls import Credentials, public_url
from provisiond.packages.web import Answer, WebClient

INDEX_NAME = "plugins.db"
_FTP_PIECE = 1 << 18
_WEB = ("http", "https")


@frozen
class Fetched:
    """An index as it came.

    :param data: its content.
    :param etag: entity tag of the answer, if it had one.
    :param last_modified: time of the last change as the server said it, if it did.
    """

    data: bytes
    etag: str | None = None
    last_modified: str | None = None


class IndexFetching:
    """Gets small files of repositories.

    :param now: seconds since 1970.
    :param total_seconds: longest time that one index may take.
    """

    def __init__(self, web: WebClient, run: ThreadRunner, now: Callable[[], float], total_seconds: float) -> None:
        self._web = web
        self._run = run
        self._now = now
        self._total_seconds = total_seconds

    async def index(self, directory: str, note: IndexNote | None, progress: OperationProgress) -> Fetched | None:
        """Return the index of a repository, or None when the one that ``note`` tells of is still current.

        :param directory: its URL, with the final slash.
        :param progress: counts the bytes.
        :raises PackageProblem: when it cannot be fetched, or is larger than 64 MiB.
        """
        url = f"{directory}{INDEX_NAME}"
        content = _Content(MAX_INDEX_SIZE, progress)
        if url.startswith("file:"):
            await self._copied(url, content)
            return Fetched(content.data())
        try:
            return await self._over_http(url, note, content)
        except LeadsToFtp as elsewhere:
            await self._over_ftp(elsewhere.url, elsewhere.credentials, content)
            return Fetched(content.data())

    async def signature(self, directory: str) -> str | None:
        """Return the content of the index's signature file, or None when the repository has none.

        :raises PackageProblem: when it cannot be fetched.
        """
        url = f"{directory}{INDEX_NAME}{SIGNATURE_SUFFIX}"
        content = _Content(MAX_SIGNATURE_SIZE, None)
        try:
            if url.startswith("file:"):
                await self._copied(url, content)
            else:
                await self._web.get(url, content.open, schemes=_schemes(url), total=self._total_seconds)
        except LeadsToFtp as elsewhere:
            try:
                await self._over_ftp(elsewhere.url, elsewhere.credentials, content)
            except RefusedByServer:
                return None
        except (RefusedByServer, _NotThere):
            return None
        return content.data().decode("ascii", "replace")

    async def _over_http(self, url: str, note: IndexNote | None, content: _Content) -> Fetched | None:
        headers: dict[str, str] = {}
        if note is not None and note.etag:
            headers["If-None-Match"] = note.etag
        if note is not None and note.last_modified:
            headers["If-Modified-Since"] = note.last_modified
        answer = await self._web.get(
            url, content.open, headers=headers, schemes=_schemes(url), decode=True, total=self._total_seconds
        )
        if answer.status == 304 and note is not None:
            return None
        if answer.status != 200:
            raise RepositoryProblem(f"{public_url(url)} answers with status {answer.status}")
        return Fetched(content.data(), answer.headers.get("etag"), answer.headers.get("last-modified"))

    async def _over_ftp(self, url: str, credentials: Credentials | None, content: _Content) -> None:
        deadline = self._now() + self._total_seconds
        file = FtpFile(url, credentials)
        try:
            size = await self._run(file.open)
            content.check(size or 0)
            while data := await self._run(file.read, _FTP_PIECE):
                await content.write(data)
                if self._now() > deadline:
                    raise NetworkProblem(f"{public_url(url)} takes longer than {self._total_seconds:g} seconds")
        finally:
            await self._run(file.close)

    async def _copied(self, url: str, content: _Content) -> None:
        await content.write(await self._run(_read_local, url, content.limit + 1))


class _NotThere(RepositoryProblem):
    """A local directory does not hold the file."""


class _Content:
    """Collects a small file, and refuses a large one."""

    def __init__(self, limit: int, progress: OperationProgress | None) -> None:
        self.limit = limit
        self._progress = progress
        self._pieces: list[bytes] = []
        self._size = 0

    async def open(self, answer: Answer) -> Writer:
        self.check(answer.length or 0)
        return self.write

    async def write(self, data: bytes) -> None:
        self._size += len(data)
        self.check(self._size)
        self._pieces.append(data)
        if self._progress is not None:
            self._progress.advance(len(data))

    def check(self, size: int) -> None:
        if size > self.limit:
            raise RepositoryProblem(f"the index or its signature is larger than {self.limit:,} bytes")

    def data(self) -> bytes:
        return b"".join(self._pieces)


def _schemes(url: str) -> tuple[str, ...]:
    # only an address that begins with ftp may stay there: no redirection leads to it
    return ("ftp",) if url.lower().startswith("ftp:") else _WEB


def _read_local(url: str, limit: int) -> bytes:
    try:
        with Path(unquote(urlsplit(url).path)).open("rb") as stream:
            return stream.read(limit)
    except FileNotFoundError:
        raise _NotThere(f"{public_url(url)} is not there") from None
    except OSError as error:
        raise RepositoryProblem(f"{public_url(url)} cannot be read: {error.strerror}") from None
