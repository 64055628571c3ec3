"""One order of versions, for plugins and firmware packages alike (firmware contract, section 11)."""

from __future__ import annotations

import re
from functools import total_ordering
from typing import Final

_TOKEN: Final = re.compile(r"[0-9]+|[^\W\d_]+|~")
_EPOCH: Final = re.compile(r"([0-9]+):(.*)", re.DOTALL)
# A tilde sorts before everything, as in Debian's versions (Debian Policy, section 5.6.12).
_EARLY: Final = {"~": -6, "dev": -5, "alpha": -4, "beta": -3, "pre": -2, "rc": -1}
_END: Final = (0, 0, "")

Token = tuple[int, int, str]
"""Rank of the kind of token, number of digits, text: numbers without leading zeros compare by length, then text."""


def _number(digits: str) -> Token:
    digits = digits.lstrip("0")
    return (2, len(digits), digits)


def _ranked(token: str) -> Token:
    if token[0] in "0123456789":
        return _number(token)
    return (_EARLY[token], 0, "") if token in _EARLY else (1, 0, token)


def _tokens(text: str) -> tuple[Token, ...]:
    ranked = [_ranked(token) for token in _TOKEN.findall(text)]
    kept: list[Token] = []
    for token in reversed(ranked):
        if token[:2] == (2, 0) and (not kept or kept[-1][0] != 2):
            continue
        kept.append(token)
    return (*reversed(kept), _END)


@total_ordering
class VersionKey:
    """Sorts versions; equal for texts that mean the same version."""

    __slots__ = ("_key",)

    def __init__(self, text: str) -> None:
        lowered = text.lower()
        epoch = _EPOCH.fullmatch(lowered)
        number, rest = (epoch[1], epoch[2]) if epoch else ("0", lowered)
        self._key = (1, _number(number), _tokens(rest)) if text.strip() else (0, _END, ())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VersionKey) and self._key == other._key

    def __lt__(self, other: VersionKey) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)


def version_key(text: str) -> VersionKey:
    """Return a key for ``sorted``; ``dev`` to ``rc`` come before the end of a version, other words after it."""
    return VersionKey(text)


def natural_key(text: str) -> tuple[VersionKey, str]:
    """Return a key for ids: digit runs as numbers, the plain text decides between equals."""
    return (VersionKey(text), text)
