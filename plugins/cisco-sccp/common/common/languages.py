"""Languages and tones as SCCP phones name them: folders of the vendor's locale packages, unpacked into ``i18n/``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

from provisiond.sdk.locales import Locale, best_match

_FOLDER = "i18n/"


@frozen
class Language:
    """One language of the displays.

    :param name: folder with the dictionary of the model, e.g. ``mk-sccp.jar`` or ``7960-dictionary.xml``.
    :param code: ISO 639 code.
    """

    name: str
    code: str


_LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {
        key: Language(f"{_FOLDER}{name}", code)
        for key, name, code in (
            ("da", "danish_denmark", "da"),
            ("de", "german_germany", "de"),
            ("en_GB", "english_united_kingdom", "en"),
            ("es", "spanish_spain", "es"),
            ("fi", "finnish_finland", "fi"),
            ("fr", "french_france", "fr"),
            ("it", "italian_italy", "it"),
            ("nl", "dutch_netherlands", "nl"),
            ("no", "norwegian_norway", "no"),
            ("pl", "polish_poland", "pl"),
            ("pt", "portuguese_portugal", "pt"),
            ("pt_BR", "portuguese_brazil", "pt"),
            ("sv", "swedish_sweden", "sv"),
        )
    }
)
_TONES: Mapping[str, str] = MappingProxyType(
    {
        "AT": "austria",
        "AU": "australia",
        "BE": "belgium",
        "BR": "brazil",
        "CA": "canada",
        "CH": "switzerland",
        "DE": "germany",
        "DK": "denmark",
        "ES": "spain",
        "FI": "finland",
        "FR": "france",
        "GB": "united_kingdom",
        "IE": "ireland",
        "IT": "italy",
        "LU": "luxembourg",
        "MX": "mexico",
        "NL": "netherlands",
        "NO": "norway",
        "NZ": "new_zealand",
        "PL": "poland",
        "PT": "portugal",
        "SE": "sweden",
    }
)
_TWELVE_HOURS = "M/D/YA"
_TWENTY_FOUR_HOURS = "D/M/Y"


def language_of(locale: Locale) -> Language | None:
    """Return the language that is nearest; None for American English, which every phone has in its firmware."""
    return best_match(locale, dict[str, Language | None](_LANGUAGES), None)


def tones_of(locale: Locale) -> str:
    """Return the folder with the country's tones (``g3-tones.xml``); empty for those in the firmware."""
    tones = _TONES.get(locale.country, "")
    return f"{_FOLDER}{tones}" if tones else ""


def date_template(locale: Locale) -> str:
    """Return order and separator of day, month and year; a closing ``A`` means a clock of twelve hours."""
    return _TWELVE_HOURS if locale.country == "US" else _TWENTY_FOUR_HOURS
