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
    """

    id: str
    version: str
    capabilities: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    year: int = 2026


class Plugin:
    """A native plugin: some models of phones, and the files they read.

    ``entry.py`` of a plugin binds a subclass to the name ``PLUGIN``. Every method is pure: the same arguments give the
    same values; nothing is written, nothing is fetched.
    """

    rules: ClassVar[tuple[Rule, ...]] = ()
    """Rules beyond what the server knows of phones already."""

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

    def accepts_upload(self, name: str) -> bool:
        """Tell whether a phone may upload a file of this name (logs, directories, its own settings).

        The server keeps the newest uploads of each device for the administrator and serves them to nobody.
        """
        return False
