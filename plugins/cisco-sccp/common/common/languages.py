"""Languages and tones as SCCP phones name them: folders of the locale packages."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from provisiond.sdk.locales import Locale, best_match


@frozen
class Language:
    """One locale of the phones.

    :param name: folder with ``mk-sccp.jar`` and its siblings.
    :param code: ISO 639 code.
    :param tones: folder with ``g3-tones.xml``.
    """

    name: str
    code: str
    tones: str


ENGLISH = Language("english_united_states", "en", "united_states")
_LANGUAGES: Mapping[str, Language] = {
    "en": ENGLISH,
    "en_GB": Language("english_united_kingdom", "en", "united_kingdom"),
    "fr": Language("french_france", "fr", "france"),
    "fr_CA": Language("french_france", "fr", "canada"),
    "de": Language("german_germany", "de", "germany"),
    "es": Language("spanish_spain", "es", "spain"),
    "it": Language("italian_italy", "it", "italy"),
    "nl": Language("dutch_netherlands", "nl", "netherlands"),
    "pl": Language("polish_poland", "pl", "poland"),
    "pt": Language("portuguese_portugal", "pt", "portugal"),
    "pt_BR": Language("portuguese_brazil", "pt", "brazil"),
}


def language_of(locale: Locale) -> Language:
    """Return the phones' locale that is nearest."""
    return best_match(locale, _LANGUAGES, ENGLISH)
