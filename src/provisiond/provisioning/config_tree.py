"""The configs as rendering needs them: who inherits from whom in memory, documents at hand."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from operator import is_
from typing import Any

from provisiond.model.config import Config
from provisiond.model.inheritance import ConfigGraph, lineage, over
from provisiond.provisioning.ports import StoredConfigs

CACHED_CONFIGS = 5_000
CACHED_INHERITANCE = 500


class ConfigTree:
    """Inheritance between all configs, and the documents used last.

    :param store: the stored configs.
    :param cached: documents kept in memory, 1 or more.
    """

    def __init__(self, store: StoredConfigs, cached: int = CACHED_CONFIGS) -> None:
        self._store = store
        self._cached = cached
        self._documents: OrderedDict[str, Config] = OrderedDict()
        self._writes = 0
        self._taken: dict[str, int] = {}
        self._inherited: dict[tuple[str, ...], tuple[Mapping[str, Any], Sequence[Config], dict[str, Any]]] = {}
        self._models: tuple[int, Config | None] | None = None
        self.graph = ConfigGraph()

    async def fill(self) -> None:
        """Read from the store who inherits from whom."""
        for config_id, parents in (await self._store.parents()).items():
            self.graph.put(config_id, parents)

    def __contains__(self, config_id: object) -> bool:
        return config_id in self.graph

    def put(self, config: Config) -> None:
        """Take over a config that was just stored."""
        self._writes += 1
        self.graph.put(config.id, config.parent_ids)
        self._taken[config.id] = _digest(config)
        self._remember(config)

    def remove(self, config_id: str) -> None:
        """Forget a config that was just deleted."""
        self._writes += 1
        self.graph.remove(config_id)
        self._taken.pop(config_id, None)
        self._documents.pop(config_id, None)

    def at_hand(self, config_id: str) -> Config | None:
        """Return the config if its document is in memory."""
        return self._documents.get(config_id)

    def has_taken(self, config: Config) -> bool:
        """Tell whether this is, to the letter, what was last put in under its id, also if it is not in memory now."""
        return self._taken.get(config.id) == _digest(config)

    async def fetch(self, config_ids: Iterable[str]) -> None:
        """Have these configs, and what they inherit from, at hand soon after, with one look into the store."""
        wanted = {each for config_id in config_ids for each in self.graph.ancestors(config_id)}
        missing = [each for each in wanted if each in self.graph and each not in self._documents]
        if not missing:
            return
        writes = self._writes
        found = await self._store.get_many(missing)
        if writes == self._writes:
            for config in found:
                self._remember(config)

    async def get(self, config_id: str) -> Config | None:
        """Return the config with this id."""
        known = self._documents.get(config_id)
        if known is not None:
            self._documents.move_to_end(config_id)
            return known
        if config_id not in self.graph:
            return None
        writes = self._writes
        config = await self._store.get(config_id)
        if config is not None and writes == self._writes:
            self._remember(config)
        return config

    async def merged(
        self, config_id: str, base: Mapping[str, Any], override: Config | None = None
    ) -> dict[str, Any] | None:
        """Return the parameters of a config with what it inherits, laid over ``base``.

        :param override: a config that is taken in place of the stored one with its id, or in addition to those.
        :return: shares its members with others and must not be changed; None when there is no such config.
        """
        found: dict[str, Config] = {}
        waiting = [config_id]
        while waiting:
            wanted = waiting.pop()
            if wanted in found:
                continue
            config = override if override is not None and override.id == wanted else await self.get(wanted)
            if config is not None:
                found[wanted] = config
                waiting.extend(config.parent_ids)
        configs = lineage(config_id, found.get)
        if not configs:
            return None
        return over(self._inheritance(base, configs[:-1]), configs[-1].raw_config)

    async def autocreate_model(self) -> Config | None:
        """Return the oldest config with the role ``autocreate``; remembered until a config changes."""
        writes = self._writes
        if self._models is None or self._models[0] != writes:
            models = await self._store.with_role("autocreate")
            self._models = (writes, models[0] if models else None)
        return self._models[1]

    def _inheritance(self, base: Mapping[str, Any], configs: Sequence[Config]) -> dict[str, Any]:
        """Return these configs laid over ``base``; the same for all that inherit from them, so it is kept."""
        key = tuple(config.id for config in configs)
        known = self._inherited.get(key)
        if known is not None and known[0] is base and all(map(is_, known[1], configs)):
            return known[2]
        result = dict(base)
        for config in configs:
            result = over(result, config.raw_config)
        if len(self._inherited) >= CACHED_INHERITANCE:
            self._inherited.clear()
        self._inherited[key] = (base, configs, result)
        return result

    def _remember(self, config: Config) -> None:
        self._documents[config.id] = config
        self._documents.move_to_end(config.id)
        if len(self._documents) > self._cached:
            self._documents.popitem(last=False)


def _digest(config: Config) -> int:
    return hash(json.dumps(dict(config.document)))
