"""Time zones (legacy plugin contract, sections 4.10 and 15, check 47)."""

from __future__ import annotations

import pytest

from provisiond.legacy.surface.tzinform import (
    DefaultTimezoneInfoDB,
    TextTimezoneInfoDB,
    Time,
    TimezoneNotFoundError,
    get_timezone_info,
    week_start_on_monday,
)
from provisiond.legacy.zone_rules import Rule, parsed

TABLE = {
    "Europe/Paris": (3600, "3/W5.1/7200;10/W5.1/10800;3600"),
    "Europe/London": (0, "3/W5.1/3600;10/W5.1/7200;3600"),
    "Europe/Dublin": (0, "3/W5.1/3600;10/W5.1/7200;3600"),
    "America/New_York": (-18000, "3/W2.1/7200;11/W1.1/7200;3600"),
    "America/Montreal": (-18000, "3/W2.1/7200;11/W1.1/7200;3600"),
    "America/St_Johns": (-12600, "3/W2.1/7200;11/W1.1/7200;3600"),
    "Australia/Sydney": (36000, "10/W1.1/7200;4/W1.1/10800;3600"),
    "Australia/Lord_Howe": (37800, "10/W1.1/7200;4/W1.1/7200;1800"),
    "Pacific/Chatham": (45900, "9/W5.1/9900;4/W1.1/13500;3600"),
    "Asia/Jerusalem": (7200, "3/W4.6/7200;10/W5.1/7200;3600"),
    "America/Nuuk": (-7200, "3/W5.7/82800;10/W5.1/0;3600"),
    "Africa/Cairo": (7200, "4/W5.6/0;10/W5.6/0;3600"),
    "Antarctica/Troll": (0, "3/W5.1/3600;10/W5.1/10800;7200"),
    "Asia/Kolkata": (19800, None),
    "Iran": (12600, None),
    "UTC": (0, None),
}
NAMES = [
    *(f"US/{name}" for name in ("Alaska", "Arizona", "Central", "East-Indiana")),
    *(f"US/{name}" for name in ("Eastern", "Hawaii", "Mountain", "Pacific")),
    *(f"Canada/{name}" for name in ["Atlantic", "Newfoundland", "Saskatchewan"]),
    *(f"Australia/{name}" for name in ["ACT", "Canberra", "Tasmania"]),
    "Etc/GMT+5", "Etc/GMT-14", "Israel", "Egypt", "Asia/Calcutta", "Asia/Rangoon", "Europe/Belfast", "Pacific/Samoa",
]  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_rows_of_the_contract(name: str) -> None:
    offset, text = TABLE[name]
    info = get_timezone_info(name)
    assert info["utcoffset"] == Time(offset)
    assert (info["dst"] and info["dst"]["as_string"]) == text
    assert get_timezone_info(name) is not info


@pytest.mark.parametrize("name", NAMES)
def test_names_that_must_exist(name: str) -> None:
    assert "utcoffset" in get_timezone_info(name)


@pytest.mark.parametrize("name", ["", "Nowhere/City", "../etc/passwd", "/etc/localtime", "Europe", "a" * 300])
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(TimezoneNotFoundError) as error:
        get_timezone_info(name)
    assert error.value.args == (name,)


def test_members() -> None:
    dst = get_timezone_info("Europe/Paris")["dst"]
    assert (dst["start"]["month"], dst["start"]["day"], dst["start"]["time"].as_hours) == (3, "W5.1", 2)
    assert (dst["end"]["month"], dst["save"].as_minutes) == (10, 60)


def test_time() -> None:
    assert (Time(-12600).as_hours, Time(-12600).as_minutes, Time(-12600).as_hms) == (-4, -210, [-3, 30, 0])
    assert (Time(-1800).as_hms, Time(-7).as_hms, Time(0).as_hms, Time(3661).as_hms) == (
        [0, -30, 0],
        [0, 0, -7],
        [0, 0, 0],
        [1, 1, 1],
    )
    assert len({Time(1), Time(1), Time(2)}) == 2
    assert [week_start_on_monday(day) for day in range(1, 8)] == [7, 1, 2, 3, 4, 5, 6]


def test_databases() -> None:
    db = TextTimezoneInfoDB()
    assert db.get_timezone_info("UTC") == get_timezone_info("UTC")
    default = DefaultTimezoneInfoDB("Europe/Paris", db)
    assert default.get_timezone_info("nowhere") == default.default == get_timezone_info("Europe/Paris")


def test_a_zone_without_daylight_saving() -> None:
    assert parsed("<+01>-1") == Rule(3600)


def test_rules_in_days() -> None:
    rule = parsed("EST5EDT,J60/2,300/26")
    assert rule.daylight is not None
    assert (str(rule.daylight[0]), str(rule.daylight[1])) == ("3/D1/7200", "10/D29/7200")
