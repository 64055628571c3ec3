"""Extensions of the server's host, by the plugind API (docs/packages-and-extensions.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from provisiond.client.errors import Unreadable
from provisiond.client.faces import Asked, Resource, Way
from provisiond.client.messages import Answer, Conversation, Request, checked, flags, path
from provisiond.client.values import Operation

BASE: Final = "/api/plugind/0.2"
_JSON: Final = "application/json"
Row = dict[str, Any]
Rows = list[Row]


class Extensions(Resource[Way]):
    """What adds something to the host beside plugins; only tokens of the master tenant see them."""

    @Asked
    def list(self) -> Conversation[Rows]:
        """Return the metadata of every installed extension."""
        return _items((yield _read("/plugins")))

    @Asked
    def get(self, namespace: str, name: str) -> Conversation[Row]:
        """Return the metadata of an installed extension.

        :raises NotFound: when it is not installed.
        """
        return checked((yield _read("/plugins" + path(namespace, name)))).document

    @Asked
    def install(self, method: str, options: Mapping[str, Any], *, reinstall: bool = False) -> Conversation[Operation]:
        """Begin to install an extension, or another version of an installed one.

        :param method: ``git``, ``market``, ``tarball`` or ``directory``.
        :param reinstall: also when this version is installed.
        :raises Refused: when the settings do not allow it, or an option is wrong.
        """
        request = Request(
            method="POST",
            path=f"{BASE}/plugins",
            query=flags(reinstall=reinstall),
            document={"method": method, "options": dict(options)},
            content_type=_JSON,
            accept=_JSON,
        )
        return _begun((yield request))

    @Asked
    def uninstall(self, namespace: str, name: str, *, force: bool = False) -> Conversation[Operation]:
        """Begin to uninstall an extension.

        :param force: forget it even when one of its commands fails.
        :raises NotFound: when it is not installed.
        :raises Refused: when another extension needs it, or the settings do not allow it.
        """
        place = f"{BASE}/plugins" + path(namespace, name)
        return _begun((yield Request(method="DELETE", path=place, query=flags(force=force), accept=_JSON)))

    @Asked
    def search(self, word: str | None = None, *, limit: int = 0) -> Conversation[Rows]:
        """Return the entries of the market.

        :param word: only those that have it in one of their members.
        :raises Unavailable: when the market does not answer.
        """
        request = Request(
            method="GET", path=f"{BASE}/market", query=flags(search=word, limit=limit or None), accept=_JSON
        )
        return _items((yield request))

    @Asked
    def offer(self, namespace: str, name: str) -> Conversation[Row]:
        """Return an entry of the market with its versions.

        :raises NotFound: when the market has none.
        """
        return checked((yield _read("/market" + path(namespace, name)))).document

    @Asked
    def settings(self) -> Conversation[Row]:
        """Return the settings of this part, without secrets."""
        return checked((yield _read("/config"))).document

    @Asked
    def status(self) -> Conversation[Row]:
        """Return the state of this part."""
        return checked((yield _read("/status"))).document

    @Asked
    def operations(self) -> Conversation[Rows]:
        """Return the installations and uninstallations of the last hour, newest first."""
        return _items((yield _read("/operations")))

    @Asked
    def log(self, uuid: str) -> Conversation[str]:
        """Return what the commands of an operation have printed.

        :raises NotFound: when it is unknown or was forgotten.
        """
        request = Request(method="GET", path=f"{BASE}/operations" + path(uuid, "log"), accept="text/plain")
        return checked((yield request)).content.decode("utf-8", "replace")


def _read(place: str) -> Request:
    return Request(method="GET", path=BASE + place, accept=_JSON)


def _items(answer: Answer) -> Rows:
    items = checked(answer).member("items")
    if not isinstance(items, list):
        raise Unreadable('the answer has no list "items"', answer.status)
    return [*items]


def _begun(answer: Answer) -> Operation:
    return Operation(path=f"{BASE}/operations" + path(str(checked(answer).member("uuid"))))
