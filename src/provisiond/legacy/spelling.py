"""Vendors and models in the spelling of the plugin that is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from provisiond.identification.knowledge import Knowledge
from provisiond.identification.text import folded
from provisiond.identification.values import DeviceInfo
from provisiond.model.device import Device

_NAMES = frozenset({"vendor", "model", "version"})
_OPTIONAL = re.compile(r"\(([^()]*)\)")
_MAX_OPTIONAL = 4


def spellings(
    capabilities: Iterable[str],
    info: DeviceInfo,
    seen: Mapping[str, str] | None = None,
    knowledge: Knowledge | None = None,
) -> list[dict[str, str]]:
    """Return the ways in which a plugin of the older interface is told of a phone; its best judgement counts.

    :param capabilities: of that plugin, keyed ``Vendor, Model, Version``.
    :param info: what the server's own knowledge revealed.
    :param seen: what extractors of such plugins revealed. They know how their associators spell vendor and model, so
        when they name a vendor, nothing else counts.
    """
    claims = info.claims()
    if seen and seen.get("vendor"):
        return [{**{key: value for key, value in claims.items() if key not in _NAMES}, **seen}]
    ways = [claims]
    wanted = _canonical(knowledge, info.vendor, info.model)
    for capability in capabilities if info.vendor else ():
        vendor, _, rest = capability.partition(", ")
        for model in model_names(rest.rpartition(", ")[0]):
            known = _canonical(knowledge, vendor, model if info.model else None)
            way = {**claims, "vendor": vendor, **({"model": model} if info.model else {})}
            if known == wanted and way not in ways:
                ways.append(way)
    return ways


def model_names(text: str) -> Iterator[str]:
    """Yield the models that a capability names: ``T33(P)(G)`` stands for four, ``X3S/X3G`` for two, and for itself."""
    yield text
    for part in text.split("/"):
        optional = _OPTIONAL.findall(part)[:_MAX_OPTIONAL]
        for chosen in product((True, False), repeat=len(optional)):
            words = iter(chosen)
            name = _OPTIONAL.sub(lambda found: found[1] if next(words, False) else "", part)  # noqa: B023
            if name != text:
                yield name


def in_own_words(device: Device, knowledge: Knowledge | None) -> Device:
    """Return a device as native plugins know it: vendor and model in the server's spelling."""
    if knowledge is None or device.vendor is None:
        return device
    vendor, model = knowledge.canonical(device.vendor, device.model)
    if (vendor, model) == (device.vendor, device.model):
        return device
    return device.with_members(vendor=vendor, **({"model": model} if model else {}))


def _canonical(knowledge: Knowledge | None, vendor: str | None, model: str | None) -> tuple[str, str]:
    if knowledge is not None:
        vendor, model = knowledge.canonical(vendor, model)
    return folded(vendor or ""), folded(model or "")
