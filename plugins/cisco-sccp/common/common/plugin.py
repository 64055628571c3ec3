"""The files of SCCP phones, and which phones they are for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from attrs import frozen

from provisiond.sdk import (
    Device,
    DeviceInfo,
    File,
    Plugin,
    PluginProblem,
    RawConfig,
    SccpReset,
    Support,
    SyncAction,
)
from provisiond.sdk.lines import CallManager, call_managers
from provisiond.sdk.locales import locale_of
from provisiond.sdk.naming import sccp_name

from .languages import language_of
from .zones import zone_name

DEFAULT_PORT = 2000
MAX_CALL_MANAGERS = 5


@frozen(kw_only=True)
class Generation:
    """What one generation of phones has of its own.

    :param release: firmware release, as phones tell it without patches.
    :param loads: model -> name of its firmware.
    :param serves_unnamed: whether Cisco phones that did not tell their model are taken for this generation.
    :param has_image_file: whether the phones ask for ``OS79XX.TXT``.
    """

    release: str
    loads: Mapping[str, str]
    serves_unnamed: bool = False
    has_image_file: bool = False


class SccpPlugin(Plugin):
    """SCCP phones: everything stands in ``SEP<MAC>.cnf.xml``."""

    generation: ClassVar[Generation]

    def associate(self, info: DeviceInfo) -> Support | int:
        """Return how well this plugin fits the phone."""
        if info.vendor != "Cisco":
            return Support.NONE
        if info.model is None:
            return Support.PROBABLE if self.generation.serves_unnamed else Support.UNKNOWN
        if info.model not in self.generation.loads:
            return Support.NONE
        if info.version is None:
            return Support.PROBABLE + 20
        return Support.EXACT if info.version.startswith(self.generation.release) else Support.PROBABLE + 50

    def common_files(self, raw_config: RawConfig) -> Iterable[File]:
        """Return the files for phones that have none of their own yet."""
        managers = call_managers(raw_config) or (CallManager(priority=1, ip=str(raw_config["ip"])),)
        context = {
            "managers": _members(managers),
            "loads": [{"number": _MODEL_NUMBERS[model], "load": load} for model, load in self._numbered_loads()],
        }
        yield File(name="XMLDefault.cnf.xml", templates="XMLDefault.cnf.xml.tpl", context=context, sensitive=False)
        if self.generation.has_image_file:
            load = self.generation.loads["7960G"]
            yield File(name="OS79XX.TXT", content=f"{load}\n".encode("ascii"), sensitive=False)

    def device_files(self, device: Device, raw_config: RawConfig) -> Iterable[File]:
        """Return the phone's file."""
        managers = call_managers(raw_config)
        if not managers:
            raise PluginProblem("the configuration has no SCCP call manager (sccp_call_managers)")
        name = f"{sccp_name(device)}.cnf.xml"
        templates = [f"{name}.tpl", "base.cnf.xml.tpl"]
        if device.model:
            templates.insert(1, f"{device.model}.cnf.xml.tpl")
        yield File(
            name=name, templates=tuple(templates), context=self._context(device, raw_config, managers), trigger=True
        )

    def synchronize(self, device: Device, raw_config: RawConfig) -> SyncAction:
        """Have the call manager reset the phone, which then fetches its file again."""
        return SccpReset(device_name=sccp_name(device))

    def _context(self, device: Device, raw_config: RawConfig, managers: tuple[CallManager, ...]) -> dict[str, Any]:
        phonebook = raw_config.get("X_xivo_phonebook_ip")
        return {
            "managers": _members(managers),
            "load": self.generation.loads.get(device.model or "", ""),
            "language": language_of(locale_of(raw_config)),
            "zone": zone_name(str(raw_config.get("timezone") or ""), self.context.year),
            "ntp_ip": raw_config.get("ntp_ip", "") if raw_config.get("ntp_enabled") else "",
            "directory_url": f"http://{phonebook}/service/ipbx/web_services.php/phonebook/menu/" if phonebook else "",
            "admin_password": raw_config.get("admin_password", ""),
            "user_username": raw_config.get("user_username", ""),
            "user_password": raw_config.get("user_password", ""),
            "vlan_id": raw_config.get("vlan_id", "") if raw_config.get("vlan_enabled") else "",
            "pc_vlan_id": raw_config.get("vlan_pc_port_id", "") if raw_config.get("vlan_enabled") else "",
            "syslog_ip": raw_config.get("syslog_ip", "") if raw_config.get("syslog_enabled") else "",
            "voicemail": raw_config.get("exten_voicemail", ""),
            "version_stamp": raw_config.get("config_version", ""),
        }

    def _numbered_loads(self) -> list[tuple[str, str]]:
        return [(model, load) for model, load in self.generation.loads.items() if model in _MODEL_NUMBERS]


def _members(managers: tuple[CallManager, ...]) -> list[dict[str, Any]]:
    return [
        {"priority": index, "ip": manager.ip, "port": manager.port or DEFAULT_PORT}
        for index, manager in enumerate(managers[:MAX_CALL_MANAGERS])
    ]


# Device type numbers of the call manager's protocol, as XMLDefault.cnf.xml names models.
_MODEL_NUMBERS: Mapping[str, int] = {
    "7905G": 20000,
    "7906G": 369,
    "7911G": 307,
    "7912G": 30007,
    "7920": 30002,
    "7931G": 348,
    "7940G": 8,
    "7941G": 115,
    "7941G-GE": 309,
    "7942G": 434,
    "7945G": 435,
    "7960G": 7,
    "7961G": 30018,
    "7961G-GE": 308,
    "7962G": 404,
    "7965G": 436,
    "7970G": 30006,
    "7971G": 119,
    "7971G-GE": 119,
    "7975G": 437,
}
