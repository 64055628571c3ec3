"""Refusing regular expressions that could keep the server busy.

Expressions of plugins meet text from the network. Python's ``re`` backtracks, so an expression like ``(a+)+b`` takes
time that grows exponentially with the text. The tree of the expression shows that before it is ever used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

MAX_PATTERN_LENGTH = 2000
SMALL_REPEAT = 12
"""A repetition of at most this many rounds with an optional single character inside is harmless."""
MAX_CROWD = 2
FEW_CHOICES = 4
"""A repetition of at most this many rounds may choose between alternatives."""

_ALL = frozenset(map(chr, range(256)))
_SHORTHANDS = {
    codes.CATEGORY_DIGIT: r"\d",
    codes.CATEGORY_NOT_DIGIT: r"\D",
    codes.CATEGORY_SPACE: r"\s",
    codes.CATEGORY_NOT_SPACE: r"\S",
    codes.CATEGORY_WORD: r"\w",
    codes.CATEGORY_NOT_WORD: r"\W",
}
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
_NO_WIDTH = (codes.AT, codes.ASSERT, codes.ASSERT_NOT)

Node = tuple[Any, Any]


def pattern_problem(pattern: str) -> str | None:
    """Return why ``pattern`` is refused, as the end of a sentence, or None when it is acceptable.

    Refused are: invalid and over-long expressions, references to groups, repetitions inside repetitions whose rounds
    are not told apart by a separator, and more than :data:`MAX_CROWD` unbounded repetitions that can fight for the
    same characters.
    """
    if len(pattern) > MAX_PATTERN_LENGTH:
        return f"is longer than {MAX_PATTERN_LENGTH} characters"
    try:
        tree = list(parser.parse(pattern, re.ASCII | re.IGNORECASE))
    except (re.error, OverflowError, RecursionError) as error:
        return f"is not a regular expression ({error})"
    nodes = [node for node, _ in _walk(tree)]
    if any(op in (codes.GROUPREF, codes.GROUPREF_EXISTS) for op, _ in nodes):
        return "refers back to a group"
    if any(_ambiguous(node) for node in nodes):
        return "repeats a repetition without a separator, which can take exponential time"
    if _crowd(tree) > MAX_CROWD:
        return f"has more than {MAX_CROWD} unbounded repetitions of the same characters in a row"
    return None


def _children(node: Node) -> list[list[Node]]:
    op, value = node
    if op in _REPEATS:
        return [list(value[2])]
    if op is codes.SUBPATTERN:
        return [list(value[3])]
    if op is codes.BRANCH:
        return [list(option) for option in value[1]]
    if op in (codes.ASSERT, codes.ASSERT_NOT):
        return [list(value[1])]
    if op is codes.ATOMIC_GROUP:
        return [list(value)]
    return []


def _walk(nodes: list[Node], depth: int = 0) -> Iterator[tuple[Node, int]]:
    for node in nodes:
        yield node, depth
        for body in _children(node):
            yield from _walk(body, depth + 1)


def _characters(node: Node) -> frozenset[str]:
    """Return the single characters (below 256, in both letter cases) that a node can begin or consist of."""
    op, value = node
    if op is codes.LITERAL:
        return frozenset({chr(value).lower(), chr(value).upper()})
    if op is codes.NOT_LITERAL:
        return _ALL - {chr(value)}
    if op is codes.IN:
        return _set(value)
    if op is codes.ANY:
        return _ALL
    return frozenset().union(*(_characters(child) for body in _children(node) for child in body))


def _set(members: list[Node]) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for op, value in members:
        if op is codes.RANGE:
            found |= {form for code in range(value[0], min(value[1], 255) + 1) for form in _cases(chr(code))}
        elif op is codes.LITERAL:
            found |= frozenset(_cases(chr(value)))
        elif op is codes.CATEGORY:
            found |= frozenset(char for char in _ALL if re.fullmatch(_SHORTHANDS[value], char, re.ASCII))
    negated = bool(members) and members[0][0] is codes.NEGATE
    return _ALL - found if negated else found


def _cases(char: str) -> tuple[str, str]:
    return char.lower(), char.upper()


def _varies(node: Node) -> bool:
    op, value = node
    return op is codes.BRANCH or (op in _REPEATS and value[0] != value[1])


def _flat(nodes: list[Node]) -> Iterator[Node]:
    """Give the nodes of a sequence with plain groups opened."""
    for node in nodes:
        if node[0] is codes.SUBPATTERN:
            yield from _flat(list(node[1][3]))
        elif node[0] not in _NO_WIDTH:
            yield node


def _ambiguous(node: Node) -> bool:
    """Tell whether this is a repetition whose rounds can be divided in many ways."""
    op, value = node
    if op not in _REPEATS or (value[1] is not codes.MAXREPEAT and value[1] <= 1):
        return False
    body = list(_flat(list(value[2])))
    varying = [inner for inner in body if _varies(inner)]
    if not varying:
        return False
    if value[1] is not codes.MAXREPEAT and value[1] <= SMALL_REPEAT and all(map(_optional_character, varying)):
        return False
    if any(child[0] is codes.BRANCH for child, _ in _walk(body)):
        return value[1] is codes.MAXREPEAT or value[1] > FEW_CHOICES
    moving = frozenset().union(*map(_characters, varying))
    separators = (item for item in body if not _varies(item) and item[0] not in _REPEATS)
    return not any(chars and not chars & moving for chars in map(_characters, separators))


def _optional_character(node: Node) -> bool:
    op, value = node
    return op in _REPEATS and bool(value[1] == 1) and not any(_varies(inner) for inner in _flat(list(value[2])))


def _crowd(nodes: list[Node]) -> int:
    """Return how many unbounded repetitions can fight for the same characters, with nothing to keep them apart."""
    worst = count = 0
    moving: frozenset[str] = frozenset()
    for node in _flat(nodes):
        chars = _characters(node)
        if chars and not chars & moving and _mandatory(node):
            count, moving = 0, frozenset()
        if node[0] in _REPEATS or node[0] is codes.BRANCH:
            count += int(_unbounded(node)) or max(map(_crowd, _children(node)), default=0)
            moving |= chars
        worst = max(worst, count)
    return worst


def _mandatory(node: Node) -> bool:
    op, value = node
    return bool(value[0] >= 1) if op in _REPEATS else op is not codes.BRANCH


def _unbounded(node: Node) -> bool:
    op, value = node
    return op in _REPEATS and (value[1] is codes.MAXREPEAT or value[1] > 64)
