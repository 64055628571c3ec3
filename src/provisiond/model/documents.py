"""Documents at the door: what a device or config that somebody sends must be (REST contract, sections 8 and 9)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from provisiond.errors import InvalidInput
from provisiond.model.identifiers import check_document_id, is_ip, is_mac
from provisiond.model.raw_config import check_raw_config, without_nulls

_TEXTS: Final = ("sn", "uuid", "vendor", "model", "version", "plugin", "config", "description")
_FLAGS: Final = ("transient", "deletable")


def new_id() -> str:
    """Return a fresh id: 32 hex digits."""
    return uuid.uuid4().hex


def _object(document: object, name: str) -> dict[str, Any]:
    if not isinstance(document, Mapping):
        raise InvalidInput(f"{name} must be an object")
    members = dict(document)
    if members.get("id") is None:
        members.pop("id", None)
    else:
        check_document_id(members["id"])
    return members


def check_device(document: object) -> dict[str, Any]:
    """Return the members of a device document as they were sent; a null id counts as absent.

    :raises InvalidInput: naming the first member that breaks a rule.
    """
    device = _object(document, "device")
    mac, ip, options = device.get("mac"), device.get("ip"), device.get("options")
    if mac is not None and not (isinstance(mac, str) and is_mac(mac)):
        raise InvalidInput("device.mac must be of the form aa:bb:cc:dd:ee:ff in lower case")
    if ip is not None and not (isinstance(ip, str) and is_ip(ip)):
        raise InvalidInput("device.ip must be an IPv4 address such as 192.0.2.7")
    for name in _TEXTS:
        if device.get(name) is not None and not isinstance(device[name], str):
            raise InvalidInput(f"device.{name} must be a text or null")
    if options is not None and not isinstance(options, Mapping):
        raise InvalidInput("device.options must be an object or null")
    return device


def check_config(document: object) -> dict[str, Any]:
    """Return the members of a config document, ready to be stored.

    Null members of a config whose ``X_type`` is ``device`` are removed at every depth; others keep theirs.

    :raises InvalidInput: naming the first member that breaks a rule.
    """
    config = _object(document, "config")
    if config.get("X_type") == "device":
        config = without_nulls(config)
    parents = config.get("parent_ids")
    if not isinstance(parents, list | tuple):
        raise InvalidInput("config.parent_ids must be an array of texts")
    if not all(isinstance(parent, str) for parent in parents):
        raise InvalidInput("config.parent_ids must hold texts only")
    if "raw_config" not in config:
        raise InvalidInput("config.raw_config is missing")
    config["raw_config"] = check_raw_config(config["raw_config"])
    if config.get("role") is not None and not isinstance(config["role"], str):
        raise InvalidInput("config.role must be a text")
    for name in _FLAGS:
        if config.get(name) is not None and not isinstance(config[name], bool):
            raise InvalidInput(f"config.{name} must be true or false")
    return config
