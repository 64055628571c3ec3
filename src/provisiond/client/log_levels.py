"""What the server logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from provisiond.client.faces import Asked, Resource, Way
from provisiond.client.messages import Conversation, Request, checked

PATH: Final = "/log/levels"


class LogLevels(Resource[Way]):
    """The levels in force: ``debug``, ``info``, ``warn`` or ``error``."""

    @Asked
    def get(self) -> Conversation[dict[str, Any]]:
        """Return ``level``, and ``levels`` of single subsystems."""
        return checked((yield Request(method="GET", path=PATH))).document

    @Asked
    def set(self, level: str, levels: Mapping[str, str]) -> Conversation[None]:
        """Use these levels until the server reads its settings again.

        :param levels: of subsystems as log lines name them, such as ``tftp``, with all below.
        :raises Refused: for what is no level or no name of a subsystem.
        """
        checked((yield Request(method="PUT", path=PATH, document={"level": level, "levels": dict(levels)})))
