"""What phones get, what they asked for, and how current they are (ours, beyond the provd API)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from provisiond.client.errors import WrongRequest
from provisiond.client.faces import Asked, Resource, Way
from provisiond.client.messages import Conversation, Request, checked, flags, path

COLLECTION: Final = "/dev_mgr/devices"
Row = dict[str, Any]


class Inspection(Resource[Way]):
    """Looks at what phones are served."""

    @Asked
    def files(self, device_id: str) -> Conversation[list[Row]]:
        """Return the files of a device: ``name``, ``size``, ``revision``, when rendered, when fetched."""
        answer = yield Request(method="GET", path=COLLECTION + path(device_id, "files"))
        return list(checked(answer).member("files"))

    @Asked
    def status(self, device_id: str) -> Conversation[Row]:
        """Return ``configured``, ``current`` (true, false, "unknown"), ``behind``, ``last_fetched``, ``problem``."""
        answer = yield Request(method="GET", path=COLLECTION + path(device_id, "status"))
        return checked(answer).document

    @Asked
    def preview(self, device_id: str, name: str) -> Conversation[bytes]:
        """Return a file as it would be now, secrets struck out unless the token may see them.

        :raises NotFound: when the device has no such file.
        """
        place = COLLECTION + path(device_id, "files") + _file(name)
        answer = yield Request(method="GET", path=place, query=flags(preview=True), accept="*/*")
        return checked(answer).content

    @Asked
    def difference(self, device_id: str, name: str) -> Conversation[str]:
        """Return what would change against what the phone fetched last, as a unified diff; empty for nothing.

        :raises NotFound: when the phone never fetched it.
        """
        place = COLLECTION + path(device_id, "files") + _file(name) + "/diff"
        answer = yield Request(method="GET", path=place, accept="*/*")
        return checked(answer).content.decode("utf-8", "replace")

    @Asked
    def journal(self, device_id: str) -> Conversation[list[Row]]:
        """Return the last requests of a phone with the reason of each answer, newest first."""
        answer = yield Request(method="GET", path=COLLECTION + path(device_id, "journal"))
        return list(checked(answer).member("journal"))

    @Asked
    def behind(
        self, states: Sequence[str] = (), *, recurse: bool = False, skip: int = 0, limit: int = 0
    ) -> Conversation[Row]:
        """Return the configured devices whose phone has other files than it would get now.

        :param states: ``false``, ``true``, ``unknown``; none for ``false`` alone.
        :param skip: ``looked`` of an answer that was partial, to go on.
        :return: ``devices``, ``total``, ``looked``, ``found``, ``partial``.
        """
        query = flags(state=",".join(states), recurse=recurse, skip=skip or None, limit=limit or None)
        return checked((yield Request(method="GET", path="/dev_mgr/behind", query=query))).document


def _file(name: str) -> str:
    if not name or any(part in ("", ".", "..") for part in name.split("/")):
        raise WrongRequest(f'"{name}" cannot be the name of a file')
    return "/" + quote(name)
