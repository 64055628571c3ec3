"""Checks that an author runs on a plugin of his own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from xml.etree import ElementTree

from provisiond.errors import PluginProblem
from provisiond.identification.support import Support
from provisiond.identification.values import DeviceInfo
from provisiond.model.capability import Capability
from provisiond.model.device import Device
from provisiond.model.raw_config import EXTENS, SERVERS, completed
from provisiond.plugins.hosting import HostedPlugin, PluginPlace
from provisiond.plugins.rendering import TemplateRenderer
from provisiond.plugins.values import RenderedFile

YEAR: Final = 2026
BASE: Final = {
    "ip": "192.0.2.1",
    "http_port": 8667,
    "tftp_port": 69,
    "http_base_url": "http://192.0.2.1:8667",
}
# What only some phones are told: templates often ask for it, and seldom is it there while they are written.
RARE: Final[Mapping[str, Any]] = {
    "config_version": 1,
    "protocol": "SIP",
    **{f"{service}_enabled": True for service in ("dns", "ntp", "vlan", "syslog")},
    **{f"{service}_ip": "192.0.2.53" for service in ("dns", "ntp", "syslog")},
    "syslog_port": 1514,
    "syslog_level": "info",
    "vlan_id": 100,
    "vlan_priority": 5,
    "vlan_pc_port_id": 200,
    "admin_username": "admin",
    "user_username": "user",
    "user_password": "1234",
    **{f"sip_{server}_ip": "192.0.2.6" for server in SERVERS},
    **{f"sip_{server}_port": 5070 for server in SERVERS},
    "sip_dtmf_mode": "SIP-INFO",
    "sip_srtp_mode": "preferred",
    "sip_transport": "tls",
    "sip_subscribe_mwi": True,
    **{f"exten_{service}": "*25" for service in EXTENS},
}
HOSTILE: Final = "\"'<&>]]>\n\r\0\x1b;#=%{{ 7 }}é€😀"


def load_plugin(directory: Path, year: int = YEAR) -> HostedPlugin:
    """Return the plugin in a built directory, loaded in this process; the directory's name is its id.

    :raises PluginProblem: when the server would not load it.
    """
    return HostedPlugin(PluginPlace(id=directory.name, directory=directory.absolute(), revision="", year=year))


def render(directory: Path, device: Device, raw_config: dict[str, Any]) -> dict[str, RenderedFile]:
    """Return the files of a device by name.

    :param raw_config: parameters as a config holds them; what every device inherits is added.
    :raises PluginProblem: when the plugin cannot make them.
    """
    files = load_plugin(directory).device_files(device, completed({**BASE, **raw_config}))
    return {file.name: file for file in files}


def check_plugin(directory: Path) -> list[str]:
    """Return one sentence for each thing that is wrong with the plugin in a built directory; empty is good.

    It is loaded; every template must compile; every model of its capabilities must associate with it and render, with
    few and plain and with many and hostile values, twice to the same bytes; what begins like XML must be well-formed.
    """
    try:
        plugin = load_plugin(directory)
        problems = [*TemplateRenderer(directory).problems(), *_common_problems(plugin)]
    except PluginProblem as problem:
        return [problem.sentence]
    for key in plugin.info.capabilities:
        capability = Capability.parse(key)
        problems.extend(f"{key}: {sentence}" for sentence in _model_problems(plugin, capability))
    return list(dict.fromkeys(problems))


def try_out(plugin: HostedPlugin) -> None:
    """Render every model of a plugin's capabilities once.

    :raises PluginProblem: when a template does not compile, or files cannot be made.
    """
    for sentence in TemplateRenderer(plugin.place.directory).problems():
        raise PluginProblem(sentence)
    plugin.common_files(dict(BASE))
    for key in plugin.info.capabilities:
        try:
            plugin.device_files(_device(Capability.parse(key)), _raw_config("plain"))
        except PluginProblem as problem:
            raise PluginProblem(f"{key}: {problem.sentence}") from None


def _common_problems(plugin: HostedPlugin) -> list[str]:
    return _file_problems(plugin.common_files(dict(BASE)), plugin.common_files(dict(BASE)))


def _model_problems(plugin: HostedPlugin, capability: Capability) -> list[str]:
    info = DeviceInfo(vendor=capability.vendor, model=capability.model, version=capability.version)
    problems: list[str] = []
    try:
        if plugin.associate(info) < Support.PROBABLE:
            problems.append("the plugin does not associate with its own capability")
    except PluginProblem as problem:
        problems.append(problem.sentence)
    for text, more in (("plain", {}), (HOSTILE, RARE)):
        device, raw_config = _device(capability), _raw_config(text, more)
        try:
            once, again = (plugin.device_files(device, raw_config) for _ in range(2))
        except PluginProblem as problem:
            problems.append(problem.sentence)
            continue
        problems.extend(_file_problems(once, again))
        if not once:
            problems.append("the plugin makes no file for this model")
    return problems


def _file_problems(once: tuple[RenderedFile, ...], again: tuple[RenderedFile, ...]) -> list[str]:
    problems = [] if once == again else ["rendering twice gives different bytes"]
    for file in once:
        if file.content.lstrip().startswith(b"<?xml"):
            try:
                ElementTree.fromstring(file.content)  # noqa: S314  (our own rendering)
            except ElementTree.ParseError as error:
                problems.append(f"{file.name} is not well-formed: {error}")
    return problems


def _device(capability: Capability) -> Device:
    return Device(
        {
            "id": "check",
            "mac": "00:11:22:33:44:55",
            "vendor": capability.vendor,
            "model": capability.model,
            "version": capability.version,
        }
    )


def _raw_config(text: str, more: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    line = {"username": "1000", "password": text, "display_name": text, "number": "1000", "proxy_ip": "192.0.2.5"}
    return completed(
        {
            **BASE,
            **more,
            "sip_lines": {"1": line},
            "sccp_call_managers": {"1": {"ip": "192.0.2.5"}},
            "funckeys": {"1": {"type": "speeddial", "value": "200", "label": text}},
            "admin_password": text,
            "timezone": "Europe/Paris",
            "locale": "fr_FR",
        }
    )
