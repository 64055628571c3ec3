"""Plugin repositories: several with names and priorities, each with its own last good index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from attrs import field, frozen

from provisiond.errors import InvalidInput, PackageProblem
from provisiond.model.operation import OperationProgress
from provisiond.model.versions import version_key
from provisiond.packages.index_fetching import Fetched, IndexFetching
from provisiond.packages.index_file import IndexEntry
from provisiond.packages.problems import AlreadyRunning, RepositoryProblem
from provisiond.packages.repository_copy import IndexCopy, IndexNote, KeptIndex
from provisiond.packages.running import ThreadRunner
from provisiond.packages.signatures import public_key
from provisiond.packages.urls import public_url
from provisiond.packages.web import WebClient

DEFAULT_NAME = "default"
DEFAULT_PRIORITY = 500
TOTAL_SECONDS = 300.0


@frozen(kw_only=True)
class Repository:
    """Where plugins come from.

    :param name: ``default`` for the one of ``plugin_server``.
    :param url: http, https, ftp or file URL of a directory; None when ``plugin_server`` is not set.
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
    :param pinned: ids of the plugins that may come from here only.
    """

    name: str
    url: str | None
    priority: int
    updated: float | None
    entries: int
    problem: str | None
    left_out: tuple[str, ...]
    pinned: tuple[str, ...] = ()

    @property
    def state(self) -> Literal["ok", "stale", "broken", "unasked"]:
        """``ok``; ``stale``: the last update failed, the former index is in use; ``broken``: there is no index to use;
        ``unasked``: there was no update yet.
        """
        if self.problem is None:
            return "unasked" if self.updated is None else "ok"
        return "broken" if self.updated is None else "stale"


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
        self._run = run
        self._now = now
        self._pins = pins
        self._keys = tuple(public_key(key) for key in keys)
        self._fetching = IndexFetching(web, run, now, total_seconds)
        self._kept: dict[str, KeptIndex] = {}
        self._problems: dict[str, tuple[str | None, str]] = {}
        self._updating = False

    async def load(self) -> None:
        """Read the kept indexes, at the start; one that is not usable is shown as a problem."""
        for source in self._sources():
            copy = IndexCopy(self._directory, source.name)
            try:
                kept = await self._run(copy.load, self._keys)
            except PackageProblem as problem:
                self._problems[source.name] = (source.url, problem.sentence)
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
                    self._problems[source.name] = (source.url, problem.sentence)
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

    def versions(self, plugin_id: str) -> tuple[IndexEntry, ...]:
        """Return every entry of a plugin that its pin allows, the one that counts first."""
        wanted = self._pins().get(plugin_id)
        found = [
            (source.priority, version_key(entry.version), entry)
            for source in self._ordered()
            if wanted in (None, source.name)
            and (kept := self._usable(source)) is not None
            and (entry := kept.index.entries.get(plugin_id)) is not None
        ]
        return tuple(entry for _, _, entry in sorted(found, key=lambda each: each[:2], reverse=True))

    def allows(self, entry: IndexEntry) -> bool:
        """Tell whether the pin of an entry's plugin names the repository that it came from, or there is none."""
        return self._pins().get(entry.plugin_id, entry.repository) == entry.repository

    def base_url(self, entry: IndexEntry) -> str | None:
        """Return the address of an entry's repository, or None when it is not set any more."""
        return next((source.url for source in self._sources() if source.name == entry.repository), None)

    def _told(self, name: str) -> str:
        sentence = self._problems[name][1]
        return sentence if len(self._sources()) == 1 else f"{name}: {sentence}"

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
        # what was wrong at another address is no longer of interest
        url, sentence = self._problems.get(source.name, (None, None))
        return RepositoryState(
            name=source.name,
            url=public_url(source.url) if source.url else None,
            priority=source.priority,
            updated=kept.note.fetched if kept else None,
            entries=len(kept.index.entries) if kept else 0,
            problem=sentence if url == source.url else None,
            left_out=kept.index.left_out if kept else (),
            pinned=tuple(sorted(plugin_id for plugin_id, name in self._pins().items() if name == source.name)),
        )

    async def _updated(self, source: Repository, progress: OperationProgress) -> KeptIndex:
        url = _directory_url(source.url or "")
        copy = IndexCopy(self._directory, source.name)
        kept = self._usable(source)
        fetched = await self._fetching.index(url, kept.note if kept else None, progress)
        if fetched is None and kept is not None:
            return await self._run(copy.touch, kept, self._now())
        fetched = fetched or Fetched(b"")
        note = IndexNote(
            url=url,
            fetched=self._now(),
            etag=fetched.etag,
            last_modified=fetched.last_modified,
            signature=await self._fetching.signature(url) if self._keys else None,
        )
        return await self._run(copy.save, fetched.data, note, self._keys)


def _is_newer(entry: IndexEntry, other: IndexEntry) -> bool:
    return version_key(entry.version) > version_key(other.version)


def _directory_url(url: str) -> str:
    return url if url.endswith("/") else f"{url}/"
