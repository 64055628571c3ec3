"""Association of phones with plugins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class DeviceSupport(IntEnum):
    """How well a plugin supports a phone; every int between two levels counts too."""

    NONE = 0
    IMPROBABLE = 100
    UNKNOWN = 200
    PROBABLE = 300
    INCOMPLETE = 400
    COMPLETE = 500
    EXACT = 600


NO_SUPPORT = 0
IMPROBABLE_SUPPORT = 100
UNKNOWN_SUPPORT = 200
PROBABLE_SUPPORT = 300
INCOMPLETE_SUPPORT = 400
COMPLETE_SUPPORT = 500
FULL_SUPPORT = 600


class AbstractPluginAssociator(ABC):
    """Tells how well a plugin supports a phone."""

    @abstractmethod
    def associate(self, dev_info: Mapping[str, Any]) -> int:
        """Return the support."""


IPluginAssociator = AbstractPluginAssociator


class BasePgAssociator(AbstractPluginAssociator):
    """An associator that looks at vendor, model and version."""

    def associate(self, dev_info: Mapping[str, Any]) -> int:
        """Return what ``_do_associate`` says, or ``UNKNOWN`` without a vendor."""
        vendor = dev_info.get("vendor")
        if vendor is None:
            return DeviceSupport.UNKNOWN
        return self._do_associate(vendor, dev_info.get("model"), dev_info.get("version"))

    def _do_associate(self, vendor: str, model: str | None, version: str | None) -> int:
        raise NotImplementedError("a plugin's associator must define _do_associate")
