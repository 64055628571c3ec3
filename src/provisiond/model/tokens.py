"""What an access control list grants (REST contract, section 3)."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Final

_SPECIAL: Final = re.compile(r"([*#])")


def granted(patterns: Iterable[str], name: str, *, owner: str | None = None, session: str | None = None) -> bool:
    """Tell whether an access list grants ``name``.

    :param patterns: ``*`` stands for any characters but ``.`` and ``#``, ``#`` for anything; a leading ``!`` denies and
        wins; ``me`` also matches the owner's id, ``my_session`` the session's, ``edit`` also ``update``.
    :param name: required name, e.g. ``provd.dev_mgr.devices.read``.
    """
    also = {"edit": "update"}
    if owner:
        also["me"] = owner
    if session:
        also["my_session"] = session
    allowed = False
    for pattern in patterns:
        denies = pattern.startswith("!")
        if _matches(pattern[1:] if denies else pattern, name, also):
            if denies:
                return False
            allowed = True
    return allowed


def covered(patterns: Iterable[str], wanted: str) -> bool:
    """Tell whether an access list grants everything that another pattern would grant.

    Careful rather than complete: a pattern with ``*`` or ``#`` is covered only by itself, by ``#``, or by one that is
    the beginning of it and ends in ``.#``. A pattern that denies grants nothing, so it is always covered.
    """
    own = [pattern for pattern in patterns if not pattern.startswith("!")]
    if wanted.startswith("!") or wanted in own or "#" in own:
        return True
    if any(each.endswith(".#") and "*" not in each and wanted.startswith(each[:-1]) for each in own):
        return True
    return _SPECIAL.search(wanted) is None and granted(own, wanted)


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
