"""Which plugin answers a phone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from provisiond.identification.support import Support
from provisiond.identification.text import folded
from provisiond.identification.values import DeviceInfo

_DIGITS = re.compile("([0-9]+)")


def best_plugin(scores: Mapping[str, int], *, by_text: bool = False) -> str | None:
    """Return the id of the plugin that fits best, or None when none fits at least probably.

    Among equal scores the greatest id in natural order wins (digit runs count as numbers), so the newest release of a
    family. The order of ``scores`` does not matter.

    :param scores: plugin id to score; anything but an int counts as no score.
    :param by_text: True to take the greatest id as a text instead.
    """
    usable = {plugin: score for plugin, score in scores.items() if type(score) in (int, Support)}
    fitting = [plugin for plugin, score in usable.items() if score >= Support.PROBABLE]
    order = (lambda plugin: ()) if by_text else _natural
    return max(fitting, key=lambda plugin: (usable[plugin], order(plugin), plugin), default=None)


def _natural(text: str) -> tuple[tuple[str, int], ...]:
    parts = _DIGITS.split(text)
    pairs = ((parts[index], int(parts[index + 1][:40])) for index in range(0, len(parts) - 1, 2))
    return (*pairs, (parts[-1], -1))


def fits(capabilities: Iterable[str], info: DeviceInfo) -> Support:
    """Return how well a plugin fits a phone, judged by its capabilities alone.

    Used for plugins that are not installed: ``EXACT`` for the very version, ``COMPLETE`` for the model,
    ``UNKNOWN`` for a phone of that vendor whose model is not known, ``IMPROBABLE`` for another model of that vendor.

    :param capabilities: keys of the form ``Vendor, Model, Version``; ``*`` stands for any model or version.
    """
    return max((_fit(key, info) for key in capabilities), default=Support.NONE)


def _fit(capability: str, info: DeviceInfo) -> Support:
    vendor, _, rest = capability.partition(", ")
    model, _, version = rest.rpartition(", ")
    if not info.vendor or folded(vendor) != folded(info.vendor):
        return Support.NONE
    if not info.model:
        return Support.UNKNOWN
    if model == "*":
        return Support.PROBABLE
    if folded(info.model) not in {folded(model), *map(folded, model.split("/"))}:
        return Support.IMPROBABLE
    return Support.EXACT if info.version and version == info.version else Support.COMPLETE
