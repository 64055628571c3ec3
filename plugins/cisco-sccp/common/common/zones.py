"""Time zones by the names that the phones' firmware knows; it holds the daylight-saving rules itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from provisiond.sdk.timezones import ZoneRules, rules

# By offset from UTC in minutes: names and a zone that keeps the same rules, the preferred one first. A name without a
# zone has no daylight saving. "W. Europe" is the one name of its offset on whose meaning all firmware agrees.
_NAMES: Mapping[int, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        -720: (("Dateline Standard Time", ""),),
        -660: (("Samoa Standard Time", ""),),
        -600: (("Hawaiian Standard Time", ""),),
        -540: (("Alaskan Standard/Daylight Time", "America/Anchorage"),),
        -480: (("Pacific Standard/Daylight Time", "America/Los_Angeles"),),
        -420: (("Mountain Standard/Daylight Time", "America/Denver"), ("US Mountain Standard Time", "")),
        -360: (("Central Standard/Daylight Time", "America/Chicago"), ("Canada Central Standard Time", "")),
        -300: (("Eastern Standard/Daylight Time", "America/New_York"), ("SA Pacific Standard Time", "")),
        -240: (("Atlantic Standard/Daylight Time", "America/Halifax"), ("SA Western Standard Time", "")),
        -210: (("Newfoundland Standard/Daylight Time", "America/St_Johns"),),
        -180: (("SA Eastern Standard Time", ""),),
        -120: (("Mid-Atlantic Standard/Daylight Time", "America/Nuuk"),),
        -60: (("Azores Standard/Daylight Time", "Atlantic/Azores"),),
        0: (("GMT Standard/Daylight Time", "Europe/London"), ("Greenwich Standard Time", "")),
        60: (("W. Europe Standard/Daylight Time", "Europe/Berlin"),),
        120: (
            ("GTB Standard/Daylight Time", "Europe/Athens"),
            ("Egypt Standard/Daylight Time", "Africa/Cairo"),
            ("Jerusalem Standard/Daylight Time", "Asia/Jerusalem"),
            ("South Africa Standard Time", ""),
        ),
        180: (("Saudi Arabia Standard Time", ""),),
        210: (("Iran Standard/Daylight Time", ""),),
        240: (("Arabian Standard Time", ""),),
        270: (("Afghanistan Standard Time", ""),),
        300: (("West Asia Standard Time", ""),),
        330: (("India Standard Time", ""),),
        360: (("Central Asia Standard Time", ""),),
        420: (("SE Asia Standard Time", ""),),
        480: (("Taipei Standard Time", ""),),
        540: (("Tokyo Standard Time", ""),),
        570: (("Cen. Australia Standard/Daylight Time", "Australia/Adelaide"), ("AUS Central Standard Time", "")),
        600: (("AUS Eastern Standard/Daylight Time", "Australia/Sydney"), ("E. Australia Standard Time", "")),
        660: (("Central Pacific Standard Time", ""),),
        720: (("New Zealand Standard/Daylight Time", "Pacific/Auckland"), ("Fiji Standard Time", "")),
    }
)
_BY_ZONE: Mapping[str, str] = MappingProxyType(
    {
        "Asia/Shanghai": "China Standard/Daylight Time",
        "Australia/Hobart": "Tasmania Standard/Daylight Time",
        "Pacific/Guam": "West Pacific Standard Time",
    }
)


def zone_name(timezone: str, year: int) -> str:
    """Return the phones' name of a zone, the one with the same rules if there is one.

    Else it is one with the same offset, then the nearest offset: what the display shows is then the best the firmware
    can do, and a call manager that sends the time corrects it.

    :param timezone: name in the zone database, or an alias of one.
    :raises PluginProblem: when the system's zone data have no such zone.
    """
    if timezone in _BY_ZONE:
        return _BY_ZONE[timezone]
    zone = rules(timezone, year)
    names = _NAMES[min(_NAMES, key=lambda minutes: (abs(minutes - zone.offset_minutes), minutes))]
    saves = zone.daylight is not None
    alike = [name for name, like in names if _has_same_rules(zone, like, year)]
    similar = [name for name, like in names if bool(like) == saves]
    return (*alike, *similar, names[0][0])[0]


def _has_same_rules(zone: ZoneRules, like: str, year: int) -> bool:
    return zone.daylight == (rules(like, year).daylight if like else None)
