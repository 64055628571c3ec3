"""``parameters`` and ``helpers``: the server as a whole."""

from __future__ import annotations

from typing import Any

from provisiond.cli.provisionctl.shell.configs import Configs
from provisiond.cli.provisionctl.shell.devices import Devices
from provisiond.cli.provisionctl.shell.plugins import Plugins
from provisiond.cli.provisionctl.shell.work import Server


class Parameters:
    """Parameters of the server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __repr__(self) -> str:
        """Tell what can be done."""
        return "<parameters; parameters.infos(), parameters.get('…'), parameters.set('…', …)>"

    def infos(self) -> dict[str, str]:
        """Return what each parameter is for."""
        return {each.name: each.description for each in self._server.client.parameters.list()}

    def get(self, name: str) -> Any:
        """Return the value of a parameter; None when it is unset."""
        return self._server.client.parameters.get(name)

    def set(self, name: str, value: Any) -> None:
        """Set a parameter."""
        self._server.client.parameters.set(name, value)

    def unset(self, name: str) -> None:
        """Give a parameter no value."""
        self.set(name, None)


class Helpers:
    """What concerns many things at once."""

    def __init__(self, server: Server, configs: Configs, devices: Devices, plugins: Plugins) -> None:
        self._server = server
        self._configs = configs
        self._devices = devices
        self._plugins = plugins

    def __repr__(self) -> str:
        """Tell what can be done."""
        return "<helpers; helpers.system_info(), helpers.unused_plugins(), helpers.mass_synchronize() …>"

    def system_info(self) -> dict[str, int]:
        """Return how many devices, configs and plugins there are."""
        return {
            "devices": self._devices.count(),
            "configs": self._configs.count(),
            "plugins": self._plugins.count_installed(),
        }

    def detailed_system_info(self) -> dict[str, Any]:
        """Return the same with more: devices that are not configured, and devices by plugin."""
        by_plugin: dict[str, int] = {}
        for each in self._devices.find(fields=("plugin",)):
            name = str(each.get("plugin") or "")
            by_plugin[name] = by_plugin.get(name, 0) + 1
        waiting = self._devices.count(configured=False)
        return {**self.system_info(), "devices_not_configured": waiting, "devices_by_plugin": by_plugin}

    def used_plugins(self) -> list[str]:
        """Return the plugins that devices name."""
        found = self._devices.find({"plugin": {"$exists": True}}, ("plugin",))
        return sorted({each["plugin"] for each in found if each.get("plugin")})

    def installed_plugins(self) -> list[str]:
        """Return the installed plugins."""
        return self._plugins.ids()

    def unused_plugins(self) -> list[str]:
        """Return the installed plugins that no device names."""
        return sorted({*self.installed_plugins()} - {*self.used_plugins()})

    def missing_plugins(self) -> list[str]:
        """Return the plugins that devices name and that are not installed."""
        return sorted({*self.used_plugins()} - {*self.installed_plugins()})

    def mass_update_devices_plugin(self, old: str, new: str, synchronize: bool = False) -> list[str]:
        """Give all devices of a plugin another one and return their ids."""
        ids = [str(each["id"]) for each in self._devices.find({"plugin": old}, ("id",))]
        for each in ids:
            self._devices[each].set(plugin=new)
        if synchronize and ids:
            self._synchronize(ids)
        return ids

    def mass_synchronize(self) -> None:
        """Make all configured phones fetch their files again."""
        ids = [str(each["id"]) for each in self._devices.find({"configured": True}, ("id",))]
        if ids:
            self._synchronize(ids)

    def remove_transient_configs(self) -> list[str]:
        """Delete the transient configs that no device uses, and return their ids."""
        used = {each.get("config") for each in self._devices.find(fields=("config",))}
        ids = [str(each["id"]) for each in self._configs.find({"transient": True}, ("id",)) if each["id"] not in used]
        for each in ids:
            self._configs.remove(each)
        return ids

    def _synchronize(self, ids: list[str]) -> None:
        self._server.finish(f"{len(ids)} devices", lambda: self._server.client.devices.synchronize_many(ids))
