"""Packages of the server's host, by the package API (docs/packages-and-extensions.md)."""

from __future__ import annotations

from typing import Any, Final

from provisiond.client.errors import Refused, Unreadable
from provisiond.client.faces import Asked, Resource, Way
from provisiond.client.messages import FAULT, Answer, Conversation, Request, checked, path, place_of
from provisiond.client.values import Operation

PATIENCE: Final = 300.0
_ACCEPT: Final = "application/json"
_STILL_RUNNING: Final = "still running, see "
Row = dict[str, Any]


class HostPackages(Resource[Way]):
    """Device plugins and extensions as packages.

    ``node`` is what :meth:`node` returns, ``kind`` is ``plugin`` or ``extension``.
    """

    @Asked
    def node(self) -> Conversation[str]:
        """Return the name of the server's host."""
        return str(_rows((yield _read("/host")), "host")[0]["id"])

    @Asked
    def about(self, node: str) -> Conversation[Row]:
        """Return ``id``, ``primary``, ``status``, ``ip``, ``last_seen`` of a host."""
        return dict(_rows((yield _read("/host" + path(node))), "host")[0])

    @Asked
    def mode(self) -> Conversation[str]:
        """Return ``normal``, or ``development`` when packages cannot be managed."""
        return str(_rows((yield _read("/package/get-mode")), "mode")[0])

    @Asked
    def repositories(self) -> Conversation[list[Row]]:
        """Return ``url`` and ``priority`` of each repository, the one that counts most first."""
        return _rows((yield _read("/package/list-repo")), "repository")

    @Asked
    def update(self) -> Conversation[None]:
        """Ask every repository what it offers, and wait for the end.

        :raises Refused: naming those that failed.
        """
        request = Request(method="POST", path="/package/update-cache", accept=_ACCEPT, patience=PATIENCE)
        _rows((yield request), "cache")

    @Asked
    def available(self, node: str, kind: str) -> Conversation[list[Row]]:
        """Return the packages of a type that are offered and not installed."""
        return _rows((yield _read("/package" + path("available", node, kind))), "package")

    @Asked
    def installed(self, node: str, kind: str) -> Conversation[list[Row]]:
        """Return the installed packages of a type, each with its ``updates``."""
        return _rows((yield _read("/package" + path("installed", node, kind))), "package")

    @Asked
    def dependencies(self, node: str, kind: str, package_id: str, version: str) -> Conversation[list[Row]]:
        """Return what there is to say about each dependency of a package.

        :raises Refused: when there is no such package.
        """
        place = "/package" + path("dependency", node, kind, package_id, version)
        return _rows((yield _read(place, PATIENCE)), "dependency")

    @Asked
    def install(self, node: str, kind: str, package_id: str, version: str) -> Conversation[Operation | None]:
        """Begin to install a package, or to update an installed one.

        :return: None when it is done already.
        :raises Refused: when it is not offered.
        """
        return _begun((yield _change("install", node, kind, package_id, version)))

    @Asked
    def bring(self, node: str, filename: str, content: bytes) -> Conversation[Operation | None]:
        """Begin to install a package file, e.g. ``plugin-x-1.0.tgz``.

        :return: None when it is done already.
        :raises Refused: when it is no package, or another one than its name says.
        """
        request = Request(
            method="PUT",
            path="/package" + path("install_from_path", node),
            query=(("filename", filename), ("wait", "0")),
            content=content,
            content_type="application/octet-stream",
            accept=_ACCEPT,
            patience=PATIENCE,
        )
        return _begun((yield request))

    @Asked
    def uninstall(self, node: str, kind: str, package_id: str) -> Conversation[Operation | None]:
        """Begin to remove a package.

        :return: None when it is done already.
        :raises Refused: when it is not installed.
        """
        return _begun((yield _change("uninstall", node, kind, package_id)))

    @Asked
    def icon(self, kind: str, package_id: str, version: str | None = None) -> Conversation[bytes]:
        """Return the icon of an installed package, or of this version in the cache; a PNG file.

        :raises NotFound: when there is none.
        """
        place = path("available", kind, package_id, version) if version else path("installed", kind, package_id)
        return checked((yield _read("/package/icon" + place))).content

    @Asked
    def archive(self, kind: str, package_id: str, version: str) -> Conversation[bytes]:
        """Return the package file of a package in the cache.

        :raises NotFound: when it is not there.
        """
        place = "/package/download" + path(kind, package_id, version)
        return checked((yield _read(place, PATIENCE))).content


def _read(place: str, patience: float = 0.0) -> Request:
    return Request(method="GET", path=place, accept=_ACCEPT, patience=patience)


def _change(word: str, *segments: str) -> Request:
    return Request(method="POST", path="/package" + path(word, *segments), query=(("wait", "0"),), accept=_ACCEPT)


def _rows(answer: Answer, key: str) -> list[Any]:
    document = checked(answer).document
    if document.get("status") != "OK":
        raise Refused(_sentence(document), answer.status)
    rows = document.get(key)
    if not isinstance(rows, list):
        raise Unreadable(f'the answer has no list "{key}"', answer.status)
    return rows


def _begun(answer: Answer) -> Operation | None:
    document = checked(answer).document
    if document.get("status") == "OK":
        return None
    sentence = _sentence(document)
    place = place_of(answer.headers.get("x-operation", ""))
    if place is None or not sentence.startswith(_STILL_RUNNING):
        raise Refused(sentence, answer.status)
    return Operation(path=place)


def _sentence(document: Row) -> str:
    return str(document.get("description") or "").removeprefix(FAULT)
