"""Conditions on versions, such as ``>=1.2,<2``, in the one order of versions that this server has."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Final

from attrs import frozen

from provisiond.errors import InvalidInput
from provisiond.model.versions import VersionKey, version_key

_CONDITION: Final = re.compile(r"\s*(?P<sign>==|!=|<=|>=|<|>|=)?\s*(?P<version>[A-Za-z0-9][A-Za-z0-9._+!~:-]{0,63})\s*")
_SIGNS: Final[dict[str, Callable[[VersionKey, VersionKey], bool]]] = {
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@frozen
class Conditions:
    """A list of conditions that must all hold; an empty one always holds.

    :param pairs: sign and version of each.
    """

    pairs: tuple[tuple[str, str], ...] = ()

    def fit(self, version: str) -> bool:
        """Tell whether a version meets every condition."""
        key = version_key(version)
        return all(_SIGNS[sign](key, version_key(wanted)) for sign, wanted in self.pairs)

    def __str__(self) -> str:
        return ",".join(sign + version for sign, version in self.pairs)


def parse_conditions(text: str) -> Conditions:
    """Return the conditions of a text: comma-separated signs and versions; a version alone means exactly that one.

    :raises InvalidInput: when the text is anything else.
    """
    if not text.strip():
        return Conditions()
    pairs = []
    for part in text.split(","):
        match = _CONDITION.fullmatch(part)
        if match is None:
            raise InvalidInput(f"{text[:60]!r} is not a condition such as >=1.2,<2")
        pairs.append((match["sign"] or "==", match["version"]))
    return Conditions(tuple(pairs))
