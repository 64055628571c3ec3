"""Values in the form that Aastra configuration files want."""

from __future__ import annotations

import unicodedata

_NEEDS_QUOTES = frozenset('#;"')


def quoted(value: object) -> str:
    """Return a value as it can stand behind ``name:`` on one line.

    ``#`` begins a comment and blanks at the ends are dropped by the phone, so such values stand in double quotes. The
    format has no escape for a double quote: one that would end the value early becomes a single quote.

    :param value: any text, number or None; True and False become 1 and 0.
    """
    if value is None:
        return ""
    text = str(int(value)) if isinstance(value, bool) else _one_line(str(value))
    if not text or (text == text.strip() and not _NEEDS_QUOTES & set(text)):
        return text
    if '"' not in text:
        return f'"{text}"'
    if text == text.strip() and not {"#", ";"} & set(text) and not text.startswith('"'):
        return text
    return '"' + text.replace('"', "'") + '"'


def _one_line(text: str) -> str:
    return "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") else char for char in text)
