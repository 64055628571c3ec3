"""The configs as rendering needs them: who inherits from whom in memory, documents at hand."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from provisiond.model.config import Config
from provisiond.model.inheritance import ConfigGraph, merged
from provisiond.provisioning.ports import StoredConfigs

CACHED_CONFIGS = 5_000


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
        self._remember(config)

    def remove(self, config_id: str) -> None:
        """Forget a config that was just deleted."""
        self._writes += 1
        self.graph.remove(config_id)
        self._documents.pop(config_id, None)

    def at_hand(self, config_id: str) -> Config | None:
        """Return the config if its document is in memory."""
        return self._documents.get(config_id)

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
        :return: None when there is no such config.
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
        return merged(base, config_id, found.get)

    async def autocreate_model(self) -> Config | None:
        """Return the oldest config with the role ``autocreate``; remembered until a config changes."""
        writes = self._writes
        if self._models is None or self._models[0] != writes:
            models = await self._store.with_role("autocreate")
            self._models = (writes, models[0] if models else None)
        return self._models[1]

    def _remember(self, config: Config) -> None:
        self._documents[config.id] = config
        self._documents.move_to_end(config.id)
        if len(self._documents) > self._cached:
            self._documents.popitem(last=False)
