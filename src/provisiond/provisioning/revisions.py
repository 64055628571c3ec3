"""What a device's files were made from, as one short text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from provisiond.model.device import Device

FORMAT = "1"
"""Changes whenever the server makes other files from the same input."""

_MEMBERS = ("id", "plugin", "config", "mac", "uuid", "vendor", "model", "version", "options")


def device_revision(plugin_revision: str, year: int, device: Device, raw_config: Mapping[str, Any]) -> str:
    """Return the revision of a device's files: equal for equal input, different for different input.

    :param plugin_revision: that of the plugin's content.
    :param year: the present year; daylight-saving rules depend on it.
    :param device: of it count the members whose change means that the files are made again.
    :param raw_config: the completed raw_config that the plugin gets.
    """
    members = {name: device.document.get(name) for name in _MEMBERS}
    return _digest([FORMAT, plugin_revision, year, members, raw_config])


def common_revision(plugin_revision: str, year: int, raw_config: Mapping[str, Any]) -> str:
    """Return the revision of the files that all devices of a plugin share."""
    return _digest([FORMAT, plugin_revision, year, raw_config])


def _digest(parts: list[Any]) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
