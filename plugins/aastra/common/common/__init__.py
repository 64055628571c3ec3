"""What all plugins for Aastra phones share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provisiond.sdk import (
    Device,
    DeviceInfo,
    File,
    Plugin,
    PluginContext,
    RawConfig,
    SipNotify,
    Support,
    SyncAction,
)
from provisiond.sdk.naming import mac_name

from .certificates import certificate_files, tls_settings
from .keys import key_settings
from .models import MODELS, base_model, model_of
from .quoting import quoted
from .settings import (
    clock_settings,
    line_settings,
    locale_settings,
    network_settings,
    phonebook_url,
    sip_settings,
)

_FOLDERS = ("", "Aastra/")
"""DHCP tells the phones the server's top folder or its folder Aastra; the files are the same in both."""


class AastraPlugin(Plugin):
    """Aastra phones that read ``aastra.cfg`` and ``<MAC>.cfg``."""

    def __init__(self, context: PluginContext) -> None:
        super().__init__(context)
        self._releases = {key.split(", ")[1]: key.split(", ")[2] for key in context.capabilities}

    def associate(self, info: DeviceInfo) -> Support | int:
        """Return how well this plugin fits: best for the very firmware, less for others of the same model."""
        if info.vendor != "Aastra":
            return Support.NONE
        release = self._releases.get(base_model(info.model))
        if release is None:
            return Support.UNKNOWN
        if info.version is None:
            return Support.PROBABLE + 20
        if info.version == release:
            return Support.EXACT
        same = info.version.split(".")[:2] == release.split(".")[:2]
        return Support.COMPLETE if same else Support.PROBABLE + 50

    def common_files(self, raw_config: RawConfig) -> Iterable[File]:
        """Return ``aastra.cfg``."""
        return [File(name=f"{folder}aastra.cfg", templates=("aastra.cfg.tpl",), sensitive=False) for folder in _FOLDERS]

    def device_files(self, device: Device, raw_config: RawConfig) -> Iterator[File]:
        """Return ``<MAC>.cfg`` and the certificates it names."""
        mac = mac_name(device)
        name = base_model(device.model)
        own = (f"{name}.cfg.tpl",) if name in MODELS else ()
        templates = (f"{mac}.cfg.tpl", *own, "base.cfg.tpl")
        context = self._context(device, raw_config, mac)
        for folder in _FOLDERS:
            yield File(name=f"{folder}{mac}.cfg", templates=templates, context=context, trigger=True)
            for certificate, content in certificate_files(raw_config, mac).values():
                yield File(name=f"{folder}{certificate}", content=content)

    def synchronize(self, device: Device, raw_config: RawConfig) -> SyncAction:
        """Return the NOTIFY that makes the phone look for a changed configuration."""
        return SipNotify("check-sync")

    def _context(self, device: Device, raw_config: RawConfig, mac: str) -> dict[str, object]:
        model = model_of(device.model)
        return {
            "clock": clock_settings(raw_config, self.context.year),
            "keys": key_settings(raw_config, model),
            "lines": line_settings(raw_config, model),
            "locale": locale_settings(raw_config),
            "network": network_settings(raw_config, model),
            "passwords": {name: quoted(raw_config.get(f"{name}_password")) for name in ("admin", "user")},
            "phonebook_url": phonebook_url(raw_config),
            "sip": sip_settings(raw_config),
            "tls": tls_settings(raw_config, mac),
        }
