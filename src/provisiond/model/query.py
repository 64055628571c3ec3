"""The query language of lists: selectors, order, pages, fields (REST contract, section 6)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

from provisiond.errors import InvalidInput

MAX_SELECTOR_DEPTH: Final = 32


@frozen
class Test:
    """One comparison: an operator such as ``$in`` (``$eq`` for a plain value), and what it compares with."""

    __test__ = False

    operator: str
    operand: Any
    _texts: frozenset[Any] = field(init=False, repr=False, eq=False)

    @_texts.default
    def _operand_texts(self) -> frozenset[Any]:
        listed = self.operand if self.operator in ("$in", "$nin") else ()
        return frozenset(each for each in listed if isinstance(each, str))

    def lists(self, value: Any) -> bool:
        """Tell whether a value equals one of the operand's; thousands of texts cost as little as one."""
        if isinstance(value, str):
            return value in self._texts
        return any(_same(value, each) for each in self.operand if not isinstance(each, str))


@frozen
class Condition:
    """All tests of one dotted key."""

    key: str
    tests: tuple[Test, ...]


@frozen
class Selector:
    """All conditions must hold; none selects everything."""

    conditions: tuple[Condition, ...] = ()


@frozen(kw_only=True)
class Query:
    """What a list shows.

    :param fields: dotted keys to show (``id`` always is), or None for everything.
    :param limit: 0 means no limit.
    """

    selector: Selector = field(factory=Selector)
    fields: tuple[str, ...] | None = None
    skip: int = 0
    limit: int = 0
    sort: str | None = None
    descending: bool = False


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)


def _contains(value: Any, member: Any) -> bool:
    if isinstance(value, str):
        return isinstance(member, str) and member in value
    if isinstance(value, Mapping):
        return isinstance(member, str) and member in value
    if isinstance(value, list | tuple):
        return any(_same(each, member) for each in value)
    return False


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(value: Any, operand: Any) -> bool:
        numbers = isinstance(value, int | float) and isinstance(operand, int | float)
        texts = isinstance(value, str) and isinstance(operand, str)
        return (numbers or texts) and compare(value, operand)

    return test


_SOME: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$eq": _same,
    "$contains": _contains,
    "$gt": _ordered(lambda value, operand: value > operand),
    "$ge": _ordered(lambda value, operand: value >= operand),
    "$lt": _ordered(lambda value, operand: value < operand),
    "$le": _ordered(lambda value, operand: value <= operand),
}
SOME_OPERATORS: Final = frozenset({*_SOME, "$in"})
_NONE: Final = {"$nin": "$in", "$ne": "$eq"}
OPERATORS: Final = frozenset({*SOME_OPERATORS, *_NONE, "$exists"} - {"$eq"})


def _tests(key: str, condition: Any) -> tuple[Test, ...]:
    if not isinstance(condition, Mapping) or not any(name.startswith("$") for name in condition):
        return (Test("$eq", condition),)
    for name, operand in condition.items():
        if name not in OPERATORS:
            raise InvalidInput(f"q: {key[:80]}: {name[:40]!r} is not an operator, or is mixed with plain members")
        if name in ("$in", "$nin") and not isinstance(operand, list):
            raise InvalidInput(f"q: {key[:80]}: {name} needs an array")
        if name == "$exists" and not isinstance(operand, bool | int):
            raise InvalidInput(f"q: {key[:80]}: $exists needs true or false")
    return tuple(Test(name, operand) for name, operand in condition.items())


def parse_selector(document: object) -> Selector:
    """Return the selector that a JSON object tells.

    :raises InvalidInput: for anything but an object, for unknown operators, and for keys that begin with ``$``.
    """
    if not isinstance(document, Mapping):
        raise InvalidInput("q must be a JSON object")
    for key in document:
        if key.startswith("$"):
            raise InvalidInput(f"q: a key must not begin with $: {key[:40]!r}")
    return Selector(tuple(Condition(key, _tests(key, condition)) for key, condition in document.items()))


def values_at(document: Any, key: str) -> Iterator[Any]:
    """Yield the values found under a dotted key; at the last step an array is searched element by element."""
    *steps, last = key.split(".")
    for step in steps:
        if not isinstance(document, Mapping) or step == "" or step not in document:
            return
        document = document[step]
    if last == "":
        return
    for each in document if isinstance(document, list | tuple) else (document,):
        if isinstance(each, Mapping) and last in each:
            yield each[last]


def holds(test: Test, found: Sequence[Any]) -> bool:
    """Tell whether a test holds for the values that were found under its key."""
    if test.operator == "$exists":
        return bool(found) == bool(test.operand)
    operator = _NONE.get(test.operator, test.operator)
    if operator == "$in":
        some = any(map(test.lists, found))
    else:
        compare = _SOME[operator]
        some = any(compare(value, test.operand) for value in found)
    return some != (test.operator in _NONE)


def matches(selector: Selector, document: Mapping[str, Any]) -> bool:
    """Tell whether a document is selected."""
    for condition in selector.conditions:
        found = list(values_at(document, condition.key))
        if not all(holds(test, found) for test in condition.tests):
            return False
    return True


def sort_text(document: Mapping[str, Any], key: str) -> str:
    """Return the text that a document is sorted by; missing and null count as empty."""
    value = next(values_at(document, key), None)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, default=dict)


def projected(document: Mapping[str, Any], fields: Iterable[str] | None) -> dict[str, Any]:
    """Return only these dotted keys of a document, nested as they were; ``id`` always comes along."""
    if fields is None:
        return dict(document)
    result: dict[str, Any] = {"id": document["id"]} if "id" in document else {}
    paths = {tuple(key.split(".")): None for key in fields}
    for path in paths:
        # A part of what is shown as a whole anyway adds nothing.
        if not any(path[:length] in paths for length in range(1, len(path))):
            _copy_path(document, result, path)
    return result


def _copy_path(source: Any, target: dict[str, Any], path: tuple[str, ...]) -> None:
    for step in path:
        if not isinstance(source, Mapping) or step == "" or step not in source:
            return
        source = source[step]
    for step in path[:-1]:
        target = target.setdefault(step, {})
    target[path[-1]] = source


def selected(documents: Iterable[Mapping[str, Any]], query: Query) -> list[dict[str, Any]]:
    """Return what a list shows: select, sort, skip, limit, fields, in this order."""
    found = [document for document in documents if matches(query.selector, document)]
    if query.sort is not None:
        key = query.sort
        # Ties keep their unsorted order in both directions, as the contract asks.
        found.sort(key=lambda document: sort_text(document, key), reverse=query.descending)
    end = query.skip + query.limit if query.limit else None
    return [projected(document, query.fields) for document in found[query.skip : end]]


def _whole_number(arguments: Mapping[str, str], name: str) -> int:
    text = arguments.get(name, "")
    if text == "":
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise InvalidInput(f"{name} must be a whole number of 0 or more")
    return int(text)


def _depth_checked(document: Any) -> Any:
    level = [document]
    for _ in range(MAX_SELECTOR_DEPTH):
        inner = [m for v in level if isinstance(v, dict | list) for m in (v.values() if isinstance(v, dict) else v)]
        if not inner:
            return document
        level = inner
    raise InvalidInput("q is nested too deeply")


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _selector_text(arguments: Mapping[str, str]) -> str:
    packed = arguments.get("q64", "")
    if not packed:
        return arguments.get("q", "")
    try:
        text = packed.strip().replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise InvalidInput("q64 must be a JSON object in base64") from None


def parse_query(arguments: Mapping[str, str]) -> Query:
    """Return the query that the arguments of a request tell.

    :raises InvalidInput: naming the first argument with a bad value; unknown arguments are ignored.
    """
    text = _selector_text(arguments)
    selector = Selector()
    if text.strip():
        try:
            document = json.loads(text, parse_constant=_constant)
        except (ValueError, RecursionError):
            raise InvalidInput("q must be a JSON object") from None
        selector = parse_selector(_depth_checked(document))
    order = arguments.get("sort_ord", "").upper() or "ASC"
    sort = arguments.get("sort") or None
    if sort is not None and order not in ("ASC", "DESC"):
        raise InvalidInput("sort_ord must be ASC or DESC")
    fields = arguments.get("fields")
    return Query(
        selector=selector,
        fields=None if fields is None else tuple(each.strip() for each in fields.split(",") if each.strip()),
        skip=_whole_number(arguments, "skip"),
        limit=_whole_number(arguments, "limit"),
        sort=sort,
        descending=sort is not None and order == "DESC",
    )
