"""How well a plugin fits a phone, and which plugin wins."""

from __future__ import annotations

from enum import IntEnum


class Support(IntEnum):
    """Support level of a plugin for one phone; any int between two levels ranks between them.

    A phone is associated with a plugin only from ``PROBABLE`` upwards.
    """

    NONE = 0
    IMPROBABLE = 100
    UNKNOWN = 200
    PROBABLE = 300
    INCOMPLETE = 400
    COMPLETE = 500
    EXACT = 600
