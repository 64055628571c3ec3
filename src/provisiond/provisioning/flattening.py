"""The raw_config that a plugin gets for a device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from provisiond.errors import PluginProblem
from provisiond.model.config import Config
from provisiond.model.device import Device
from provisiond.model.raw_config import completed
from provisiond.provisioning.base_config import with_key
from provisiond.provisioning.config_tree import ConfigTree


class Flattening:
    """Inheritance, base parameters and defaults in one step.

    :param base: the base raw_config.
    :param key_of: gives the provisioning key of a tenant; None while keys do not stand in URLs.
    """

    def __init__(
        self, tree: ConfigTree, base: Mapping[str, Any], key_of: Callable[[str], str | None] | None = None
    ) -> None:
        self._tree = tree
        self._key_of = key_of
        self.base = dict(base)

    async def merged(self, config_id: str) -> dict[str, Any] | None:
        """Return the parameters of a config with what it inherits, as stored; None when it does not exist.

        They share their members with others and must not be changed.
        """
        return await self._tree.merged(config_id, self.base)

    async def of(self, device: Device, override: Config | None = None) -> dict[str, Any]:
        """Return the completed raw_config of a device.

        :param override: a config that is taken in place of the stored one with its id.
        :raises PluginProblem: when the device has no config, it does not exist, or the tenant has no provisioning key.
        :raises InvalidInput: when the merged parameters are not valid.
        """
        if device.config is None:
            raise PluginProblem("the device has no config")
        raw_config = await self._tree.merged(device.config, self.base, override)
        if raw_config is None:
            raise PluginProblem(f'config "{device.config}" does not exist')
        if self._key_of is not None:
            key = self._key_of(device.tenant_uuid or "")
            if key is None:
                raise PluginProblem("the tenant of the device has no provisioning key")
            raw_config = with_key(raw_config, key)
        return completed(raw_config)

    def common(self) -> dict[str, Any]:
        """Return the raw_config for the files that all devices of a plugin share: the base parameters only."""
        return completed(self.base)
