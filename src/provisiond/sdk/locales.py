"""The locale of a device, and the entry of a plugin's own table that fits it best."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import frozen

__all__ = ["Locale", "best_match", "locale_of"]

_LOCALE = re.compile(r"(?P<language>[a-z]{2,3})(?:_(?P<country>[A-Z]{2,3}))?")
T = TypeVar("T")


@frozen
class Locale:
    """A language and, mostly, a country.

    :param language: ISO 639 code, lower case, e.g. ``fr``.
    :param country: ISO 3166 code, upper case, e.g. ``CA``; empty when not known.
    """

    language: str
    country: str = ""

    def __str__(self) -> str:
        return f"{self.language}_{self.country}" if self.country else self.language


def locale_of(raw_config: Mapping[str, Any], default: str = "en_US") -> Locale:
    """Return the locale of the parameters.

    :param raw_config: parameters of a device; the member ``locale`` is used.
    :param default: used when there is no locale.
    """
    match = _LOCALE.fullmatch(str(raw_config.get("locale") or default))
    return Locale(match["language"], match["country"] or "") if match else Locale("en", "US")


def best_match(locale: Locale, table: Mapping[str, T], default: T) -> T:
    """Return the table's entry for this locale, else for its language, else for its country, else ``default``.

    :param table: keys are ``fr_CA``, ``fr`` or ``CA``; a table of languages has no countries and a table of tones no
        languages, so the two never mix.
    """
    for key in (str(locale), locale.language, locale.country):
        if key and key in table:
            return table[key]
    return default
