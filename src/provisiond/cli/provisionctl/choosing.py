"""What arguments say: filters, assignments, and which objects are meant."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import click

from provisiond.client.selection import Selection

_FILTER: Final = re.compile(r"(?P<name>[^=!~<>]+?)\s*(?P<operator>!=|>=|<=|=|~|<|>)\s*(?P<value>.*)", re.DOTALL)
_TESTS: Final = {">": "$gt", ">=": "$ge", "<": "$lt", "<=": "$le"}
C = TypeVar("C", bound=Callable[..., Any])


def list_options(command: C) -> C:
    """Give a command ``--filter``, ``--query``, ``--sort``, ``--limit`` and ``--skip``."""
    for option in (
        click.option("--skip", type=click.IntRange(min=0), default=0, help="Leave out so many at the beginning."),
        click.option("--limit", type=click.IntRange(min=0), default=0, help="Show at most so many."),
        click.option("--sort", metavar="[-]NAME", help="Sort by a member; with - the greatest first."),
        *filter_options(),
    ):
        command = option(command)
    return command


def filter_options() -> tuple[Callable[[C], C], ...]:
    """Return the options ``--filter`` and ``--query``."""
    return (
        click.option("-q", "--query", metavar="JSON", help="A selector as in docs/rest-api.md."),
        click.option(
            "-f", "--filter", "filters", metavar="NAME=VALUE", multiple=True,
            help="Only those: = != ~ (contains) < > <= >=, NAME alone for those that have it, !NAME for the others.",
        ),
    )  # fmt: skip


def selector_of(filters: Sequence[str], query: str | None = None) -> dict[str, Any]:
    """Return the selector that options say.

    :raises click.BadParameter: when one is wrong.
    """
    selector: dict[str, Any] = {}
    if query is not None:
        selector = json_object(query, "--query")
    for text in filters:
        name, tests = _test(text)
        known = selector.setdefault(name, {})
        if not isinstance(known, dict) or set(known) & set(tests):
            raise click.BadParameter(f'"{name}" is restricted twice in a way that does not go together')
        known.update(tests)
    return selector


def _test(text: str) -> tuple[str, dict[str, Any]]:
    match = _FILTER.fullmatch(text)
    if match is None:
        name = text.removeprefix("!")
        if not name or re.search(r"[=!~<>]", name):
            raise click.BadParameter(f'"{text}" is no filter; write e.g. vendor=Snom')
        return name, {"$exists": not text.startswith("!")}
    operator, value = match["operator"], match["value"]
    if operator in ("=", "!="):
        return match["name"], {"$in" if operator == "=" else "$nin": _readings(value)}
    if operator == "~":
        return match["name"], {"$contains": value}
    return match["name"], {_TESTS[operator]: value}


def _readings(text: str) -> list[Any]:
    """Return all values that a text may mean: the text, and the number or word of JSON it looks like."""
    try:
        value = json.loads(text)
    except ValueError:
        return [text]
    return [text] if isinstance(value, str | dict | list | float) and not isinstance(value, bool) else [text, value]


def selection_of(
    filters: Sequence[str], query: str | None, sort: str | None, limit: int, skip: int, fields: Sequence[str] = ()
) -> Selection:
    """Return the selection that list options say."""
    name = (sort or "").removeprefix("-") or None
    selector = selector_of(filters, query)
    return Selection(
        q=selector, fields=fields, skip=skip, limit=limit, sort=name, descending=(sort or "").startswith("-")
    )


def assignments(texts: Iterable[str]) -> dict[str, Any]:
    """Return what ``name=text`` and ``name:=JSON`` assign, by dotted name.

    :raises click.BadParameter: when one is wrong.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name.rstrip(":"):
            raise click.BadParameter(f'"{text}" assigns nothing; write NAME=TEXT or NAME:=JSON')
        if not name.endswith(":"):
            found[name] = value
            continue
        try:
            found[name[:-1]] = json.loads(value)
        except ValueError:
            raise click.BadParameter(f'"{value}" is not JSON; for a text write {name[:-1]}={value}') from None
    return found


def with_assigned(document: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a document with values at dotted names."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    for name, value in values.items():
        *ways, last = name.split(".")
        place = copy
        for way in ways:
            inner = place.get(way)
            place[way] = inner if isinstance(inner, dict) else {}
            place = place[way]
        place[last] = value
    return copy


def without(document: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return a copy of a document that lacks what stands at dotted names."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    for name in names:
        *ways, last = name.split(".")
        place: Any = copy
        for way in ways:
            place = place.get(way) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(last, None)
    return copy


def json_object(text: str, what: str) -> dict[str, Any]:
    """Return the JSON object in a text; ``@FILE`` reads a file and ``-`` standard input.

    :raises click.BadParameter: when there is none.
    """
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            with click.open_file(text[1:], encoding="utf-8") as file:
                text = file.read()
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{what} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise click.BadParameter(f"{what} must be a JSON object")
    return found
