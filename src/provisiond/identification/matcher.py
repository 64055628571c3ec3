"""One matcher for many rules: a literal that must occur, then one regular expression."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from attrs import field, frozen


@frozen(kw_only=True)
class CompiledRule:
    """One rule, ready to be used.

    :param literals: lower-case texts of which every match contains at least one.
    :param expression: searched only when a literal occurs.
    :param vendor: claimed vendor when the expression has no such group.
    :param model: claimed model when the expression has no such group.
    :param known_prefix: the address counts only if its prefix belongs to a known vendor.
    :param model_required: the rule says nothing when the model is not a known one.
    :param padded: the model is surrounded by zeros.
    :param underscores: underscores in the version stand for dots.
    :param version_paths: the version counts only for requests whose path this expression finds.
    :param plugin: id of the plugin that brought the rule, None for the server's own.
    """

    literals: tuple[str, ...]
    expression: re.Pattern[str]
    vendor: str | None = None
    model: str | None = None
    known_prefix: bool = False
    model_required: bool = False
    padded: bool = False
    underscores: bool = False
    version_paths: re.Pattern[str] | None = None
    plugin: str | None = None


@frozen
class Hit:
    """One rule that matched, and what its named groups caught."""

    rule: CompiledRule
    groups: Mapping[str, str | None]

    def get(self, name: str) -> str | None:
        """Return what the group ``name`` caught; None when there is no such group or it caught nothing."""
        return self.groups.get(name) or None


def _indexed(rules: Iterable[CompiledRule]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    positions: dict[str, list[int]] = {}
    for position, rule in enumerate(rules):
        for literal in rule.literals:
            positions.setdefault(literal, []).append(position)
    return tuple((literal, tuple(places)) for literal, places in positions.items())


@frozen
class Matcher:
    """Finds which of many rules match a text.

    Each distinct literal is looked for once; only rules whose literal occurs run their expression.
    """

    rules: tuple[CompiledRule, ...]
    _literals: tuple[tuple[str, tuple[int, ...]], ...] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Group the rules by literal."""
        object.__setattr__(self, "_literals", _indexed(self.rules))

    def hits(self, text: str) -> Iterator[Hit]:
        """Give the rules that match ``text``, in the order of the rules, one by one as they are asked for."""
        lowered = text.lower()
        candidates = [places for literal, places in self._literals if literal in lowered]
        if not candidates:
            return
        places = candidates[0] if len(candidates) == 1 else sorted(set().union(*candidates))
        for place in places:
            rule = self.rules[place]
            match = rule.expression.search(text)
            if match is not None:
                yield Hit(rule, match.groupdict())
