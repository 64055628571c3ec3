"""What is wrong with a setting, in words that tell an administrator what to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

SHOWN: Final = 60
_EMPTY: Final = "has no value; give it one, or take the line away"
_TEXT: Final = "must be a text"
_NAMES: Final = "must hold names with values of their own, as in {{name: value}}"
_KINDS: Final[Mapping[str, str]] = {
    "bool_type": "must be true or false",
    "dict_type": _NAMES,
    "float_type": "must be a number",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be a whole number",
    "is_instance_of": "must be the path of a file or directory",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list, as in [one, another]",
    "literal_error": "must be {expected}",
    "missing": "is missing",
    "model_type": _NAMES,
    "string_pattern_mismatch": "must be of the form {pattern}",
    "string_type": _TEXT,
    "too_long": "must hold {max_length} at most",
    "too_short": "must hold {min_length} at least",
}
# Settings of these kinds are numbers, switches and words to choose from; what stands there is no secret.
_HARMLESS: Final = frozenset(
    {"bool_type", "float_type", "greater_than_equal", "int_type", "less_than_equal", "literal_error"}
)


def sentence_of(error: Mapping[str, Any], known: Iterable[str]) -> str:
    """Return key and reason of one wrong setting, with the value where it cannot be a secret.

    :param error: what pydantic tells of it.
    :param known: the names of all settings, with dots.
    """
    key, kind, given = ".".join(str(part) for part in error["loc"]), str(error["type"]), error.get("input")
    if kind == "extra_forbidden":
        return f"{key}: unknown key{_meant(key, known)}"
    if given is None:
        return f"{key}: {_EMPTY}"
    form = _KINDS.get(kind)
    if form is None:
        return f"{key}: {str(error['msg']).removeprefix('Value error, ')}"
    context = {name: str(value).replace("'", "") for name, value in error.get("ctx", {}).items()}
    return f"{key}: {form.format_map(context)}{_instead(kind, given)}"


def _instead(kind: str, given: Any) -> str:
    if kind == "string_type" and isinstance(given, bool | int | float):
        return "; write it in quotes"
    if kind in _HARMLESS and isinstance(given, bool | int | float | str) and len(repr(given)) <= SHOWN:
        return f", not {str(given).lower() if isinstance(given, bool) else repr(given)}"
    return ""


def _meant(key: str, known: Iterable[str]) -> str:
    close = get_close_matches(key, known, 1, 0.75)
    return f"; is {close[0]} meant?" if close else ""
