"""The files of SCCP phones, and which phones they are for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from provisiond.sdk import Device, DeviceInfo, File, Plugin, PluginContext, RawConfig, SccpReset, Support, SyncAction
from provisiond.sdk.naming import sccp_name

from .models import IMAGE_7960, Generation, default_loads
from .settings import device_settings, manager_settings

_ADAPTOR_PREFIXES = frozenset(
    prefix.lower()
    for prefix in (
        *("00:0C:41", "00:0E:08", "00:0F:66", "00:12:17", "00:13:10", "00:14:BF"),
        *("00:16:B6", "00:18:39", "00:18:F8", "00:1A:70"),
    )
)
"""Linksys and Sipura: address prefixes of phones and adaptors that speak SIP only."""


class SccpPlugin(Plugin):
    """SCCP phones: everything stands in ``SEP<MAC>.cnf.xml``.

    Requests for trust lists (``CTLSEP<MAC>.tlv``, ``ITLSEP<MAC>.tlv``, ``ITLFile.tlv``) have no file, so phones hear
    at once that there is none and go on without.
    """

    generation: ClassVar[Generation]

    def __init__(self, context: PluginContext) -> None:
        super().__init__(context)
        self._releases = {key.split(", ")[1]: key.split(", ")[2] for key in context.capabilities}

    def associate(self, info: DeviceInfo) -> Support | int:
        """Return how well this plugin fits the phone; one that has not told its model may be one of these."""
        if info.vendor != "Cisco":
            return Support.NONE
        if info.model is None:
            speaks_sip = (info.mac or "")[:8] in _ADAPTOR_PREFIXES
            return Support.UNKNOWN if speaks_sip else self.generation.unnamed_support
        release = self._releases.get(info.model)
        if release is None:
            return Support.NONE
        if info.version is None:
            return Support.PROBABLE + 20
        if info.version == release:
            return Support.EXACT
        return Support.COMPLETE if info.version.split(".")[0] == release.split(".")[0] else Support.PROBABLE + 50

    def common_files(self, raw_config: RawConfig) -> Iterator[File]:
        """Return the files for phones that have none of their own yet."""
        yield File(
            name="XMLDefault.cnf.xml",
            templates=("XMLDefault.cnf.xml.tpl",),
            context={
                "call_managers": manager_settings(raw_config),
                "loads": list(default_loads(self.generation.loads)),
            },
            sensitive=False,
        )
        yield File(name="OS79XX.TXT", content=f"{IMAGE_7960}\n".encode("ascii"), sensitive=False)

    def device_files(self, device: Device, raw_config: RawConfig) -> Iterable[File]:
        """Return the phone's file."""
        name = f"{sccp_name(device)}.cnf.xml"
        own = (f"{device.model}.cnf.xml.tpl",) if device.model in self.generation.loads else ()
        context = {
            "device_name": sccp_name(device),
            "load": self.generation.loads.get(device.model or "", ""),
            **device_settings(raw_config, self.generation.charset, self.context.year),
        }
        return [File(name=name, templates=(f"{name}.tpl", *own, "base.cnf.xml.tpl"), context=context, trigger=True)]

    def synchronize(self, device: Device, raw_config: RawConfig) -> SyncAction:
        """Have the call manager reset the phone, which then fetches its file again."""
        return SccpReset(device_name=sccp_name(device))
