"""The base class of native plugins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from provisiond.identification.rules import Rule
from provisiond.identification.support import Support
from provisiond.identification.values import DeviceInfo
from provisiond.model.device import Device
from provisiond.sdk.actions import NotSupported, SyncAction
from provisiond.sdk.files import File
from provisiond.sdk.parameters import Parameter

RawConfig = Mapping[str, Any]
"""The flattened parameters of a device, validated, converted to their types, defaults filled in, nulls removed."""


@frozen(kw_only=True)
class PluginContext:
    """What a plugin is told about itself when it is made.

    :param id: the plugin's id.
    :param version: version of ``plugin-info``.
    :param capabilities: capabilities of ``plugin-info``, keyed ``Vendor, Model, Version``.
    :param year: the current year, for daylight-saving rules: a plugin never reads the clock itself. The server makes
        the files again when it changes.
    :param parameters: value of each of the plugin's ``parameters`` by name: what the administrator set, else its
        default.
    """

    id: str
    version: str
    capabilities: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    year: int = 2026
    parameters: Mapping[str, Any] = field(factory=dict)


class Plugin:
    """A native plugin: some models of phones, and the files they read.

    ``entry.py`` of a plugin binds a subclass to the name ``PLUGIN``. Every method is pure: the same arguments give the
    same values; nothing is written, nothing is fetched.
    """

    rules: ClassVar[tuple[Rule, ...]] = ()
    """Rules beyond what the server knows of phones already."""

    parameters: ClassVar[tuple[Parameter, ...]] = ()
    """What the administrator can set for the plugin; its present values are in ``self.context.parameters``."""

    def __init__(self, context: PluginContext) -> None:
        self.context = context

    def associate(self, info: DeviceInfo) -> Support | int:
        """Return how well this plugin fits the phone."""
        return Support.NONE

    def common_files(self, raw_config: RawConfig) -> Iterable[File]:
        """Return the files that all devices of this plugin share.

        :param raw_config: the base parameters only: ``ip``, ``http_port``, ``tftp_port``, ``http_base_url`` and what
            the administrator put there.
        """
        return ()

    def device_files(self, device: Device, raw_config: RawConfig) -> Iterable[File]:
        """Return the files of one device.

        :raises provisiond.errors.PluginProblem: when the device lacks what the plugin needs, e.g. its MAC address.
        """
        return ()

    def synchronize(self, device: Device, raw_config: RawConfig) -> SyncAction:
        """Return what makes the phone fetch its files again."""
        return NotSupported("this plugin cannot synchronize its phones")

    def checked_parameter(self, name: str, value: Any) -> Any:
        """Return a value of one of the plugin's ``parameters`` as it is to be kept.

        :param value: a text, a number, true or false; a parameter that is unset is not asked about.
        :raises provisiond.errors.PluginProblem: to refuse it, with the reason.
        """
        return value

    def accepts_upload(self, name: str) -> bool:
        """Tell whether a phone may upload a file of this name (logs, directories, its own settings).

        The server keeps the newest uploads of each device for the administrator and serves them to nobody.
        """
        return False
