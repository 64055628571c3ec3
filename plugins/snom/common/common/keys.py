"""Function keys.

Source: the vendor's wiki, page "<functionKeys> tag", and the user manual of the D7 module (key numbers).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from provisiond.sdk import RawConfig
from provisiond.sdk.lines import FunctionKey, function_keys
from provisiond.sdk.locales import best_match, locale_of

from .models import Model

_PARK: Mapping[str, str] = MappingProxyType(
    {"en": "Park", "fr": "Parcage", "de": "Parken", "es": "Aparcar", "it": "Parcheggio", "nl": "Parkeren"}
)


def key_settings(raw_config: RawConfig, model: Model) -> list[dict[str, Any]]:
    """Return what the template writes for each key: ``number`` from 0, ``context``, ``label`` and ``value``.

    Keys of the phone itself that have no function are line keys, so a function that was taken away disappears. Function
    keys beyond the last possible key are left out.
    """
    keys = {key.position: key for key in function_keys(raw_config) if 1 <= key.position <= model.keys + model.more_keys}
    positions = sorted({*keys, *range(1, model.keys + 1)})
    return [_setting(position, keys.get(position), raw_config, model) for position in positions]


def _setting(position: int, key: FunctionKey | None, raw_config: RawConfig, model: Model) -> dict[str, Any]:
    if key is None:
        return {"number": position - 1, "context": "active", "label": "", "value": "line"}
    value, label = _function(key, raw_config, model)
    return {"number": position - 1, "context": str(key.line) if key.line > 1 else "active", "label": label} | value


def _function(key: FunctionKey, raw_config: RawConfig, model: Model) -> tuple[dict[str, str], str]:
    if key.type == "blf":
        pickup = raw_config.get("exten_pickup_call")
        return {"value": f"blf {key.value}|{pickup}" if pickup else f"blf {key.value}"}, key.text
    if key.type == "park":
        number = key.value or str(raw_config.get("exten_park") or "")
        label = key.label or best_match(locale_of(raw_config), _PARK, _PARK["en"])
        return {"value": f"{'orbit' if model.has_orbit else 'speed'} {number}"}, label
    return {"value": f"speed {key.value}"}, key.text
