"""Devices and configs as values."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from provisiond.model.config import Config
from provisiond.model.device import Device

TEXTS = ("mac", "ip", "sn", "uuid", "vendor", "model", "version", "plugin", "config", "tenant_uuid")


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(("value", "expected"), [("x", "x"), ("", ""), (None, None), (5, None), ([], None)])
def test_text_members_of_a_device(name: str, value: Any, expected: str | None) -> None:
    assert getattr(Device({"id": "d", name: value}), name) == expected
    assert getattr(Device({"id": "d"}), name) is None


@pytest.mark.parametrize("name", ["configured", "is_new"])
@pytest.mark.parametrize(("value", "expected"), [(True, True), (False, False), (None, False), (1, False), ("x", False)])
def test_flags_of_a_device(name: str, value: Any, expected: bool) -> None:
    assert getattr(Device({"id": "d", name: value}), name) is expected


@pytest.mark.parametrize(("value", "expected"), [({"a": 1}, {"a": 1}), (None, {}), ([], {}), ("x", {})])
def test_options_of_a_device(value: Any, expected: dict[str, Any]) -> None:
    assert Device({"id": "d", "options": value}).options == expected


def test_a_device_is_a_value() -> None:
    document = {"id": "d", "mac": None, "X_a": 1}
    device = Device(document)
    document["mac"] = "changed"
    assert device.mac is None
    assert device == Device({"id": "d", "mac": None, "X_a": 1})
    with pytest.raises(TypeError):
        device.document["mac"] = "x"  # type: ignore[index]
    with pytest.raises(AttributeError):
        device.document = {}  # type: ignore[misc]


def test_changed_copies_of_a_device_keep_the_order_of_members() -> None:
    device = Device({"id": "d", "mac": "m", "ip": "i"})
    assert list(device.with_members(mac="n", sn="s").document.items()) == [
        ("id", "d"),
        ("mac", "n"),
        ("ip", "i"),
        ("sn", "s"),
    ]
    assert dict(device.without("mac", "gone").document) == {"id": "d", "ip": "i"}
    assert device.mac == "m"


def test_a_device_can_be_sent_to_another_process() -> None:
    device = Device({"id": "d", "options": {"a": [1]}})
    assert pickle.loads(pickle.dumps(device)) == device


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, ((), {}, None, False, True)),
        (
            {"parent_ids": ["a", "b"], "raw_config": {"x": 1}, "role": "autocreate", "transient": True},
            (("a", "b"), {"x": 1}, "autocreate", True, True),
        ),
        ({"deletable": False, "transient": False, "role": None}, ((), {}, None, False, False)),
        ({"deletable": None, "transient": None, "raw_config": None, "role": 5}, ((), {}, None, False, True)),
    ],
)
def test_members_of_a_config(document: dict[str, Any], expected: tuple[Any, ...]) -> None:
    config = Config({"id": "k", **document})
    assert (config.parent_ids, config.raw_config, config.role, config.transient, config.deletable) == expected
    assert config.id == "k"
