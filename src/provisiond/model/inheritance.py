"""Inheritance of configs (REST contract, section 9.3)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from provisiond.model.config import Config


def laid_over(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``upper`` laid over ``lower``: objects merge, anything else replaces. Neither is changed."""
    result = copy.deepcopy(dict(lower))
    _lay(result, upper)
    return result


def over(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same as :func:`laid_over`, but what both hold is shared with them: not to be changed."""
    result = dict(lower)
    for key, value in upper.items():
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            result[key] = over(below, value)
        else:
            result[key] = value
    return result


def _lay(result: dict[str, Any], upper: Mapping[str, Any]) -> None:
    for key, value in upper.items():
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, dict):
            _lay(below, value)
        else:
            result[key] = copy.deepcopy(value)


def order_of(config_id: str, parents_of: Callable[[str], Iterable[str] | None]) -> list[str]:
    """Return the configs to lay over each other, lowest first; each once, at its first visit; unknown ones left out."""
    order: list[str] = []
    marked = {config_id}
    first = parents_of(config_id)
    stack = [] if first is None else [(config_id, iter(first))]
    while stack:
        current, remaining = stack[-1]
        for parent in remaining:
            if parent in marked:
                continue
            theirs = parents_of(parent)
            if theirs is not None:
                marked.add(parent)
                stack.append((parent, iter(theirs)))
                break
        else:
            order.append(current)
            stack.pop()
    return order


def merged(base: Mapping[str, Any], config_id: str, lookup: Callable[[str], Config | None]) -> dict[str, Any] | None:
    """Return the parameters of a config after inheritance, or None for an unknown config.

    :param base: the base parameters, below everything.
    :param lookup: gives a config by its id.
    """
    order = lineage(config_id, lookup)
    if not order:
        return None
    result = copy.deepcopy(dict(base))
    for each in order:
        _lay(result, each.raw_config)
    return result


def lineage(config_id: str, lookup: Callable[[str], Config | None]) -> list[Config]:
    """Return a config and all that it inherits from, lowest first; nothing for an unknown config.

    :param lookup: gives a config by its id.
    """
    found: dict[str, Config] = {}

    def parents_of(each: str) -> tuple[str, ...] | None:
        config = lookup(each)
        if config is None:
            return None
        found[each] = config
        return config.parent_ids

    return [found[each] for each in order_of(config_id, parents_of)]


class ConfigGraph:
    """Which config inherits from which: ids only."""

    def __init__(self) -> None:
        self._parents: dict[str, tuple[str, ...]] = {}
        self._children: dict[str, set[str]] = {}

    def put(self, config_id: str, parents: Iterable[str]) -> None:
        """Note the parents of a config, new or changed."""
        self._unlink(config_id)
        self._parents[config_id] = tuple(parents)
        for parent in self._parents[config_id]:
            self._children.setdefault(parent, set()).add(config_id)

    def remove(self, config_id: str) -> None:
        """Forget a config; who names it as a parent goes on naming it."""
        self._unlink(config_id)
        self._parents.pop(config_id, None)

    def __contains__(self, config_id: object) -> bool:
        return config_id in self._parents

    def parents(self, config_id: str) -> tuple[str, ...]:
        """Return the parents of a config, or nothing for an unknown one."""
        return self._parents.get(config_id, ())

    def descendants(self, config_ids: Iterable[str]) -> set[str]:
        """Return these configs and all that inherit from them."""
        return self._reached(config_ids, lambda each: self._children.get(each, ()))

    def ancestors(self, config_id: str) -> set[str]:
        """Return this config and all that it inherits from, unknown ones too."""
        return self._reached([config_id], self.parents)

    def _unlink(self, config_id: str) -> None:
        for parent in self._parents.get(config_id, ()):
            children = self._children.get(parent)
            if children is not None:
                children.discard(config_id)
                if not children:
                    del self._children[parent]

    @staticmethod
    def _reached(start: Iterable[str], step: Callable[[str], Iterable[str]]) -> set[str]:
        reached: set[str] = set()
        waiting = list(start)
        while waiting:
            each = waiting.pop()
            if each not in reached:
                reached.add(each)
                waiting.extend(step(each))
        return reached
