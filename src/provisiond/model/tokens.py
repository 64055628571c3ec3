"""What an access control list grants (REST contract, section 3)."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Final

_SPECIAL: Final = re.compile(r"([*#])")
_UNKNOWN: Final = "\n"
_UPDATE: Final = {"edit": "update"}
_MEANINGS: Final[Sequence[Mapping[str, str]]] = [
    dict(chosen)
    for length in range(4)
    for chosen in combinations((("me", _UNKNOWN), ("my_session", _UNKNOWN), *_UPDATE.items()), length)
]


def granted(patterns: Iterable[str], *names: str, owner: str | None = None, session: str | None = None) -> bool:
    """Tell whether an access list grants something that goes by one or several names.

    :param patterns: ``*`` stands for any characters but ``.`` and ``#``, ``#`` for anything; a leading ``!`` denies and
        wins; ``me`` also matches the owner's id, ``my_session`` the session's, ``edit`` also ``update``.
    :param names: required name, e.g. ``provd.dev_mgr.devices.read``; of several spellings of the same thing one must be
        granted, and none denied.
    """
    also = dict(_UPDATE)
    if owner:
        also["me"] = owner
    if session:
        also["my_session"] = session
    allowed = False
    for pattern in patterns:
        denies = pattern.startswith("!")
        if any(_matches(pattern[1:] if denies else pattern, name, also) for name in names):
            if denies:
                return False
            allowed = True
    return allowed


def covered(patterns: Iterable[str], wanted: str) -> bool:
    """Tell whether an access list grants everything that another pattern would grant, whoever holds it.

    Careful rather than complete: one pattern of the list must grant all of it; several that do so together do not
    count. A pattern that denies grants nothing, so it is always covered. What the list denies is not looked at.
    """
    if wanted.startswith("!"):
        return True
    own = [pattern for pattern in patterns if not pattern.startswith("!")]
    # Whatever fills a star takes part as a character that stands in no pattern: only a wildcard can have matched it.
    spellings = [spelling.replace("*", _UNKNOWN) for spelling in _spellings(wanted)]
    return any(each == wanted or all(_matches(each, spelling, _UPDATE) for spelling in spellings) for each in own)


def _spellings(pattern: str) -> set[str]:
    """Return the pattern with its words of a special meaning as they are and as what they may stand for."""
    words = pattern.split(".")
    return {".".join(meant.get(word, word) for word in words) for meant in _MEANINGS}


def _matches(pattern: str, name: str, also: Mapping[str, str]) -> bool:
    # All places of the name that the pattern can have reached, step by step: never slow, whoever wrote the pattern.
    words = pattern.split(".")
    if _differs_early(words, name.split("."), also):
        return False
    places = {0}
    for number, word in enumerate(words):
        if number:
            places = _after(".", name, places)
        reached = places
        for piece in _SPECIAL.split(word):
            reached = _after(piece, name, reached)
        if word in also:
            reached = reached | _after_text(also[word], name, places)
        places = reached
        if not places:
            return False
    return len(name) in places


def _differs_early(words: Sequence[str], required: Sequence[str], also: Container[str]) -> bool:
    for word, other in zip(words, required, strict=False):
        if word in also or _SPECIAL.search(word):
            return False
        if word != other:
            return True
    return False


def _after(piece: str, name: str, places: set[int]) -> set[int]:
    if piece == "#":
        return set(range(min(places), len(name) + 1)) if places else places
    return _after_some(name, places) if piece == "*" else _after_text(piece, name, places)


def _after_text(text: str, name: str, places: set[int]) -> set[int]:
    return {place + len(text) for place in places if name.startswith(text, place)}


def _after_some(name: str, places: set[int]) -> set[int]:
    reached = set(places)
    for place in range(min(places, default=0), len(name)):
        if place in reached and name[place] not in ".#":
            reached.add(place + 1)
    return reached
