"""What can be done with configs (REST contract, section 5.4)."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from twisted.logger import Logger

from provisiond.errors import AlreadyExists, InvalidInput, NotDeletable, NotFound
from provisiond.model.config import Config
from provisiond.model.documents import check_config, new_id
from provisiond.model.query import Query
from provisiond.provisioning.config_tree import ConfigTree
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.events import ConfigChanged, Events
from provisiond.provisioning.flattening import Flattening
from provisiond.provisioning.ports import Document, StoredConfigs
from provisiond.provisioning.rendering import Rendering
from provisiond.provisioning.serial import Serial

log = Logger()


class Configs:
    """Configs: each change is stored when it is answered; its devices get fresh files from then on."""

    def __init__(
        self,
        *,
        store: StoredConfigs,
        tree: ConfigTree,
        flattening: Flattening,
        directory: Directory,
        rendering: Rendering,
        events: Events,
        serial: Serial,
    ) -> None:
        self._store = store
        self._tree = tree
        self._flattening = flattening
        self._directory = directory
        self._rendering = rendering
        self._events = events
        self._serial = serial

    async def list(self, query: Query) -> list[Document]:
        """Return the configs that a query selects."""
        return await self._store.find(query)

    def stream(self, query: Query) -> AsyncIterator[Sequence[Document]]:
        """Return the same as :meth:`list`, in batches."""
        return self._store.stream(query)

    async def get(self, config_id: str) -> Config:
        """Return a config.

        :raises NotFound: when there is none.
        """
        config = await self._tree.get(config_id)
        if config is None:
            raise NotFound(f'config "{config_id}"')
        return config

    async def raw(self, config_id: str) -> dict[str, Any]:
        """Return the parameters of a config with what it inherits and the base parameters, as stored.

        :raises NotFound: when there is no such config.
        """
        merged = await self._flattening.merged(config_id)
        if merged is None:
            raise NotFound(f'config "{config_id}"')
        return merged

    async def create(self, document: object) -> Config:
        """Store a new config.

        :param document: as sent; gets an id when it has none.
        :raises InvalidInput: when a member breaks a rule.
        :raises AlreadyExists: when the id is used.
        """
        members = check_config(document)
        config = Config({"id": members.get("id") or new_id(), **members})
        async with self._serial.holding(("config", config.id)):
            return await self._insert(config)

    async def replace(self, config_id: str, document: object) -> Config:
        """Replace a whole config; the id of the document counts nothing.

        :raises NotFound: when there is none, checked before the content.
        :raises InvalidInput: when a member breaks a rule.
        """
        async with self._serial.holding(("config", config_id)):
            stored = await self.get(config_id)
            members = check_config(_without_id(document))
            config = Config({"id": config_id, **members})
            if not same_text(config.document, stored.document):
                await self._store.replace(config)
                self._took(config, "replaced")
            return config

    async def delete(self, config_id: str) -> None:
        """Delete a config; devices and configs that name it go on naming it.

        :raises NotFound: when there is none.
        :raises NotDeletable: when its ``deletable`` is false.
        """
        async with self._serial.holding(("config", config_id)):
            config = await self.get(config_id)
            if not config.deletable:
                raise NotDeletable(f"The document {config_id} is not deletable")
            await self._delete(config_id)

    async def autocreate(self) -> Config:
        """Store a config made from the one with the role ``autocreate``.

        :raises NotFound: when no config has that role.
        :raises InvalidInput: when that config has no SIP line 1.
        """
        model = await self._tree.autocreate_model()
        if model is None:
            raise NotFound("no config has the role autocreate")
        lines = model.raw_config.get("sip_lines")
        if not isinstance(lines, Mapping) or "1" not in lines:
            raise InvalidInput(f'config "{model.id}" has the role autocreate but no sip_lines.1')
        document = {
            "id": f"{model.id}{uuid.uuid4()}",
            "parent_ids": [model.id],
            "raw_config": dict(model.raw_config),
            "transient": True,
        }
        return await self._insert(Config(document))

    async def delete_unused(self, config_id: str | None) -> None:
        """Delete a transient config that no device uses any more; does nothing to any other."""
        if config_id is None or self._directory.using_config(config_id):
            return
        config = await self._tree.get(config_id)
        if config is not None and config.transient and not self._directory.using_config(config_id):
            await self._delete(config_id)

    def took(self, config: Config, action: str = "replaced") -> None:
        """Take over a config that is stored, also one that another process stored."""
        self._took(config, action)

    def lost(self, config_id: str) -> None:
        """Take over that another process deleted a config."""
        if config_id in self._tree:
            self._gone(config_id)

    async def _insert(self, config: Config) -> Config:
        if config.id in self._tree:
            raise AlreadyExists(f'config "{config.id}" exists already')
        await self._store.insert(config)
        self._took(config, "created")
        return config

    async def _delete(self, config_id: str) -> None:
        await self._store.delete(config_id)
        self._gone(config_id)

    def _took(self, config: Config, action: str) -> None:
        self._tree.put(config)
        self._rendering.mark(configs=[config.id])
        self._events.publish(ConfigChanged(config.id, action))

    def _gone(self, config_id: str) -> None:
        self._tree.remove(config_id)
        self._rendering.mark(configs=[config_id])
        self._events.publish(ConfigChanged(config_id, "deleted"))


def _without_id(document: object) -> object:
    return {key: value for key, value in document.items() if key != "id"} if isinstance(document, Mapping) else document


def same_text(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two documents are the same to the letter; ``1``, ``1.0`` and ``true`` are three values here."""
    return json.dumps(dict(one)) == json.dumps(dict(other))
