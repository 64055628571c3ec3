"""Languages and call progress tones of SPA devices."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from provisiond.sdk.locales import Locale, best_match


@frozen
class Language:
    """A language of the phones: its name in the menu, and the mark in the names of dictionaries."""

    name: str
    mark: str


ENGLISH = Language("English", "en")
_LANGUAGES: Mapping[str, Language] = {
    "en": ENGLISH,
    "fr": Language("French", "fr"),
    "fr_CA": Language("FrenchCanadian", "fc"),
    "de": Language("German", "de"),
    "es": Language("Spanish", "es"),
    "it": Language("Italian", "it"),
    "nl": Language("Dutch", "nl"),
    "pl": Language("Polish", "pl"),
    "pt": Language("Portuguese", "pt"),
}

# Frequencies and cadences: ITU-T E.180 supplement 2, in the notation of the administration guides.
_TONES: Mapping[str, tuple[str, str, str, str]] = {
    "FR": ("440@-10;10(*/0/1)", "440@-10;10(.5/.5/1)", "440@-10;10(.25/.25/1)", "440@-10;*(1.5/3.5/1)"),
    "DE": ("425@-10;10(*/0/1)", "425@-10;10(.48/.48/1)", "425@-10;10(.24/.24/1)", "425@-10;*(1/4/1)"),
    "ES": ("425@-10;10(*/0/1)", "425@-10;10(.2/.2/1)", "425@-10;10(.2/.2/1,.2/.2/1,.2/.6/1)", "425@-10;*(1.5/3/1)"),
    "IT": ("425@-10;10(.2/.2/1,.6/1/1)", "425@-10;10(.5/.5/1)", "425@-10;10(.2/.2/1)", "425@-10;*(1/4/1)"),
    "NL": ("425@-10;10(*/0/1)", "425@-10;10(.5/.5/1)", "425@-10;10(.25/.25/1)", "425@-10;*(1/4/1)"),
    "PL": ("425@-10;10(*/0/1)", "425@-10;10(.5/.5/1)", "425@-10;10(.5/.5/1)", "425@-10;*(1/4/1)"),
    "PT": ("425@-10;10(*/0/1)", "425@-10;10(.5/.5/1)", "425@-10;10(.2/.2/1)", "425@-10;*(1/5/1)"),
    "BR": ("425@-10;10(*/0/1)", "425@-10;10(.25/.25/1)", "425@-10;10(.25/.25/1,.75/.25/1)", "425@-10;*(1/4/1)"),
    "GB": (
        "350@-19,440@-19;10(*/0/1+2)",
        "400@-20;10(.375/.375/1)",
        "400@-20;10(.4/.35/1,.225/.525/1)",
        "400@-19,450@-19;*(.4/.2/1+2,.4/2/1+2)",
    ),
}
_NAMES = ("Dial_Tone", "Busy_Tone", "Reorder_Tone", "Ring_Back_Tone")


def language_of(locale: Locale) -> Language:
    """Return the language of the phones that is nearest."""
    return best_match(locale, _LANGUAGES, ENGLISH)


def tones_of(locale: Locale) -> dict[str, str]:
    """Return the tones of the locale's country; none for countries that the devices' own tones fit."""
    return dict(zip(_NAMES, _TONES.get(locale.country, ()), strict=False))


def dictionary_script(pattern: str, base_url: str, language: Language) -> dict[str, str]:
    """Return the settings that make a phone load and use a language; none for English or without dictionaries."""
    if not pattern or language is ENGLISH:
        return {}
    script = (
        f"serv={base_url}/;d0=English;x0={pattern.format('en')};d1={language.name};x1={pattern.format(language.mark)}"
    )
    return {"Dictionary_Server_Script": script, "Language_Selection": language.name}
