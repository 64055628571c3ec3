"""Time zones by the names that the phones' firmware knows; it holds the daylight-saving rules itself."""

from __future__ import annotations

from collections.abc import Mapping

from provisiond.sdk.timezones import rules

UTC_NAME = "Greenwich Standard Time"

_BY_NAME: Mapping[str, str] = {
    **dict.fromkeys(
        ("Europe/Paris", "Europe/Brussels", "Europe/Madrid", "Europe/Copenhagen"), "Romance Standard/Daylight Time"
    ),
    **dict.fromkeys(
        ("Europe/Prague", "Europe/Budapest", "Europe/Warsaw", "Europe/Belgrade"),
        "Central Europe Standard/Daylight Time",
    ),
    **dict.fromkeys(("Europe/Athens", "Europe/Bucharest", "Europe/Istanbul"), "GTB Standard/Daylight Time"),
    "Asia/Jerusalem": "Jerusalem Standard/Daylight Time",
    "Africa/Cairo": "Egypt Standard/Daylight Time",
    "Asia/Taipei": "Taipei Standard Time",
    "Australia/Hobart": "Tasmania Standard/Daylight Time",
    "Pacific/Guam": "West Pacific Standard Time",
    "America/Mexico_City": "Central America Standard Time",
    "America/Phoenix": "US Mountain Standard Time",
    "America/Regina": "Canada Central Standard Time",
}
_WITH_SAVING: Mapping[int, str] = {
    -540: "Alaskan Standard/Daylight Time",
    -480: "Pacific Standard/Daylight Time",
    -420: "Mountain Standard/Daylight Time",
    -360: "Central Standard/Daylight Time",
    -300: "Eastern Standard/Daylight Time",
    -240: "Atlantic Standard/Daylight Time",
    -210: "Newfoundland Standard/Daylight Time",
    -180: "E. South America Standard/Daylight Time",
    -120: "Mid-Atlantic Standard/Daylight Time",
    -60: "Azores Standard/Daylight Time",
    0: "GMT Standard/Daylight Time",
    60: "W. Europe Standard/Daylight Time",
    120: "E. Europe Standard/Daylight Time",
    180: "Russian Standard/Daylight Time",
    210: "Iran Standard/Daylight Time",
    240: "Caucasus Standard/Daylight Time",
    570: "Cen. Australia Standard/Daylight Time",
    600: "AUS Eastern Standard/Daylight Time",
    720: "New Zealand Standard/Daylight Time",
}
_WITHOUT_SAVING: Mapping[int, str] = {
    -720: "Dateline Standard Time",
    -660: "Samoa Standard Time",
    -600: "Hawaiian Standard Time",
    -420: "US Mountain Standard Time",
    -360: "Canada Central Standard Time",
    -300: "SA Pacific Standard Time",
    -240: "SA Western Standard Time",
    -180: "SA Eastern Standard Time",
    0: UTC_NAME,
    120: "South Africa Standard Time",
    180: "Saudi Arabia Standard Time",
    240: "Arabian Standard Time",
    270: "Afghanistan Standard Time",
    300: "West Asia Standard Time",
    330: "India Standard Time",
    360: "Central Asia Standard Time",
    420: "SE Asia Standard Time",
    480: "China Standard/Daylight Time",
    540: "Tokyo Standard Time",
    570: "AUS Central Standard Time",
    600: "E. Australia Standard Time",
    660: "Central Pacific Standard Time",
    720: "Fiji Standard Time",
}


def zone_name(timezone: str, year: int) -> str:
    """Return the phones' name of a zone; where they know none with its offset and saving, the nearest offset's.

    :param timezone: name of the zone database; empty means UTC.
    """
    if not timezone:
        return UTC_NAME
    if timezone in _BY_NAME:
        return _BY_NAME[timezone]
    zone = rules(timezone, year)
    table = _WITH_SAVING if zone.daylight is not None else _WITHOUT_SAVING
    nearest = min(table, key=lambda minutes: (abs(minutes - zone.offset_minutes), minutes))
    return table[nearest]
