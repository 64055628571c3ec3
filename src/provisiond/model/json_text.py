"""Strict JSON: what comes from outside must be plain, finite, unambiguous and not too deep."""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

from provisiond.errors import InvalidInput

MAX_DEPTH: Final = 64


def parsed_json(content: bytes, what: str = "the body") -> Any:
    """Return the JSON value in ``content``.

    :param content: UTF-8.
    :param what: how sentences call it.
    :raises InvalidInput: for anything but one JSON value in UTF-8, for duplicate members, NaN and infinite numbers,
        NUL characters, lone surrogates, and nesting deeper than 64 levels.
    """
    try:
        document = json.loads(
            content.decode("utf-8"),
            parse_constant=lambda name: _refuse(f"{what} holds {name}, which is not JSON"),
            parse_float=lambda text: _finite(text, what),
            object_pairs_hook=lambda pairs: _once(pairs, what),
        )
        if b"\\ud" in content.lower():
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidInput(f"{what} holds half of a character") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{what} is not UTF-8") from None
    except RecursionError:
        raise InvalidInput(f"{what} is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) and error.lineno > 1 else ""
        raise InvalidInput(f"{what} is not JSON{where}") from None
    if b"\\u0000" in content or content.count(b"{") + content.count(b"[") >= MAX_DEPTH:
        # Nothing else can hold a NUL or be too deep.
        check_tree(document, what)
    return document


def parsed_json_object(content: bytes, what: str = "the body") -> dict[str, Any]:
    """Return the JSON object in ``content``.

    :raises InvalidInput: as :func:`parsed_json`, and when it is no object.
    """
    document = parsed_json(content, what)
    if not isinstance(document, dict):
        raise InvalidInput(f"{what} must be one JSON object")
    return document


def check_tree(document: Any, what: str = "the body") -> None:
    """Refuse a value with NUL characters, or nested deeper than 64 levels.

    :raises InvalidInput: naming what it found.
    """
    level = [document]
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for value in level:
            if isinstance(value, str) and "\0" in value:
                raise InvalidInput(f"{what} holds a NUL character")
            if isinstance(value, dict):
                deeper.extend(value)
                deeper.extend(value.values())
            elif isinstance(value, list):
                deeper.extend(value)
        if not deeper:
            return
        level = deeper
    raise InvalidInput(f"{what} is nested deeper than {MAX_DEPTH} levels")


def _refuse(sentence: str) -> NoReturn:
    raise InvalidInput(sentence)


def _finite(text: str, what: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidInput(f"{what} holds a number that is too large")
    return value


def _once(pairs: list[tuple[str, Any]], what: str) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidInput(f"{what} gives a member twice")
    return members
