"""What the administrator sets for one plugin (REST contract, section 5.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from attrs import frozen

from provisiond.errors import InvalidInput, NotFound, PluginProblem
from provisiond.plugins.values import LoadedPlugin
from provisiond.provisioning.parameters import Parameters
from provisiond.provisioning.plugin_use import PluginUse
from provisiond.provisioning.plugins import Plugins
from provisiond.sdk.parameters import Parameter, is_value


class ConfigurableHost(Protocol):
    """The installed plugins, as far as their parameters go (``plugins.registry.PluginRegistry``)."""

    def loaded(self) -> Mapping[str, LoadedPlugin]: ...
    async def checked_parameter(self, plugin_id: str, name: str, value: Any) -> Any: ...
    async def set_own_parameter(self, plugin_id: str, name: str, value: str | None) -> None: ...
    async def read_own_parameters(self, plugin_id: str) -> None: ...


@frozen
class SetParameter:
    """A parameter of a plugin as it is now."""

    name: str
    description: str
    value: Any


class PluginParameters:
    """The parameters of loaded plugins: kept by the server, checked by the plugin, effective at once."""

    def __init__(self, host: ConfigurableHost, parameters: Parameters, plugins: Plugins, use: PluginUse) -> None:
        self._host = host
        self._parameters = parameters
        self._plugins = plugins
        self._use = use

    def offered(self, plugin_id: str) -> bool:
        """Tell whether a loaded plugin has parameters.

        :raises NotFound: when the plugin is not loaded.
        """
        return bool(self._plugins.get(plugin_id).parameters)

    async def all(self, plugin_id: str) -> tuple[SetParameter, ...]:
        """Return the parameters of a plugin in its own order, described in the language of ``locale``.

        :raises NotFound: when the plugin is not loaded, or has none.
        """
        plugin = await self._present(plugin_id)
        if not plugin.parameters:
            raise NotFound(f'parameters of plugin "{plugin_id}"')
        values, locale = self._parameters.of_plugin(plugin_id), self._parameters.locale
        return tuple(
            SetParameter(each.name, each.localized(locale), values.get(each.name, each.default))
            for each in plugin.parameters
        )

    async def get(self, plugin_id: str, name: str) -> Any:
        """Return the value of a parameter: what was set, else its default.

        :raises NotFound: when the plugin is not loaded, or has no such parameter.
        """
        parameter = _named(await self._present(plugin_id), name)
        return self._parameters.of_plugin(plugin_id).get(name, parameter.default)

    async def set(self, plugin_id: str, name: str, value: Any) -> None:
        """Set a parameter, or unset it with None; the plugin is loaded again, and its devices follow.

        A value with which the plugin does not load is taken back.

        :raises NotFound: when the plugin is not loaded, or has no such parameter.
        :raises InvalidInput: for anything but a text without control characters, a number, true or false.
        :raises PluginProblem: when the plugin refuses the value.
        :raises InProgress: while something else is being done with the plugin.
        """
        _named(self._plugins.get(plugin_id), name)
        if value is not None and not is_value(value):
            raise InvalidInput(f"{name}: must be a text of at most 4096 printable characters, a number, true or false")
        if self._plugins.get(plugin_id).legacy is not None:
            with self._use.alone(plugin_id):
                await self._host.set_own_parameter(plugin_id, name, None if value is None else str(value))
            return
        with self._use.alone(plugin_id):
            kept = None if value is None else await self._host.checked_parameter(plugin_id, name, value)
            before = self._parameters.of_plugin(plugin_id).get(name)
            if (kept, type(kept)) == (before, type(before)):
                return
            await self._parameters.set_of_plugin(plugin_id, name, kept)
            try:
                await self._plugins.load_again(plugin_id, "configured")
            except PluginProblem:
                await self._parameters.set_of_plugin(plugin_id, name, before)
                await self._plugins.load_again(plugin_id, "configured")
                raise

    async def _present(self, plugin_id: str) -> LoadedPlugin:
        """Return a plugin with its parameters as they are now: one that keeps them itself is asked."""
        if self._plugins.get(plugin_id).legacy is not None:
            await self._host.read_own_parameters(plugin_id)
        return self._plugins.get(plugin_id)


def _named(plugin: LoadedPlugin, name: str) -> Parameter:
    for each in plugin.parameters:
        if each.name == name:
            return each
    raise NotFound(f'parameter "{name}" of plugin "{plugin.id}"')
