"""Values in the form that SPA devices want."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

Settings = dict[str, object]

_SEPARATORS = str.maketrans({";": " ", "=": " ", "@": " "})


def yes(value: object) -> str:
    """Return the devices' word for true or false."""
    return "Yes" if value else "No"


def address(host: object, port: object = None) -> str:
    """Return ``host`` or ``host:port``; empty without a host."""
    return f"{host}:{port}" if host and port else str(host or "")


def on_one_line(value: object) -> str:
    """Return the value as text whose line breaks and control characters are blanks: a value is one line of a form."""
    return "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in str(value))


def plain(text: str) -> str:
    """Return a text that cannot end its member of a key's function, nor begin another."""
    return text.translate(_SEPARATORS).strip()


def indexed(settings: Mapping[str, object], number: int) -> Settings:
    """Return the settings under the names that they have for this line or key."""
    return {f"{name}_{number}_": value for name, value in settings.items()}
