"""The language of the server."""

from __future__ import annotations

from provisiond.legacy.surroundings import HERE


def get_locale() -> str | None:
    """Return the parameter ``locale``, e.g. ``fr_FR``, or None."""
    return HERE.locale


def get_locale_and_language() -> tuple[str | None, str | None]:
    """Return the parameter ``locale`` and its language, or two times None."""
    locale = HERE.locale
    return (locale, locale.partition("_")[0]) if locale else (None, None)
