"""Time zones as phones' formats want them, made from the zones' own rules."""

from __future__ import annotations

from typing import Any

from provisiond.legacy.zone_rules import Change, Rule, UnknownZone, rule_of


class TimezoneNotFoundError(Exception):
    """There is no such time zone."""


class Time:
    """A number of seconds, also as minutes, hours, or all three."""

    def __init__(self, raw_seconds: int) -> None:
        self._seconds = raw_seconds

    @property
    def as_seconds(self) -> int:
        """Seconds."""
        return self._seconds

    @property
    def as_minutes(self) -> int:
        """Whole minutes, rounded down."""
        return self._seconds // 60

    @property
    def as_hours(self) -> int:
        """Whole hours, rounded down."""
        return self._seconds // 3600

    @property
    def as_hms(self) -> list[int]:
        """Hours, minutes and seconds; the first that is not zero carries the sign."""
        rest = abs(self._seconds)
        parts = [rest // 3600, rest // 60 % 60, rest % 60]
        if self._seconds < 0:
            first = next(index for index, part in enumerate(parts) if part)
            parts[first] = -parts[first]
        return parts

    def __eq__(self, other: object) -> bool:
        return self._seconds == other._seconds if isinstance(other, Time) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._seconds)

    def __repr__(self) -> str:
        return f"Time({self._seconds})"


def week_start_on_monday(weekday: int) -> int:
    """Return the number of a weekday that counts from Monday = 1, of one that counts from Sunday = 1."""
    return (weekday + 5) % 7 + 1


def _change(change: Change) -> dict[str, Any]:
    return {"month": change.month, "day": change.day, "time": Time(change.seconds)}


def _info(rule: Rule) -> dict[str, Any]:
    if rule.daylight is None:
        return {"utcoffset": Time(rule.offset), "dst": None}
    start, end, save = rule.daylight
    dst = {"start": _change(start), "end": _change(end), "save": Time(save), "as_string": f"{start};{end};{save}"}
    return {"utcoffset": Time(rule.offset), "dst": dst}


def get_timezone_info(timezone_name: str) -> dict[str, Any]:
    """Return offset and daylight-saving rule of a zone.

    :raises TimezoneNotFoundError: when there is none of this name.
    """
    try:
        return _info(rule_of(timezone_name))
    except UnknownZone:
        raise TimezoneNotFoundError(timezone_name) from None


class NativeTimezoneInfoDB:
    """The zones, as an object."""

    def get_timezone_info(self, timezone_name: str) -> dict[str, Any]:
        """Return offset and daylight-saving rule of a zone; raises as the function of this name."""
        return get_timezone_info(timezone_name)


class TextTimezoneInfoDB(NativeTimezoneInfoDB):
    """The zones, by an older name; the file is not read."""

    def __init__(self, filename: str | None = None) -> None:
        self.filename = filename


class DefaultTimezoneInfoDB:
    """The zones, with one that stands for all that are unknown."""

    def __init__(self, default_tz: str, db: Any) -> None:
        self.db = db
        self.default = db.get_timezone_info(default_tz)

    def get_timezone_info(self, timezone_name: str) -> dict[str, Any]:
        """Return offset and daylight-saving rule of a zone, or of the default."""
        try:
            found: dict[str, Any] = self.db.get_timezone_info(timezone_name)
        except TimezoneNotFoundError:
            found = self.default
        return found
