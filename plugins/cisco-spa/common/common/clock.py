"""Time zone and daylight saving in the notation of SPA devices."""

from __future__ import annotations

from typing import Any

from provisiond.sdk.timezones import ClockChange, rules


def clock_settings(timezone: str, year: int) -> dict[str, Any]:
    """Return the settings of a time zone; none for an empty name."""
    if not timezone:
        return {}
    zone = rules(timezone, year)
    settings: dict[str, Any] = {"Time_Zone": f"GMT{zone.offset_text}", "Time_Offset__HH_mm_": ""}
    if zone.daylight is None:
        return {**settings, "Daylight_Saving_Time_Enable": "No"}
    start, end = _change(zone.daylight.start), _change(zone.daylight.end)
    saving = f"{zone.daylight.saving // 3600}:{zone.daylight.saving // 60 % 60}"
    rule = f"start={start};end={end};save={saving}"
    return {**settings, "Daylight_Saving_Time_Enable": "Yes", "Daylight_Saving_Time_Rule": rule}


def _change(change: ClockChange) -> str:
    """Return ``month/day/weekday/hour:minute``; day -1 is the last such weekday, else the first on or after a day."""
    if not change.yearly:
        return f"{change.month}/{change.day}/0/{change.hour}:{change.minute}"
    day = -1 if change.is_last else change.from_day
    return f"{change.month}/{day}/{change.weekday}/{change.hour}:{change.minute}"
