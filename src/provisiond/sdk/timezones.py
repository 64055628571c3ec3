"""Daylight-saving rules of a time zone, computed from the system's zone data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from attrs import frozen

from provisiond.errors import PluginProblem

__all__ = ["ClockChange", "Daylight", "ZoneRules", "rules"]

LAST_WEEK = 5
_DAY = timedelta(days=1)
_YEARS_COMPARED = 12
"""In twelve years a weekday falls on each of the seven days of the month that a yearly rule can hit."""


@frozen(kw_only=True)
class ClockChange:
    """When clocks are moved forward or back.

    :param month: 1 to 12.
    :param week: 1 to 4 for the first to fourth such weekday of the month, 5 for the last.
    :param weekday: ISO weekday, 1 is Monday, 7 is Sunday.
    :param day: the day of the month in the year asked for.
    :param from_day: the weekday on or after this day of the month; 1, 8, 15, 22 for whole weeks.
    :param seconds: wall-clock time of the day before the change, in seconds since midnight.
    :param utc: the very moment in the year asked for.
    :param yearly: True when the rule of month, week and weekday holds in the years that follow too; else the values are
        those of the year asked for.
    """

    month: int
    week: int
    weekday: int
    day: int
    from_day: int
    seconds: int
    utc: datetime
    yearly: bool

    @property
    def hour(self) -> int:
        """Hour of the wall-clock time, 0 to 23."""
        return self.seconds // 3600

    @property
    def minute(self) -> int:
        """Minute of the wall-clock time, 0 to 59."""
        return self.seconds // 60 % 60

    @property
    def is_last(self) -> bool:
        """True for the last such weekday of the month."""
        return self.week == LAST_WEEK


@frozen
class Daylight:
    """Daylight saving of one zone.

    :param start: when clocks go forward; in the southern hemisphere this is later in the year than ``end``.
    :param end: when clocks go back.
    :param saving: by how many seconds clocks are moved, mostly 3600.
    """

    start: ClockChange
    end: ClockChange
    saving: int


@frozen
class ZoneRules:
    """What a phone must be told about a time zone.

    :param name: name in the zone database.
    :param utc_offset: standard time minus UTC in seconds; east of Greenwich is positive.
    :param daylight: None where clocks aren't moved twice in that year.
    """

    name: str
    utc_offset: int
    daylight: Daylight | None

    @property
    def offset_minutes(self) -> int:
        """Standard time minus UTC in minutes."""
        return self.utc_offset // 60

    @property
    def offset_text(self) -> str:
        """Standard time minus UTC in the form ``+05:30``."""
        hours, minutes = divmod(abs(self.utc_offset) // 60, 60)
        return f"{'-' if self.utc_offset < 0 else '+'}{hours:02}:{minutes:02}"


@frozen
class _Shift:
    utc: datetime
    before: int
    after: int

    @property
    def wall(self) -> datetime:
        return self.utc + timedelta(seconds=self.before)

    @property
    def is_last(self) -> bool:
        return (self.wall + 7 * _DAY).month != self.wall.month

    @property
    def yearly_part(self) -> tuple[int, int, int]:
        return (self.wall.month, self.wall.isoweekday(), self.wall.hour * 60 + self.wall.minute)


@lru_cache(maxsize=1024)
def rules(name: str, year: int) -> ZoneRules:
    """Return the standard offset and the daylight-saving rule of a zone in one year.

    Standard time is the smaller of the year's two offsets, whatever the zone data call it. A year in which clocks
    are moved once, or not at all, has no daylight saving; its offset is the one that holds at the end of the year.

    :param name: name in the zone database, e.g. ``America/Montreal``.
    :param year: 1971 to 2200; plugins take it from ``self.context.year``.
    :raises PluginProblem: when the system's zone data have no such zone.
    :source: the system's zone data (IANA time zone database, RFC 8536).
    """
    zone = _zone(name)
    shifts = _shifts(zone, year)
    forward = [shift for shift in shifts if shift.after > shift.before]
    back = [shift for shift in shifts if shift.after < shift.before]
    if not forward or not back:
        return ZoneRules(name, _offset(zone, datetime(year, 12, 31, 23, 59)), None)
    start, end = forward[0], back[-1]
    following = [_shifts(zone, other) for other in range(year + 1, year + _YEARS_COMPARED)]
    daylight = Daylight(_change(start, following), _change(end, following), start.after - start.before)
    return ZoneRules(name, start.before, daylight)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise PluginProblem(f"the time zone {name[:60]!r} is unknown to this system") from None


def _offset(zone: ZoneInfo, utc: datetime) -> int:
    offset = utc.replace(tzinfo=UTC).astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _shifts(zone: ZoneInfo, year: int) -> tuple[_Shift, ...]:
    found = []
    moment, offset = datetime(year, 1, 1), _offset(zone, datetime(year, 1, 1))
    while moment.year == year:
        later = moment + _DAY
        later_offset = _offset(zone, later)
        if later_offset != offset:
            found.append(_Shift(_exact(zone, moment, later), offset, later_offset))
        moment, offset = later, later_offset
    return tuple(found)


def _exact(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    before = _offset(zone, low)
    while high - low > timedelta(minutes=1):
        middle = low + timedelta(minutes=(high - low) // timedelta(minutes=2))
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return high


def _change(shift: _Shift, following: list[tuple[_Shift, ...]]) -> ClockChange:
    wall = shift.wall
    alike = [other for shifts in following for other in shifts if other.yearly_part == shift.yearly_part]
    days = [wall.day, *(other.wall.day for other in alike)]
    yearly = len(alike) == len(following) and max(days) - min(days) < 7
    weeks = {(day + 6) // 7 for day in days} if yearly else {(wall.day + 6) // 7}
    is_last = yearly and shift.is_last and all(other.is_last for other in alike)
    return ClockChange(
        month=wall.month,
        week=LAST_WEEK if is_last else (wall.day + 6) // 7,
        weekday=wall.isoweekday(),
        day=wall.day,
        from_day=min(days) if yearly else wall.day,
        seconds=wall.hour * 3600 + wall.minute * 60,
        utc=shift.utc.replace(tzinfo=UTC),
        yearly=yearly and (is_last or len(weeks) == 1),
    )
