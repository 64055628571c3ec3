"""The files of SPA phones and adaptors, and which of them they are for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from provisiond.sdk import Device, DeviceInfo, File, Plugin, PluginContext, RawConfig, SipNotify, Support, SyncAction
from provisiond.sdk.naming import mac_name

from .clock import clock_settings
from .features import code_settings, directory_settings, soft_key_settings
from .keys import console_settings, key_settings
from .languages import language_settings
from .lines import line_settings, lines_of, security_settings
from .models import UNKNOWN, Model
from .network import (
    account_settings,
    base_url,
    first_settings,
    network_settings,
    provisioning_settings,
    router_settings,
)
from .tones import tone_settings
from .values import Settings, on_one_line

_LINKSYS_PREFIXES = frozenset(
    prefix.lower()
    for prefix in (
        *("00:0C:41", "00:0E:08", "00:0F:66", "00:12:17", "00:13:10", "00:14:BF"),
        *("00:16:B6", "00:18:39", "00:18:F8", "00:1A:70"),
    )
)
"""Address prefixes of Linksys and Sipura, under which the older devices were made."""


class SpaPlugin(Plugin):
    """SPA devices: a first file by model, then ``<mac>.xml``."""

    models: ClassVar[Mapping[str, Model]]
    serves_linksys: ClassVar[bool] = False
    """Whether a device that told no more than an address of Linksys may be one of these."""

    def __init__(self, context: PluginContext) -> None:
        super().__init__(context)
        self._releases = {key.split(", ")[1]: key.split(", ")[2] for key in context.capabilities}

    def associate(self, info: DeviceInfo) -> Support | int:
        """Return how well this plugin fits: best for the very firmware, less for others of the same model."""
        if info.vendor != "Cisco":
            return Support.NONE
        if info.model is None:
            is_linksys = (info.mac or "")[:8] in _LINKSYS_PREFIXES
            return Support.PROBABLE if self.serves_linksys and is_linksys else Support.UNKNOWN
        release = self._releases.get(info.model)
        if release is None:
            return Support.NONE
        if info.version is None:
            return Support.PROBABLE + 20
        if info.version == release:
            return Support.EXACT
        same = info.version.split(".")[:2] == release.split(".")[:2]
        return Support.COMPLETE if same else Support.PROBABLE + 50

    def common_files(self, raw_config: RawConfig) -> Iterator[File]:
        """Return the first file of each model."""
        for name, model in self.models.items():
            for file in model.first_files(name):
                yield File(
                    name=file,
                    templates=(f"{file}.xml.tpl", "model.xml.tpl"),
                    context={"settings": _shown(first_settings(raw_config))},
                    sensitive=False,
                )

    def device_files(self, device: Device, raw_config: RawConfig) -> Iterable[File]:
        """Return the device's own file, for adaptors without a display also under an older name of it."""
        mac = mac_name(device, upper=False)
        model = self.models.get(device.model or "", UNKNOWN)
        own = (f"{device.model}.xml.tpl",) if device.model in self.models else ()
        templates = (f"{mac}.xml.tpl", *own, "base.xml.tpl")
        context = self._context(raw_config, model)
        names = [f"{mac}.xml"]
        if self.serves_linksys and (device.model is None or model.first_file):
            names.append(f"cfg/init_{mac}.xml")
        return [File(name=name, templates=templates, context=context, trigger=True) for name in names]

    def synchronize(self, device: Device, raw_config: RawConfig) -> SyncAction:
        """Return the NOTIFY that makes the device fetch its file; it restarts only if a change needs it.

        Source: provisioning guide, "Enables": ``Resync_From_SIP`` and ``Event: resync``.
        """
        return SipNotify("resync")

    def _context(self, raw_config: RawConfig, model: Model) -> dict[str, object]:
        lines = lines_of(raw_config, model)
        station = next((line.display_name for line in lines.values()), "")
        sections: list[tuple[str, Settings]] = [
            ("provisioning", provisioning_settings(raw_config, model)),
            ("web pages", account_settings(raw_config, model)),
            ("network", network_settings(raw_config, model)),
            ("clock", clock_settings(raw_config, self.context.year)),
            ("language", language_settings(raw_config, model, base_url(raw_config))),
            ("tones", tone_settings(raw_config, model)),
            ("feature codes", code_settings(raw_config, model)),
            ("soft keys", soft_key_settings(raw_config, model)),
            ("station", {} if model.is_adaptor else {"Station_Name": station}),
            ("encryption", security_settings(raw_config, model)),
            *line_settings(raw_config, model),
            ("keys", key_settings(raw_config, model)),
            ("attendant consoles", console_settings(raw_config, model)),
            ("directory", directory_settings(raw_config, model)),
        ]
        return {
            "sections": [(title, _shown(settings)) for title, settings in sections if settings],
            "router": _shown(router_settings(raw_config, model)),
        }


def _shown(settings: Settings) -> dict[str, object]:
    return {name: _shown(value) if isinstance(value, dict) else on_one_line(value) for name, value in settings.items()}
