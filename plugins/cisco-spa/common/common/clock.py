"""Time zone and daylight saving in the notation of SPA devices.

Source: Cisco SPA300 and SPA500 series administration guide, "Regional Tab".
"""

from __future__ import annotations

from provisiond.sdk import RawConfig
from provisiond.sdk.locales import locale_of
from provisiond.sdk.timezones import ClockChange, Daylight, rules

from .values import Settings

_HOUR = 60
_ODD_ZONES = frozenset({-210, 210, 330, 345, 390, 570})
"""Zones between the whole hours that the devices offer, in minutes; others need an offset of their own."""

_FIRST, _LAST = -12 * _HOUR, 13 * _HOUR


def clock_settings(raw_config: RawConfig, year: int) -> Settings:
    """Return time zone, daylight saving and the form of date and time; only what the parameters say something about."""
    settings: Settings = {}
    if raw_config.get("timezone"):
        zone = rules(str(raw_config["timezone"]), year)
        settings |= _zone(zone.offset_minutes)
        settings |= {"Daylight_Saving_Time_Enable": "No"} if zone.daylight is None else _daylight(zone.daylight)
    if raw_config.get("locale"):
        is_american = locale_of(raw_config).country == "US"
        settings["Time_Format"] = "12hr" if is_american else "24hr"
        settings["Date_Format"] = "month/day" if is_american else "day/month"
    return settings


def _zone(minutes: int) -> Settings:
    """Return the nearest zone to the west that devices offer, and what is missing to the real one."""
    offered = minutes if minutes in _ODD_ZONES else max(_FIRST, min(_LAST, minutes - minutes % _HOUR))
    hours, rest = divmod(abs(offered), _HOUR)
    name = f"GMT{'-' if offered < 0 else '+'}{hours:02}:{rest:02}" if offered else "GMT"
    missing = minutes - offered
    offset = f"{missing // _HOUR:02}/{missing % _HOUR:02}" if missing else ""
    return {"Time_Zone": name, "Time_Offset__HH_mm_": offset}


def _daylight(daylight: Daylight) -> Settings:
    saving = f"{daylight.saving // 3600}:{daylight.saving // 60 % 60}:0"
    rule = f"start={_change(daylight.start)};end={_change(daylight.end)};save={saving}"
    return {"Daylight_Saving_Time_Rule": rule, "Daylight_Saving_Time_Enable": "Yes"}


def _change(change: ClockChange) -> str:
    """Return ``month/day/weekday/hour:minute:second``.

    With a weekday (1 is Monday) the day is -1 for the last such weekday of the month, else the first day on which the
    change can be. Weekday 0 makes it that very day.
    """
    time = f"{change.hour}:{change.minute}:0"
    if not change.yearly:
        return f"{change.month}/{change.day}/0/{time}"
    return f"{change.month}/{-1 if change.is_last else change.from_day}/{change.weekday}/{time}"
