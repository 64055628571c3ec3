"""Turning raw rules into compiled ones: the server's own from its data, and those of plugins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from provisiond.identification.knowledge import Knowledge, Vendor
from provisiond.identification.matcher import CompiledRule
from provisiond.identification.rules import Rule, Where
from provisiond.identification.safety import pattern_problem
from provisiond.identification.text import HEX_PAIRS

MIN_LITERAL = 3
GROUPS = frozenset({"vendor", "model", "version", "mac", "sn", "uuid"})

_FLAGS = re.ASCII | re.IGNORECASE
_NO_MODEL = "(?!)"
_PLACEHOLDERS = {
    "%MAC%": f"(?P<mac>{HEX_PAIRS})",
    "%VERSION%": "[0-9]{1,4}(?:[.][0-9A-Za-z]{1,16}){1,8}",
    "%LOOSEVERSION%": "[0-9]{1,4}(?:[.-][0-9A-Za-z]{1,16}){1,8}",
    "%NAME%": "[0-9A-Z_+-]{1,24}",
    "%WORD%": "[0-9A-Z]{1,12}",
}
_BRANDED = {
    Where.USER_AGENT: (
        "^%BRAND%[ /_-]{0,3}(?P<model>%MODELS%|(?=[A-Z_-]{0,12}[0-9])%NAME%)(?: v[0-9])?[ /_-]{1,3}[VR]?"
        "(?P<version>%VERSION%)(?:[^ ]{0,40}[ ;(]{1,3}%MAC%)?",
        "^%BRAND%[ /_-]{0,3}(?P<model>%MODELS%)(?:[ /;(]{1,3}%MAC%[^ ]{0,8})?$",
        "^%BRAND%",
    ),
    Where.DHCP_VENDOR_CLASS: ("^%BRAND%[ ./_-]{0,3}(?P<model>%MODELS%)?",),
}
_NO_BRAND_RULES = frozenset({"Cisco"})
"""Vendors whose brand stands in front of things that are no phones: switches, access points, VPN clients."""

_Tree = dict[str, "_Tree"]
"""Names by their beginnings: the next piece of an expression to what may follow; an empty piece ends a name."""


@frozen
class RuleProblem:
    """A rule of a plugin that is not used.

    :param plugin: id of the plugin.
    :param sentence: why, as a sentence for the administrator.
    """

    plugin: str
    sentence: str


def own_rules(knowledge: Knowledge, where: Where) -> tuple[CompiledRule, ...]:
    """Return the server's own rules for one part of a request, the special ones before those by brand name."""
    special = [_own_rule(knowledge, raw) for raw in knowledge.rules.get(where.value, ())]
    return (*special, *_brand_rules(knowledge, where))


def _own_rule(knowledge: Knowledge, raw: Mapping[str, Any]) -> CompiledRule:
    vendor = knowledge.vendors[raw["vendor"]]
    literal = raw["literal"]
    paths = raw.get("version_paths")
    return CompiledRule(
        literals=(literal,) if isinstance(literal, str) else tuple(literal),
        expression=re.compile(expanded(raw["pattern"], vendor), _FLAGS),
        vendor=vendor.name,
        model=raw.get("model"),
        version_paths=re.compile(paths, _FLAGS) if paths else None,
        known_prefix=bool(raw.get("known_prefix")),
        model_required=bool(raw.get("model_required")),
        padded=bool(raw.get("padded")),
        underscores=bool(raw.get("underscores")),
    )


def _brand_rules(knowledge: Knowledge, where: Where) -> Iterator[CompiledRule]:
    for pattern in _BRANDED.get(where, ()):
        for vendor in knowledge.vendors.values():
            if vendor.name in _NO_BRAND_RULES:
                continue
            yield CompiledRule(
                literals=tuple(brand.lower() for brand in vendor.brands()),
                expression=re.compile(expanded(pattern, vendor), _FLAGS),
                vendor=vendor.name,
            )


def expanded(pattern: str, vendor: Vendor) -> str:
    """Return a pattern of the data with its ``%NAMES%`` replaced by expressions for this vendor."""
    models = _any_of(vendor.model_spellings()) if vendor.models else _NO_MODEL
    brands = "|".join(re.escape(brand) for brand in vendor.brands())
    own = {
        "%MODELS%": f"(?:{models})(?![0-9A-Za-z])",
        "%RAWMODELS%": f"(?:{models})",
        "%BRAND%": f"(?:{brands})(?![A-Za-z])",
    }
    for name, text in (*_PLACEHOLDERS.items(), *own.items()):
        pattern = pattern.replace(name, text)
    return pattern


def _any_of(names: Iterable[str]) -> str:
    """Return one expression for many names that share beginnings, the longest preferred.

    Blanks, hyphens and underscores are interchangeable, and may be left out.
    """
    tree: _Tree = {}
    for name in names:
        node = tree
        for char in name.casefold():
            node = node.setdefault("[ _-]?" if char in " _-" else re.escape(char), {})
        node[""] = {}
    return _alternatives(tree)


def _alternatives(tree: _Tree) -> str:
    options = [start + _alternatives(rest) for start, rest in tree.items() if start]
    if not options:
        return ""
    if len(options) == 1 and "" not in tree:
        return options[0]
    return f"(?:{'|'.join(options)})" + ("?" if "" in tree else "")


def plugin_rules(
    rules: Mapping[str, Sequence[Rule]],
) -> tuple[dict[Where, list[tuple[str | None, CompiledRule]]], tuple[RuleProblem, ...]]:
    """Compile the rules of plugins.

    :param rules: plugin id to its rules.
    :return: the usable rules by the part they read, each with the name of its query argument, in the order of the
        plugin ids; and a problem for each rule that is refused.
    """
    compiled: dict[Where, list[tuple[str | None, CompiledRule]]] = {where: [] for where in Where}
    problems: list[RuleProblem] = []
    for plugin in sorted(rules):
        for number, rule in enumerate(_listed(rules[plugin]), 1):
            problem = rule_problem(rule)
            if problem is not None:
                problems.append(RuleProblem(plugin, f"Rule {number} of plugin {plugin} is not used: {problem}."))
            else:
                compiled[Where(rule.where)].append((rule.argument, _compiled(plugin, rule)))
    return compiled, tuple(problems)


def _listed(rules: Iterable[Rule]) -> tuple[Any, ...]:
    """Return the rules of a plugin, or one unusable item when they are not even a sequence."""
    try:
        return tuple(rules)
    except TypeError:
        return (None,)


def _compiled(plugin: str, rule: Rule) -> CompiledRule:
    return CompiledRule(
        literals=(rule.literal.lower(),),
        expression=re.compile(rule.pattern, _FLAGS),
        vendor=rule.vendor,
        model=rule.model,
        plugin=plugin,
    )


def rule_problem(rule: object) -> str | None:
    """Return why a rule of a plugin cannot be used, as the end of a sentence, or None when it can."""
    if not isinstance(rule, Rule):
        return "it is not a Rule"
    if not isinstance(rule.where, str) or rule.where not in set(Where):
        return "'where' names no part of a request"
    texts = (rule.literal, rule.pattern)
    optional = (rule.vendor, rule.model, rule.argument)
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(t, str | None) for t in optional):
        return "one of its members is not a text"
    if len(rule.literal) < MIN_LITERAL:
        return f"its literal has less than {MIN_LITERAL} characters"
    if rule.where == Where.QUERY and not rule.argument:
        return "it reads the query but names no argument"
    problem = pattern_problem(rule.pattern)
    if problem is not None:
        return f"its pattern {problem}"
    strange = set(re.compile(rule.pattern, _FLAGS).groupindex) - GROUPS
    return f"its pattern has the unknown group {min(strange)!r}" if strange else None
