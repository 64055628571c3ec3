"""Running plugins in this process: load, associate, render. Used by the worker processes and by authors' tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from attrs import field, frozen
from jinja2 import BytecodeCache

from provisiond.errors import PluginProblem, ProvisiondError
from provisiond.identification.values import DeviceInfo
from provisiond.model.device import Device
from provisiond.plugins.blame import sentence_of
from provisiond.plugins.loader import load_code, make_context
from provisiond.plugins.manifest import check_api, check_plugin_id, read_manifest
from provisiond.plugins.rendering import TemplateRenderer
from provisiond.plugins.values import PluginInfo, RenderedFile
from provisiond.sdk import HttpAction, NotSupported, Parameter, Plugin, Rule, SccpReset, SipNotify, SyncAction
from provisiond.sdk.parameters import is_value

T = TypeVar("T")


@frozen(kw_only=True)
class PluginPlace:
    """Which plugin is meant, and in which state.

    :param revision: changes whenever the plugin's files do.
    :param year: what the plugin is told to be the current year.
    :param values: names and values of the plugin's parameters that somebody set.
    :param home: where the plugin is installed, when ``directory`` is a copy of its code and templates.
    """

    id: str
    directory: Path
    revision: str
    year: int
    values: tuple[tuple[str, Any], ...] = field(default=(), repr=False)
    home: Path | None = None


class HostedPlugin:
    """A plugin loaded in this process; every call either gives a checked value or raises PluginProblem.

    :param compiled: keeps compiled templates.
    """

    def __init__(self, place: PluginPlace, compiled: BytecodeCache | None = None) -> None:
        self.place = place
        check_plugin_id(place.id)
        self.info: PluginInfo = read_manifest(place.directory)
        check_api(self.info)
        context = make_context(place.id, self.info.version, self.info.capabilities, place.year, dict(place.values))
        self._plugin: Plugin = load_code(place.directory, context)
        self._renderer = TemplateRenderer(place.directory, compiled)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The plugin's own identification rules."""
        return tuple(self._plugin.rules)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the administrator can set for the plugin."""
        return tuple(self._plugin.parameters)

    def checked_parameter(self, name: str, value: Any) -> Any:
        """Return a value of a parameter as it is to be kept."""
        try:
            kept = self._plugin.checked_parameter(name, value)
        except ProvisiondError:
            raise
        except (Exception, SystemExit) as error:
            raise self._problem("checked_parameter", error) from error
        if not is_value(kept):
            raise PluginProblem("checked_parameter gave something that is not a text, a number, true or false")
        return kept

    def associate(self, info: DeviceInfo) -> int:
        """Return how well the plugin fits a phone."""
        try:
            score = self._plugin.associate(info)
        except (Exception, SystemExit) as error:
            raise self._problem("associate", error) from error
        if isinstance(score, bool) or not isinstance(score, int):
            raise PluginProblem(f"associate gave {type(score).__name__}, not a support level")
        return int(score)

    def common_files(self, raw_config: Mapping[str, Any]) -> tuple[RenderedFile, ...]:
        """Return the files that all devices of the plugin share."""
        try:
            return self._renderer.files(self._plugin.common_files(raw_config))
        except ProvisiondError:
            raise
        except (Exception, SystemExit) as error:
            raise self._problem("the common files", error) from error

    def device_files(self, device: Device, raw_config: Mapping[str, Any]) -> tuple[RenderedFile, ...]:
        """Return the files of one device."""
        try:
            return self._renderer.files(self._plugin.device_files(device, raw_config))
        except ProvisiondError:
            raise
        except (Exception, SystemExit) as error:
            raise self._problem("the files of a device", error) from error

    def synchronize(self, device: Device, raw_config: Mapping[str, Any]) -> SyncAction:
        """Return what makes the phone fetch its files again."""
        try:
            action = self._plugin.synchronize(device, raw_config)
        except ProvisiondError:
            raise
        except (Exception, SystemExit) as error:
            raise self._problem("synchronize", error) from error
        if not isinstance(action, SipNotify | HttpAction | SccpReset | NotSupported):
            raise PluginProblem("synchronize gave something that is not an action of provisiond.sdk")
        return action

    def accepts_upload(self, name: str) -> bool:
        """Tell whether a phone may upload a file of this name."""
        try:
            return self._plugin.accepts_upload(name) is True
        except (Exception, SystemExit) as error:
            raise self._problem("accepts_upload", error) from error

    def _problem(self, what: str, error: BaseException) -> PluginProblem:
        return PluginProblem(f"{what}: {sentence_of(error, self.place.directory)}")


class PluginShelf:
    """The plugins that this process has loaded; one is loaded again when its revision changes.

    :param compiled: keeps compiled templates.
    """

    def __init__(self, compiled: BytecodeCache | None = None) -> None:
        self._compiled = compiled
        self._hosted: dict[str, HostedPlugin] = {}

    def plugin(self, place: PluginPlace) -> HostedPlugin:
        """Return the plugin, loaded.

        :raises PluginProblem: when it does not load.
        """
        hosted = self._hosted.get(place.id)
        if hosted is None or hosted.place != place:
            self._hosted.pop(place.id, None)
            hosted = HostedPlugin(place, self._compiled)
            self._hosted[place.id] = hosted
        return hosted
