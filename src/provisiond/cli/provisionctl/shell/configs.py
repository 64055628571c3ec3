"""``configs`` and what ``configs['…']`` gives."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from provisiond.cli.provisionctl.choosing import with_assigned, without
from provisiond.cli.provisionctl.shell.work import Server, selector
from provisiond.client.selection import Selection
from provisiond.client.values import Config as Document

Members = dict[str, Any]


class Config:
    """One config."""

    def __init__(self, server: Server, config_id: str) -> None:
        self._server = server
        self.id = config_id

    def __repr__(self) -> str:
        """Return how it was got."""
        return f"configs[{self.id!r}]"

    def get(self) -> Members:
        """Return the document."""
        return dict(self._server.client.configs.get(self.id).members)

    def get_raw(self) -> Members:
        """Return the parameters with all that it inherits."""
        return self._server.client.configs.raw(self.id)

    def set_config(self, parameters: Mapping[str, Any]) -> None:
        """Set parameters; dots lead into objects: ``{"sip_lines.1.username": "alice"}``."""
        found = self._server.client.configs.get(self.id)
        self._put(found.with_members(raw_config=with_assigned(found.raw_config, parameters)))

    def unset_config(self, *names: str) -> None:
        """Remove parameters."""
        found = self._server.client.configs.get(self.id)
        self._put(found.with_members(raw_config=without(found.raw_config, names)))

    def set_parents(self, *parent_ids: str) -> None:
        """Inherit from these; later ones win."""
        self._put(self._server.client.configs.get(self.id).with_members(parent_ids=list(parent_ids)))

    def _put(self, document: Document) -> None:
        self._server.client.configs.replace(document)


class Configs:
    """The configs of the server; ``configs['base']`` is one of them."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __repr__(self) -> str:
        """Tell how many there are."""
        return f"<{self.count()} configs; configs['base'], configs.find(X_type='registrar'), configs.add({{…}})>"

    def __getitem__(self, config_id: str) -> Config:
        """Return a config by its id."""
        return Config(self._server, self._server.client.configs.get(config_id).id)

    def __iter__(self) -> Iterator[str]:
        """Yield the ids."""
        return iter(self.ids())

    def ids(self) -> list[str]:
        """Return all ids."""
        return [each.id for each in self._server.client.configs.list(Selection(fields=("id",)))]

    def get(self, config_id: str) -> Members:
        """Return a document."""
        return self[config_id].get()

    def get_raw(self, config_id: str) -> Members:
        """Return the parameters of a config with all that it inherits."""
        return self[config_id].get_raw()

    def add(self, document: Mapping[str, Any]) -> str:
        """Add a config and return its id."""
        whole = {"parent_ids": [], "raw_config": {}, **document}
        return self._server.client.configs.create(Document(whole))

    def update(self, document: Mapping[str, Any]) -> None:
        """Replace a config by a document with its id."""
        self._server.client.configs.replace(Document(dict(document)))

    def remove(self, config_id: str) -> None:
        """Delete a config."""
        self._server.client.configs.delete(config_id)

    def remove_all(self) -> None:
        """Delete every config that may be deleted."""
        for each in self.find(fields=("id", "deletable")):
            if each.get("deletable") is not False:
                self.remove(each["id"])

    def autocreate(self) -> str:
        """Make a config from the one with the role autocreate and return its id."""
        return self._server.client.configs.autocreate()

    def clone(self, config_id: str, new_id: str) -> str:
        """Add a copy of a config under another id."""
        members = copy.deepcopy({**self.get(config_id), "id": new_id})
        for name in ("deletable", "role"):
            members.pop(name, None)
        return self.add(members)

    def find(self, q: Members | None = None, fields: Iterable[str] = (), **members: Any) -> list[Members]:
        """Return the configs that have these members; ``__`` stands for a dot."""
        selection = Selection(q=selector(q, members), fields=tuple(fields))
        return [dict(each.members) for each in self._server.client.configs.list(selection)]

    def count(self, q: Members | None = None, **members: Any) -> int:
        """Return how many there are."""
        return len(self.find(q, ("id",), **members))
