"""Configs: parameters for devices, with inheritance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from provisiond.client.bulk import exported, importing
from provisiond.client.faces import Asked, Resource, Stream, Streamed, Way
from provisiond.client.messages import Conversation, Request, checked, flags, path
from provisiond.client.selection import ALL, Selection
from provisiond.client.values import Config, Imported

MANAGER: Final = "cfg_mgr"
COLLECTION: Final = f"/{MANAGER}/configs"


class Configs(Resource[Way]):
    """Configs."""

    @Asked
    def list(self, selection: Selection = ALL) -> Conversation[list[Config]]:
        """Return the configs that are selected."""
        answer = yield Request(method="GET", path=COLLECTION, query=selection.arguments())
        return [Config(each) for each in checked(answer).member("configs")]

    @Asked
    def get(self, config_id: str) -> Conversation[Config]:
        """Return a config.

        :raises NotFound: when there is none.
        """
        answer = yield Request(method="GET", path=COLLECTION + path(config_id))
        return Config(checked(answer).member("config"))

    @Asked
    def raw(self, config_id: str) -> Conversation[dict[str, Any]]:
        """Return the parameters of a config with all it inherits.

        :raises NotFound: when there is none.
        """
        answer = yield Request(method="GET", path=COLLECTION + path(config_id, "raw"))
        return dict(checked(answer).member("raw_config"))

    @Asked
    def create(self, config: Config) -> Conversation[str]:
        """Store a new config and return its id.

        :raises Refused: when a member is wrong, or the id is used.
        """
        answer = yield Request(method="POST", path=COLLECTION, document={"config": config.members})
        return str(checked(answer).member("id"))

    @Asked
    def autocreate(self) -> Conversation[str]:
        """Create a config from the one with the role ``autocreate`` and return its id.

        :raises NotFound: when no config has that role.
        """
        answer = yield Request(method="POST", path=f"/{MANAGER}/autocreate", document={})
        return str(checked(answer).member("id"))

    @Asked
    def replace(self, config: Config) -> Conversation[None]:
        """Replace a whole config; its devices follow in the background.

        :raises NotFound: when there is no config with its id.
        :raises Refused: when a member is wrong.
        """
        answer = yield Request(method="PUT", path=COLLECTION + path(config.id), document={"config": config.members})
        checked(answer)

    @Asked
    def delete(self, config_id: str) -> Conversation[None]:
        """Delete a config; devices and configs that name it go on naming it.

        :raises NotFound: when there is none.
        :raises Protected: when it is not deletable.
        """
        answer = yield Request(method="DELETE", path=COLLECTION + path(config_id))
        checked(answer)

    @Asked
    def dry_run(
        self, config: Config, *, diff: bool = False, skip: int = 0, limit: int = 0
    ) -> Conversation[dict[str, Any]]:
        """Tell which devices and files would change if the config were replaced; nothing is stored.

        :param diff: with the differences themselves.
        :param skip: ``looked`` of an answer that was partial, to go on.
        :return: ``devices``, ``total``, ``looked``, ``found``, ``partial``; see docs/rest-api.md.
        """
        answer = yield Request(
            method="POST",
            path=COLLECTION + path(config.id, "dry-run"),
            query=flags(diff=diff, skip=skip or None, limit=limit or None),
            document={"config": config.members},
        )
        return checked(answer).document

    @Asked
    def import_rows(
        self, content: bytes, form: str = "jsonl", *, mode: str = "create", dry_run: bool = False
    ) -> Conversation[Imported]:
        """Store many configs, all or none; see :meth:`Devices.import_rows`."""
        return importing(MANAGER, content, form, mode, dry_run)

    @Streamed
    def export(self, form: str = "jsonl", q: Mapping[str, Any] | None = None) -> Stream[bytes]:
        """Return all configs as the bytes of a file, in pieces.

        :param form: ``jsonl`` or ``csv``.
        """
        return exported(MANAGER, form, q)
