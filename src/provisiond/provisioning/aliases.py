"""Finding devices by any spelling of their vendor and model: plugins of the older interface have their own."""

from __future__ import annotations

from attrs import evolve

from provisiond.identification.knowledge import Knowledge
from provisiond.model.query import Condition, Query, Selector, Test


def with_aliases(query: Query, knowledge: Knowledge | None) -> Query:
    """Return a query that finds devices by every spelling of the vendor and the model that it names."""
    if knowledge is None or not any(condition.key in ("vendor", "model") for condition in query.selector.conditions):
        return query
    conditions = tuple(_widened(condition, knowledge) for condition in query.selector.conditions)
    return evolve(query, selector=Selector(conditions))


def spellings_of(key: str, name: str, knowledge: Knowledge) -> tuple[str, ...]:
    """Return every spelling of a vendor or a model, the given one first.

    :param key: ``vendor`` or ``model``.
    """
    if key == "vendor":
        vendor = knowledge.vendor_named(name)
        found = (vendor.name, *vendor.aliases) if vendor is not None else ()
    else:
        found = tuple(
            spelling
            for vendor in knowledge.vendors.values()
            if (model := vendor.model(name)) is not None
            for spelling in (model, *vendor.models[model])
        )
    return tuple(dict.fromkeys((name, *found)))


def _widened(condition: Condition, knowledge: Knowledge) -> Condition:
    if condition.key not in ("vendor", "model"):
        return condition
    return evolve(condition, tests=tuple(_wider(condition.key, test, knowledge) for test in condition.tests))


def _wider(key: str, test: Test, knowledge: Knowledge) -> Test:
    if test.operator != "$eq" or not isinstance(test.operand, str):
        return test
    names = spellings_of(key, test.operand, knowledge)
    return Test("$in", list(names)) if len(names) > 1 else test
