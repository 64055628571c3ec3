"""Plugin repositories: several with names and priorities, each with its own last good index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from attrs import field, frozen

from provisiond.errors import InvalidInput, PackageProblem
from provisiond.model.operation import OperationProgress
from provisiond.model.versions import version_key
from provisiond.packages.bodies import Writer
from provisiond.packages.index_file import MAX_INDEX_SIZE, IndexEntry
from provisiond.packages.network_problems import RefusedByServer
from provisiond.packages.problems import AlreadyRunning, RepositoryProblem
from provisiond.packages.repository_copy import IndexCopy, IndexNote, KeptIndex
from provisiond.packages.running import ThreadRunner
from provisiond.packages.signatures import MAX_SIGNATURE_SIZE, SIGNATURE_SUFFIX, public_key
from provisiond.packages.urls import public_url
from provisiond.packages.web import Answer, WebClient

INDEX_NAME = "plugins.db"
DEFAULT_NAME = "default"
DEFAULT_PRIORITY = 500
TOTAL_SECONDS = 300.0


@frozen(kw_only=True)
class Repository:
    """Where plugins come from.

    :param name: ``default`` for the one of ``plugin_server``.
    :param url: http, https or file URL of a directory; None when ``plugin_server`` is not set.
    :param priority: of several that have a plugin the one with the greatest counts.
    """

    name: str
    url: str | None = field(repr=lambda url: public_url(url) if url else "None")
    priority: int = DEFAULT_PRIORITY


@frozen(kw_only=True)
class RepositoryState:
    """How a repository is doing.

    :param name: its name.
    :param url: its address without credentials, or None.
    :param priority: see :class:`Repository`.
    :param updated: when its index was last found current, in seconds since 1970; None when never.
    :param entries: number of plugins that it offers.
    :param problem: why the last update failed, or None; the former index is then still in use.
    :param left_out: one sentence for each entry of the index that is not usable.
    """

    name: str
    url: str | None
    priority: int
    updated: float | None
    entries: int
    problem: str | None
    left_out: tuple[str, ...]


class Repositories:
    """The repositories of this server.

    :param directory: where the copies of the indexes are kept.
    :param sources: asked at each use; the first may be that of ``plugin_server``.
    :param pins: asked at each use: plugin id -> name of the only repository that it may come from.
    :param keys: Ed25519 public keys in base64; when there is one, an index must be signed.
    :param now: seconds since 1970.
    :raises PackageProblem: when a key is not one.
    """

    def __init__(
        self,
        *,
        directory: Path,
        sources: Callable[[], Sequence[Repository]],
        web: WebClient,
        run: ThreadRunner,
        now: Callable[[], float],
        pins: Callable[[], Mapping[str, str]] = dict,
        keys: Sequence[str] = (),
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._directory = directory
        self._sources = sources
        self._web = web
        self._run = run
        self._now = now
        self._pins = pins
        self._keys = tuple(public_key(key) for key in keys)
        self._total_seconds = total_seconds
        self._kept: dict[str, KeptIndex] = {}
        self._problems: dict[str, str] = {}
        self._updating = False

    async def load(self) -> None:
        """Read the kept indexes, at the start; one that is not usable is shown as a problem."""
        for source in self._sources():
            copy = IndexCopy(self._directory, source.name)
            try:
                kept = await self._run(copy.load, self._keys)
            except PackageProblem as problem:
                self._problems[source.name] = problem.sentence
            else:
                if kept is not None:
                    self._kept[source.name] = kept

    def recover(self) -> list[str]:
        """Remove what interrupted updates have left and return the names."""
        found: list[str] = []
        for source in self._sources():
            found += IndexCopy(self._directory, source.name).remove_leftovers()
        return found

    def check_update(self) -> None:
        """Refuse an update that cannot begin now.

        :raises AlreadyRunning: when one is running.
        :raises InvalidInput: when there is no repository.
        """
        if self._updating:
            raise AlreadyRunning("the list of plugins is being updated")
        if not any(source.url for source in self._sources()):
            raise InvalidInput("no plugin server is set")

    async def update(self, progress: OperationProgress) -> tuple[RepositoryState, ...]:
        """Fetch every index; one that cannot be fetched or is broken leaves its former copy in use.

        :param progress: counts the bytes of all of them; ending it is left to the caller.
        :raises RepositoryProblem: when no repository at all could be updated, with the reasons.
        """
        self.check_update()
        self._updating = True
        try:
            sources = [source for source in self._sources() if source.url]
            for source in sources:
                try:
                    self._kept[source.name] = await self._updated(source, progress)
                    self._problems.pop(source.name, None)
                except PackageProblem as problem:
                    self._problems[source.name] = problem.sentence
            if all(source.name in self._problems for source in sources):
                raise RepositoryProblem("; ".join(self._told(source.name) for source in sources))
            return self.states()
        finally:
            self._updating = False

    def states(self) -> tuple[RepositoryState, ...]:
        """Return how each repository is doing, the one that counts most first."""
        return tuple(self._state(source) for source in self._ordered())

    def installable(self) -> Mapping[str, IndexEntry]:
        """Return plugin id -> the entry that counts: the pinned, else of the greatest priority, else the newest."""
        pins = self._pins()
        chosen: dict[str, tuple[int, IndexEntry]] = {}
        for source in self._ordered():
            kept = self._usable(source)
            for plugin_id, entry in kept.index.entries.items() if kept else ():
                if pins.get(plugin_id, source.name) != source.name:
                    continue
                present = chosen.get(plugin_id)
                if present is None or (present[0] == source.priority and _is_newer(entry, present[1])):
                    chosen[plugin_id] = (source.priority, entry)
        return {plugin_id: chosen[plugin_id][1] for plugin_id in sorted(chosen)}

    def base_url(self, entry: IndexEntry) -> str | None:
        """Return the address of an entry's repository, or None when it is not set any more."""
        return next((source.url for source in self._sources() if source.name == entry.repository), None)

    def _told(self, name: str) -> str:
        return self._problems[name] if len(self._sources()) == 1 else f"{name}: {self._problems[name]}"

    def _ordered(self) -> list[Repository]:
        return sorted(self._sources(), key=lambda source: -source.priority)

    def _usable(self, source: Repository) -> KeptIndex | None:
        """Return the kept index unless it came from another address than the repository has now."""
        kept = self._kept.get(source.name)
        if kept is None or source.url is None or kept.note.url == _directory_url(source.url):
            return kept
        return None

    def _state(self, source: Repository) -> RepositoryState:
        kept = self._usable(source)
        return RepositoryState(
            name=source.name,
            url=public_url(source.url) if source.url else None,
            priority=source.priority,
            updated=kept.note.fetched if kept else None,
            entries=len(kept.index.entries) if kept else 0,
            problem=self._problems.get(source.name),
            left_out=kept.index.left_out if kept else (),
        )

    async def _updated(self, source: Repository, progress: OperationProgress) -> KeptIndex:
        url = _directory_url(source.url or "")
        copy = IndexCopy(self._directory, source.name)
        kept = self._usable(source)
        fetched = await self._fetched(f"{url}{INDEX_NAME}", kept.note if kept else None, progress)
        if fetched is None and kept is not None:
            return await self._run(copy.touch, kept, self._now())
        data, etag, last_modified = fetched or (b"", None, None)
        signature = await self._signature(url)
        note = IndexNote(url=url, fetched=self._now(), etag=etag, last_modified=last_modified, signature=signature)
        return await self._run(copy.save, data, note, self._keys)

    async def _fetched(
        self, url: str, note: IndexNote | None, progress: OperationProgress
    ) -> tuple[bytes, str | None, str | None] | None:
        """Return content, entity tag and time of the index, or None when the kept one is still current."""
        if url.startswith("file:"):
            data = await self._run(_read_local, url, MAX_INDEX_SIZE)
            progress.advance(len(data))
            return data, None, None
        headers: dict[str, str] = {}
        if note is not None and note.etag:
            headers["If-None-Match"] = note.etag
        if note is not None and note.last_modified:
            headers["If-Modified-Since"] = note.last_modified
        content = _Content(MAX_INDEX_SIZE, progress)
        answer = await self._web.get(url, content.open, headers=headers, decode=True, total=self._total_seconds)
        if answer.status == 304:
            return None
        if answer.status != 200:
            raise RepositoryProblem(f"{public_url(url)} answers with status {answer.status}")
        return content.data(), answer.headers.get("etag"), answer.headers.get("last-modified")

    async def _signature(self, url: str) -> str | None:
        if not self._keys:
            return None
        name = f"{url}{INDEX_NAME}{SIGNATURE_SUFFIX}"
        if name.startswith("file:"):
            data = await self._run(_read_local, name, MAX_SIGNATURE_SIZE)
            return data.decode("ascii", "replace")
        content = _Content(MAX_SIGNATURE_SIZE, None)
        try:
            await self._web.get(name, content.open, total=self._total_seconds)
        except RefusedByServer:
            return None
        return content.data().decode("ascii", "replace")


class _Content:
    """Collects a small file, and refuses a large one."""

    def __init__(self, limit: int, progress: OperationProgress | None) -> None:
        self._limit = limit
        self._progress = progress
        self._pieces: list[bytes] = []
        self._size = 0

    async def open(self, answer: Answer) -> Writer:
        self._check(answer.length or 0)
        return self._write

    async def _write(self, data: bytes) -> None:
        self._size += len(data)
        self._check(self._size)
        self._pieces.append(data)
        if self._progress is not None:
            self._progress.advance(len(data))

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise RepositoryProblem(f"the index or its signature is larger than {self._limit:,} bytes")

    def data(self) -> bytes:
        return b"".join(self._pieces)


def _is_newer(entry: IndexEntry, other: IndexEntry) -> bool:
    return version_key(entry.version) > version_key(other.version)


def _directory_url(url: str) -> str:
    return url if url.endswith("/") else f"{url}/"


def _read_local(url: str, limit: int) -> bytes:
    path = Path(unquote(urlsplit(url).path))
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise RepositoryProblem(f"{public_url(url)} cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise RepositoryProblem(f"{public_url(url)} is larger than {limit:,} bytes")
    return data
