"""The parameters of a device, turned into what the templates write.

Source: the vendor's administration guides of the 7941G/7961G, 7942G/7962G and 7970G series, and the configuration files
that its call manager makes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from provisiond.sdk import PluginProblem, RawConfig
from provisiond.sdk.lines import CallManager, call_managers
from provisiond.sdk.locales import locale_of

from .languages import date_template, language_of, tones_of
from .zones import zone_name

_SCCP_PORT = 2000
_MAX_CALL_MANAGERS = 5
"""Three of a group, one for survival of a remote site, and the TFTP server itself."""

_UTC = "Greenwich Standard Time"


def manager_settings(raw_config: RawConfig) -> list[dict[str, Any]]:
    """Return the call managers, the one that is asked first with ``priority`` 0.

    Without any, it is this server, as it is for a phone that gets no list.

    :raises PluginProblem: when the parameters have neither call managers nor the server's address.
    """
    managers = call_managers(raw_config)
    if not managers and raw_config.get("ip"):
        managers = (CallManager(priority=1, ip=str(raw_config["ip"])),)
    if not managers:
        raise PluginProblem("the configuration has no SCCP call manager (sccp_call_managers)")
    return [
        {"priority": index, "ip": manager.ip, "port": manager.port or _SCCP_PORT}
        for index, manager in enumerate(managers[:_MAX_CALL_MANAGERS])
    ]


def device_settings(raw_config: RawConfig, charset: str, year: int) -> dict[str, Any]:
    """Return all that the template of a device needs, with ``version`` changing whenever anything else does.

    :param charset: character set of the phone's locale files.
    :param year: for the daylight-saving rules.
    """
    locale = locale_of(raw_config)
    timezone = raw_config.get("timezone")
    settings = {
        "call_managers": manager_settings(raw_config),
        "charset": charset,
        "clock": {
            "date_template": date_template(locale),
            "zone": zone_name(str(timezone), year) if timezone else _UTC,
            "server": _enabled(raw_config, "ntp"),
        },
        "directory_url": _directory_url(raw_config),
        "language": language_of(locale),
        "password": raw_config.get("admin_password") or "",
        "ssh": _ssh(raw_config),
        "syslog": _syslog(raw_config),
        "tones": tones_of(locale),
        "vlan": _vlan(raw_config),
    }
    return {**settings, "version": hashlib.sha256(repr(settings).encode()).hexdigest()[:16]}


def _enabled(raw_config: RawConfig, service: str) -> str:
    return str(raw_config.get(f"{service}_ip") or "") if raw_config.get(f"{service}_enabled") else ""


def _syslog(raw_config: RawConfig) -> str:
    server = _enabled(raw_config, "syslog")
    return f"{server}:{raw_config.get('syslog_port') or 514}" if server else ""


def _ssh(raw_config: RawConfig) -> Mapping[str, str] | None:
    """Return the account for the phone's console; without one it stays closed."""
    name, password = raw_config.get("admin_username"), raw_config.get("admin_password")
    return {"name": str(name), "password": str(password)} if name and password else None


def _vlan(raw_config: RawConfig) -> Mapping[str, Any] | None:
    if not raw_config.get("vlan_enabled"):
        return None
    return {"id": raw_config["vlan_id"], "pc_port": raw_config.get("vlan_pc_port_id")}


def _directory_url(raw_config: RawConfig) -> str:
    host = raw_config.get("X_xivo_phonebook_ip")
    if not host:
        return ""
    if not raw_config.get("X_xivo_user_uuid"):
        return f"http://{host}/service/ipbx/web_services.php/phonebook/menu"
    scheme = raw_config.get("X_xivo_phonebook_scheme") or "http"
    port = raw_config.get("X_xivo_phonebook_port") or 9498
    query = f"xivo_user_uuid={raw_config['X_xivo_user_uuid']}"
    return f"{scheme}://{host}:{port}/0.1/directories/menu/default/cisco?{query}"
