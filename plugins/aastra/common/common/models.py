"""What the models of the family have: lines, keys, ports.

Source: administrator guide 41-001343-02 (release 3.3.1), sections on softkeys, programmable keys and VLAN.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

MODULE_KEYS = 60
"""Keys of the larger expansion module (M675i, three pages of twenty); the M670i has 36."""


@frozen
class KeyBlock:
    """Keys of one kind, numbered from 1.

    :param prefix: of the parameter names, e.g. ``topsoftkey``.
    :param count: how many there are.
    :param is_softkey: True if the key has a label on the display.
    """

    prefix: str
    count: int
    is_softkey: bool = True


@frozen(kw_only=True)
class Model:
    """One model.

    :param lines: SIP lines.
    :param blocks: the phone's own keys, in the order in which function keys are counted.
    :param modules: expansion modules that can be attached.
    :param has_pc_port: False for the phone without a second network port.
    :param has_park: False where the firmware lacks the park key; a transfer key does the same there.
    """

    lines: int = 9
    blocks: tuple[KeyBlock, ...] = ()
    modules: int = 0
    has_pc_port: bool = True
    has_park: bool = True


def _keys(count: int) -> KeyBlock:
    return KeyBlock("prgkey", count, is_softkey=False)


def _softkeys(count: int) -> KeyBlock:
    return KeyBlock("softkey", count)


def _top_softkeys(count: int) -> KeyBlock:
    return KeyBlock("topsoftkey", count)


UNKNOWN = Model()

MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "6730i": Model(lines=6, blocks=(_keys(8),), has_pc_port=False),
        "6731i": Model(lines=6, blocks=(_keys(8),)),
        "6735i": Model(blocks=(_keys(6), _softkeys(20)), modules=3, has_park=False),
        "6737i": Model(blocks=(_top_softkeys(10), _softkeys(20)), modules=3, has_park=False),
        "6739i": Model(blocks=(_softkeys(55),), modules=3),
        "6753i": Model(blocks=(_keys(6),), modules=3),
        "6755i": Model(blocks=(_keys(6), _softkeys(20)), modules=3),
        "6757i": Model(blocks=(_top_softkeys(10), _softkeys(20)), modules=3),
        "9143i": Model(blocks=(_keys(7),)),
        "9480i": Model(blocks=(_softkeys(20),)),
    }
)


def base_model(name: str | None) -> str:
    """Return the model's name without the suffix of its cordless variant; empty if there is none."""
    return (name or "").removesuffix("CT").strip()


def model_of(name: str | None) -> Model:
    """Return what is known of a model; one that is not known has nine lines and no keys."""
    return MODELS.get(base_model(name), UNKNOWN)
