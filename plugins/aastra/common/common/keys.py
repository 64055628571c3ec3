"""Function keys and feature codes on the keys a model really has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from attrs import frozen

from provisiond.sdk import RawConfig
from provisiond.sdk.lines import FunctionKey, function_keys
from provisiond.sdk.locales import best_match, locale_of

from .models import MODULE_KEYS, Model
from .quoting import quoted

_FEATURES = (
    ("exten_voicemail", "voicemail"),
    ("exten_dnd", "dnd"),
    ("exten_fwd_unconditional", "forward"),
    ("exten_fwd_disable_all", "no_forward"),
    ("exten_pickup_group", "pickup"),
)
_LABELS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {
            "voicemail": "Voicemail",
            "dnd": "DND",
            "forward": "Forward",
            "no_forward": "Fwd off",
            "pickup": "Pickup",
            "park": "Park",
        },
        "fr": {
            "voicemail": "Messagerie",
            "dnd": "N.P.D.",
            "forward": "Renvoi",
            "no_forward": "Fin renvoi",
            "pickup": "Intercept.",
            "park": "Parcage",
        },
        "de": {
            "voicemail": "Mailbox",
            "dnd": "Ruhe",
            "forward": "Umleitung",
            "no_forward": "Uml. aus",
            "pickup": "Heranholen",
            "park": "Parken",
        },
        "es": {
            "voicemail": "Buzón",
            "dnd": "No molestar",
            "forward": "Desvío",
            "no_forward": "Sin desvío",
            "pickup": "Captura",
            "park": "Aparcar",
        },
        "it": {
            "voicemail": "Segreteria",
            "dnd": "Non dist.",
            "forward": "Deviazione",
            "no_forward": "No dev.",
            "pickup": "Risposta",
            "park": "Parcheggio",
        },
        "nl": {
            "voicemail": "Voicemail",
            "dnd": "Niet storen",
            "forward": "Doorschak.",
            "no_forward": "Doorsch uit",
            "pickup": "Overnemen",
            "park": "Parkeren",
        },
    }
)


@frozen
class Slot:
    """A key that a function can be put on.

    :param name: start of its parameter names, e.g. ``prgkey3`` or ``expmod1 key7``.
    :param has_label: False where labels are written on paper.
    """

    name: str
    has_label: bool


def slot_of(model: Model, position: int) -> Slot | None:
    """Return the key for a function key's number, counted over the phone's blocks, then its modules; None if none."""
    rest = position
    for block in model.blocks:
        if 1 <= rest <= block.count:
            return Slot(f"{block.prefix}{rest}", block.is_softkey)
        rest -= block.count
    module, key = divmod(rest - 1, MODULE_KEYS)
    if rest >= 1 and module < model.modules:
        return Slot(f"expmod{module + 1} key{key + 1}", has_label=True)
    return None


def key_settings(raw_config: RawConfig, model: Model) -> list[dict[str, str]]:
    """Return what the template writes for each key: ``name``, ``type``, ``value``, ``label``, ``line``, ``states``.

    Function keys beyond the model's last key are left out. Feature codes get the softkeys that are still free.
    """
    labels = best_match(locale_of(raw_config), _LABELS, _LABELS["en"])
    settings, taken = [], set()
    for key in function_keys(raw_config):
        slot = slot_of(model, key.position)
        if slot is not None:
            settings.append(_function_setting(key, slot, model, raw_config, labels))
            taken.add(slot.name)
    free = (name for name in _softkey_names(model) if name not in taken)
    return settings + list(_feature_settings(raw_config, free, labels))


def _function_setting(
    key: FunctionKey, slot: Slot, model: Model, raw_config: RawConfig, labels: Mapping[str, str]
) -> dict[str, str]:
    kind, value = key.type, key.value
    if kind == "park":
        value = value or str(raw_config.get("exten_park") or "")
        kind, value = ("park", f"asterisk;{value}") if model.has_park else ("speeddialxfer", value)
    label = key.label or (labels["park"] if key.type == "park" else key.value)
    return _setting(slot.name, kind, value, label if slot.has_label else "", key.line)


def _feature_settings(
    raw_config: RawConfig, free: Iterator[str], labels: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    for parameter, feature in _FEATURES:
        code = raw_config.get(parameter)
        if not code:
            continue
        name = next(free, None)
        if name is None:
            return
        yield _setting(name, "speeddial", code, labels[feature], 1, states="idle")


def _softkey_names(model: Model) -> Iterator[str]:
    for block in model.blocks:
        if block.prefix == "softkey":
            yield from (f"softkey{number}" for number in range(1, block.count + 1))


def _setting(name: str, kind: str, value: Any, label: str, line: int, states: str = "") -> dict[str, str]:
    return {
        "name": name,
        "type": kind,
        "value": quoted(value),
        "label": quoted(label),
        "line": str(max(line, 1)),
        "states": states,
    }
