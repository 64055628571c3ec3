"""How documents and their members stand in the database."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

_ESCAPED: Final = re.compile("[\0\x01\ud800-\udfff\ue000]")
_HALVES: Final = "\ue000\x01"
_SHIFT: Final = 0x2000


def document_text(document: Mapping[str, Any]) -> str:
    """Return the JSON of a document as it is stored and sent: compact, ASCII-escaped, members in stored order.

    Every document is written by this function, so that what a document holds can be found in its text.
    """
    return json.dumps(dict(document), separators=(",", ":"), default=dict)


def column_text(text: str) -> str:
    """Return ``text`` as it stands in columns, where not every database takes NUL and halves of characters.

    Texts that lack these stay as they are. No two texts become the same, and their order is kept.
    """
    return _ESCAPED.sub(_escape, text)


def column_value(value: Any) -> str | None:
    """Return a member as it stands in columns: a text, or None for anything else."""
    return column_text(value) if isinstance(value, str) else None


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if char in ("\0", "\x01"):
        return "\x01\x01" if char == "\0" else "\x01\x02"
    return "\ue000\x02" if char == "\ue000" else _HALVES + chr(ord(char) + _SHIFT)
