"""Everything that can be installed, from every repository, with its versions in order (package contract, section 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from provisiond.errors import PackageProblem
from provisiond.model.operation import OperationProgress
from provisiond.model.versions import version_key
from provisiond.packages.catalog.entries import PLUGIN, CatalogEntry, channel_entry
from provisiond.packages.catalog.fetching import MAX_HEAD, repository_data, small_answer
from provisiond.packages.catalog.repository import (
    PackageRepository,
    RepositoryCopies,
    icon_names,
    is_repository_info,
    read_icon,
    repository_key,
)
from provisiond.packages.catalog.sources_list import PackageSource, read_sources
from provisiond.packages.index_fetching import IndexFetching
from provisiond.packages.problems import RepositoryProblem
from provisiond.packages.repositories import Repositories
from provisiond.packages.repository_copy import IndexCopy, IndexNote, KeptIndex
from provisiond.packages.running import ThreadRunner
from provisiond.packages.signatures import public_key
from provisiond.packages.urls import public_url
from provisiond.packages.web import WebClient

_SECONDS: Final = 300.0


class Catalog:
    """The packages of the repository list, beside those of the plugin channels that the settings name.

    :param directory: where copies of the repositories are kept.
    :param sources_list: file with the repositories, or None for none.
    :param channels: the plugin channels of the settings.
    :param channel_urls: name -> address of each of them.
    :param keys: Ed25519 public keys; when there is one, only plugins of signed channels are offered.
    :param pins: plugin id -> name of the only channel that it may come from.
    """

    def __init__(
        self,
        *,
        directory: Path,
        sources_list: Path | None,
        channels: Repositories,
        channel_urls: Callable[[], Mapping[str, str]],
        web: WebClient,
        run: ThreadRunner,
        now: Callable[[], float],
        keys: Sequence[str] = (),
        pins: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._directory = directory
        self._sources_list = sources_list
        self._channels = channels
        self._channel_urls = channel_urls
        self._web = web
        self._run = run
        self._now = now
        self._keys = tuple(public_key(key) for key in keys)
        self._pins = pins
        self._copies = RepositoryCopies(directory)
        self._index = IndexFetching(web, run, now, _SECONDS)
        self._sources: tuple[PackageSource, ...] = ()
        self._repositories: dict[PackageSource, PackageRepository] = {}
        self._listed_channels: dict[PackageSource, KeptIndex] = {}

    async def load(self) -> None:
        """Read the list and the kept copies, at the start; a faulty list is told by :meth:`sources`."""
        try:
            await self._read_sources()
        except PackageProblem:
            return
        for source in self._sources:
            repository = await self._run(self._copies.load, source)
            if repository is not None and not self._keys:
                self._repositories[source] = repository
            elif (kept := await self._run(self._kept_channel, source)) is not None:
                self._listed_channels[source] = kept

    def recover(self) -> list[str]:
        """Remove what interrupted updates have left, at the start; return one sentence for each. Blocks."""
        return [f"the incomplete repository copy {name} was removed" for name in self._copies.recover()]

    async def sources(self) -> list[tuple[str, int]]:
        """Return address, without credentials, and priority of every repository, the one that counts most first.

        :raises RepositoryProblem: when a line of the list is faulty.
        """
        await self._read_sources()
        listed = [(public_url(source.url), source.priority) for source in self._sources]
        named = [
            (public_url(url).rstrip("/"), state.priority)
            for state in self._channels.states()
            if (url := self._channel_urls().get(state.name))
        ]
        return sorted(listed + named, key=lambda pair: -pair[1])

    @property
    def has_channels(self) -> bool:
        """Whether the settings name a plugin channel."""
        return bool(self._channel_urls())

    def failed_channels(self) -> list[str]:
        """Return why the last update of channels of the settings failed, a sentence for each that did."""
        return [
            f"repository {(state.url or state.name).rstrip('/')}: {state.problem}"
            for state in self._channels.states()
            if state.problem is not None
        ]

    async def update(self) -> list[str]:
        """Fetch every repository of the list and return what failed, a sentence each; those keep their former copy.

        :raises RepositoryProblem: when a line of the list is faulty; nothing is fetched then.
        """
        await self._read_sources()
        failed = []
        for source in self._sources:
            try:
                await self._update_one(source)
            except PackageProblem as problem:
                failed.append(f"repository {public_url(source.url)}: {problem.sentence}")
        return failed

    def entries(self, kind: str | None = None) -> tuple[CatalogEntry, ...]:
        """Return every version of every package once: the highest priority counts, of equal ones the earlier line.

        :param kind: only packages of this type.
        :return: by id, then version, newest first.
        """
        chosen: dict[tuple[str, str, str], CatalogEntry] = {}
        for entry in sorted(self._all(), key=lambda each: -each.priority):
            chosen.setdefault((entry.type, entry.id, entry.version), entry)
        wanted = [entry for entry in chosen.values() if kind in (None, entry.type)]
        wanted.sort(key=lambda entry: version_key(entry.version), reverse=True)
        return tuple(sorted(wanted, key=lambda entry: entry.id))

    def find(self, kind: str, package_id: str, version: str) -> CatalogEntry | None:
        """Return one version of a package, or None."""
        named = (entry for entry in self.entries(kind) if entry.id == package_id)
        return next((entry for entry in named if entry.version == version), None)

    def icon(self, kind: str, package_id: str, version: str) -> bytes | None:
        """Return the icon of a package in the cache. Blocks."""
        for source in self._sources:
            repository = self._repositories.get(source)
            for name in icon_names(kind, package_id, version) if repository else ():
                assert repository is not None
                if (content := read_icon(repository.icons / name)) is not None:
                    return content
        return None

    async def _read_sources(self) -> None:
        self._sources = await self._run(read_sources, self._sources_list)
        present = set(self._sources)
        self._repositories = {key: value for key, value in self._repositories.items() if key in present}
        self._listed_channels = {key: value for key, value in self._listed_channels.items() if key in present}

    def _all(self) -> Iterable[CatalogEntry]:
        for source in self._sources:
            if (repository := self._repositories.get(source)) is not None:
                yield from (each for each in repository.entries if self._may(each))
            elif (kept := self._listed_channels.get(source)) is not None:
                for offer in kept.index.entries.values():
                    entry = channel_entry(offer, public_url(source.url), source.priority, base_url=source.url)
                    if self._may(entry):
                        yield entry
        yield from self._of_channels()

    def _of_channels(self) -> Iterable[CatalogEntry]:
        priorities = {state.name: state.priority for state in self._channels.states()}
        urls = self._channel_urls()
        for plugin_id in self._channels.installable():
            for offer in self._channels.versions(plugin_id):
                url = urls.get(offer.repository, "")
                yield channel_entry(offer, public_url(url), priorities.get(offer.repository, 0), base_url=url)

    def _may(self, entry: CatalogEntry) -> bool:
        return entry.type != PLUGIN or entry.id not in self._pins()

    async def _update_one(self, source: PackageSource) -> None:
        if not source.url.startswith("file:"):
            head = await small_answer(self._web, source.url, MAX_HEAD)
            if head is not None and is_repository_info(head):
                await self._update_repository(source)
                return
        await self._update_channel(source)

    async def _update_repository(self, source: PackageSource) -> None:
        if self._keys:
            raise RepositoryProblem("the settings want signed repositories, and this kind has no signature")
        data = self._directory / f"{repository_key(source)}.data.tmp"
        try:
            await repository_data(self._web, source.url, data, self._run)
            self._repositories[source] = await self._run(self._copies.keep, source, data)
        finally:
            await self._run(data.unlink, missing_ok=True)
        self._listed_channels.pop(source, None)

    async def _update_channel(self, source: PackageSource) -> None:
        url = f"{source.url}/"
        fetched = await self._index.index(url, None, OperationProgress())
        note = IndexNote(
            url=url,
            fetched=self._now(),
            signature=await self._index.signature(url) if self._keys else None,
        )
        data = fetched.data if fetched is not None else b""
        self._listed_channels[source] = await self._run(self._copy(source).save, data, note, self._keys)
        self._repositories.pop(source, None)
        await self._run(self._copies.forget, source)

    def _copy(self, source: PackageSource) -> IndexCopy:
        # the name of a file: no address in it
        return IndexCopy(self._directory / "channels", f"line-{repository_key(source)}")

    def _kept_channel(self, source: PackageSource) -> KeptIndex | None:
        try:
            kept = self._copy(source).load(self._keys)
        except PackageProblem:
            return None
        return kept if kept is not None and kept.note.url == f"{source.url}/" else None
