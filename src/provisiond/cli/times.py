"""Times as administrators write and read them."""

from __future__ import annotations

import datetime
import re

from provisiond.errors import InvalidInput

_SPAN = re.compile(r"([1-9][0-9]{0,6})([smhdwy])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}


def moment_from(text: str, now: float) -> float:
    """Return the seconds since the epoch that a text names.

    :param text: a span from now such as ``90d``, ``12h`` or ``1y``; or a date or time of ISO 8601, of UTC unless it
        says otherwise; a date alone means its beginning.
    :param now: seconds since the epoch.
    :raises InvalidInput: when it is neither.
    """
    span = _SPAN.fullmatch(text)
    if span is not None:
        return now + int(span[1]) * _SECONDS[span[2]]
    try:
        named = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is neither a span such as 90d nor a date such as 2030-12-31") from None
    return (named if named.tzinfo is not None else named.replace(tzinfo=datetime.UTC)).timestamp()


def moment_shown(seconds: float | None) -> str | None:
    """Return a time as ISO 8601 in UTC, to the second; None for None."""
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
