"""The rule that a time zone follows for ever, read from the end of its compiled data (RFC 8536, section 3.3)."""

from __future__ import annotations

import re
import zoneinfo
from functools import lru_cache
from importlib import resources
from pathlib import Path

from attrs import frozen

_NAME = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")
_ZONE = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]+>)"
_TIME = r"[+-]?[0-9]{1,3}(?::[0-9]{2}){0,2}"
_POSIX = re.compile(rf"{_ZONE}({_TIME})(?:{_ZONE}({_TIME})?,([^,]+),([^,]+))?")
_WEEKDAY_RULE = re.compile(rf"M([0-9]+)\.([0-9]+)\.([0-9]+)(?:/({_TIME}))?")
_DAY_RULE = re.compile(rf"(J?)([0-9]+)(?:/({_TIME}))?")
_HOUR, _DAY = 3600, 86400
_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class UnknownZone(Exception):
    """There is no time zone of this name."""


@frozen
class Change:
    """When clocks are changed.

    :param day: ``W<week>.<weekday>`` (5 is the last week, 1 is Sunday) or ``D<day of the month>``.
    :param seconds: wall-clock time before the change, 0 to 86399.
    """

    month: int
    day: str
    seconds: int

    def __str__(self) -> str:
        return f"{self.month}/{self.day}/{self.seconds}"


@frozen
class Rule:
    """What a zone does every year.

    :param offset: standard time minus UTC in seconds.
    :param daylight: start, end and seconds saved, or None.
    """

    offset: int
    daylight: tuple[Change, Change, int] | None = None


@lru_cache(maxsize=1024)
def rule_of(name: str) -> Rule:
    """Return the rule of a zone; it depends on nothing but the zone's data.

    :raises UnknownZone: when there is no zone of this name.
    """
    return parsed(_footer(name))


def parsed(text: str) -> Rule:
    """Return the rule that a POSIX text such as ``CET-1CEST,M3.5.0,M10.5.0/3`` describes.

    :raises UnknownZone: when it describes none.
    :source: POSIX.1-2017, section 8.3; RFC 8536, section 3.3.1.
    """
    found = _POSIX.fullmatch(text)
    if found is None:
        raise UnknownZone(f"the rule {text[:60]!r} cannot be read")
    standard = -_seconds(found[1])
    if found[3] is None:
        return Rule(standard)
    summer = -_seconds(found[2]) if found[2] else standard + _HOUR
    start, end = _change(found[3]), _change(found[4])
    if summer >= standard:
        return Rule(standard, (start, end, summer - standard))
    # "Daylight saving" that is earlier than standard time is winter time by another name.
    return Rule(summer, (end, start, standard - summer))


def _footer(name: str) -> str:
    data = _data(name)
    lines = data.rsplit(b"\n", 2)
    if not data.startswith(b"TZif") or len(lines) != 3 or not lines[1]:
        raise UnknownZone(f"the time zone {name[:60]!r} has no rule")
    return lines[1].decode("ascii", "replace")


def _data(name: str) -> bytes:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UnknownZone(f"there is no time zone {str(name)[:60]!r}")
    try:
        return resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    except (OSError, ImportError):
        pass
    for directory in zoneinfo.TZPATH:
        try:
            return Path(directory, name).read_bytes()
        except OSError:
            continue
    raise UnknownZone(f"there is no time zone {name[:60]!r}")


def _seconds(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    parts = [int(part) for part in text.lstrip("+-").split(":")]
    return sign * sum(part * factor for part, factor in zip(parts, (_HOUR, 60, 1), strict=False))


def _change(text: str) -> Change:
    if found := _WEEKDAY_RULE.fullmatch(text):
        days, seconds = divmod(_seconds(found[4] or "2"), _DAY)
        weekday = (int(found[3]) + days) % 7 + 1
        return Change(int(found[1]), f"W{int(found[2])}.{weekday}", seconds)
    if found := _DAY_RULE.fullmatch(text):
        days, seconds = divmod(_seconds(found[3] or "2"), _DAY)
        return _on_day((int(found[2]) - (1 if found[1] else 0) + days) % 365, seconds)
    raise UnknownZone(f"the rule {text[:60]!r} cannot be read")


def _on_day(day: int, seconds: int) -> Change:
    for month, length in enumerate(_MONTHS, 1):
        if day < length:
            return Change(month, f"D{day + 1}", seconds)
        day -= length
    raise UnknownZone("the year is over")
