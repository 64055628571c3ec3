"""The market of extensions, asked each time anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from provisiond.errors import PackageProblem
from provisiond.extensions.market import MAX_SIZE, MarketEntry, MarketUnavailable, choose, parse_market, searched
from provisiond.extensions.metadata import Need
from provisiond.extensions.problems import NotInstalled
from provisiond.extensions.registry import Registry
from provisiond.extensions.sources import Source
from provisiond.extensions.validating import RunningVersions
from provisiond.packages.catalog.fetching import small_answer
from provisiond.packages.web import WebClient

_SECONDS: Final = 20.0


class Market:
    """What the market of the settings offers.

    :param url: its address, or None when there is none.
    """

    def __init__(self, web: WebClient, url: str | None, registry: Registry, running: RunningVersions) -> None:
        self._web = web
        self._url = url
        self._registry = registry
        self._running = running

    async def search(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the entries that a query asks for, as REST shows them.

        :raises MarketUnavailable: when the market cannot be asked.
        :raises InvalidRequest: naming the argument that is wrong.
        """
        return searched([self._shown(entry) for entry in await self._entries()], query)

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        """Return one entry.

        :raises NotInstalled: when the market has none of this name.
        :raises MarketUnavailable: when the market cannot be asked.
        """
        wanted = f"{namespace}/{name}"
        for entry in await self._entries():
            if entry.identity == wanted:
                shown = self._shown(entry)
                return {**shown, "upgradable": any(each["upgradable"] for each in shown["versions"])}
        raise NotInstalled(f"{wanted[:130]} is not in the market")

    async def choose(self, need: Need) -> Source | None:
        """Return where the newest version is that will do, or None; none, too, when there is no market."""
        return choose(await self._entries(), need, self._running) if self._url is not None else None

    def _shown(self, entry: MarketEntry) -> dict[str, Any]:
        installed = self._registry.get(entry.document["namespace"], entry.document["name"])
        return entry.shown(installed.version if installed else None, self._running)

    async def _entries(self) -> tuple[MarketEntry, ...]:
        if self._url is None:
            raise MarketUnavailable("the settings name no market (extensions.market_url)")
        try:
            content = await small_answer(self._web, self._url, MAX_SIZE, seconds=_SECONDS)
        except PackageProblem as problem:
            raise MarketUnavailable(f"the market cannot be asked: {problem.sentence}") from None
        if content is None:
            raise MarketUnavailable("the market refuses to answer")
        return parse_market(content)
