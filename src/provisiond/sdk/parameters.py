"""What an administrator can set for a plugin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
MAX_TEXT: Final = 4096
MAX_PARAMETERS: Final = 200


@frozen(kw_only=True)
class Parameter:
    """A value that is set over the API and handed to the plugin in ``context.parameters``.

    :param name: letters, digits and ``_``, at most 64.
    :param description: one sentence in English.
    :param descriptions: the same in other languages, by locale such as ``fr`` or ``fr_CA``.
    :param default: what the plugin gets while nobody has set it: a text, a number, true, false or None.
    """

    name: str
    description: str
    descriptions: Mapping[str, str] = field(factory=dict)
    default: Any = None

    def localized(self, locale: str | None) -> str:
        """Return the description in this language; an exact translation wins over one of the language alone."""
        keys = [locale, locale.partition("_")[0]] if locale else []
        return next((self.descriptions[key] for key in keys if key in self.descriptions), self.description)


def is_value(value: object) -> bool:
    """Tell whether a parameter can have this value: a text without control characters, a number, true or false."""
    if isinstance(value, str):
        return len(value) <= MAX_TEXT and not any(ord(char) < 32 or ord(char) == 127 for char in value)
    return isinstance(value, bool | int | float)


def problem_of(parameters: object) -> str | None:
    """Return what is wrong with a plugin's parameters, one sentence, or None."""
    if not isinstance(parameters, tuple | list) or not all(isinstance(each, Parameter) for each in parameters):
        return "the plugin's parameters must be a tuple of provisiond.sdk.Parameter"
    names = [each.name for each in parameters]
    if len(names) > MAX_PARAMETERS or not all(isinstance(name, str) and NAME.fullmatch(name) for name in names):
        return f"the plugin's parameters must have names of letters, digits and _, and be {MAX_PARAMETERS} at most"
    if len(set(names)) != len(names):
        return "two of the plugin's parameters have the same name"
    for each in parameters:
        texts = (each.description, *each.descriptions, *each.descriptions.values())
        if not all(isinstance(text, str) and len(text) <= MAX_TEXT for text in texts):
            return f"the descriptions of the parameter {each.name} must be texts"
        if each.default is not None and not is_value(each.default):
            return f"the default of the parameter {each.name} must be a text, a number, true, false or None"
    return None
