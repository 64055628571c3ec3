"""Where a device finds its files, and its place in the network.

Source: Cisco Small Business IP telephony devices provisioning guide, "Configuration Profile Parameters".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from provisiond.sdk import RawConfig

from .models import Model
from .values import Settings, address, yes

_DAY = 24 * 3600
_DEBUG_LEVELS: Mapping[str, int] = MappingProxyType({"critical": 0, "error": 0, "warning": 1, "info": 2, "debug": 3})
_SYSLOG_PORT = 514


def base_url(raw_config: RawConfig) -> str:
    """Return the address of the HTTP service without a slash at its end.

    It is empty when the parameters have none: devices then ask the TFTP server that DHCP told them.
    """
    if url := raw_config.get("http_base_url"):
        return str(url).rstrip("/")
    return f"http://{address(raw_config['ip'], raw_config.get('http_port'))}" if raw_config.get("ip") else ""


def first_settings(raw_config: RawConfig) -> Settings:
    """Return what the first file says: come again at once, for the file of your own."""
    return {
        "Provision_Enable": "Yes",
        "Resync_On_Reset": "Yes",
        "Resync_Random_Delay": 2,
        "Resync_Periodic": 5,
        "Resync_Error_Retry_Delay": 60,
        "Profile_Rule": f"{base_url(raw_config)}/$MA.xml",
    }


def provisioning_settings(raw_config: RawConfig, model: Model) -> Settings:
    """Return when a device looks for its file and its firmware, and where."""
    base = base_url(raw_config)
    upgrades = [f"( $SWVER lt {image.version} )? {base}/firmware/{image.file}" for image in model.images]
    return {
        "Provision_Enable": "Yes",
        "Resync_On_Reset": "Yes",
        "Resync_Random_Delay": 2,
        "Resync_Periodic": _DAY,
        "Resync_Error_Retry_Delay": 3600,
        "Resync_From_SIP": "Yes",
        "Resync_After_Upgrade_Attempt": "Yes",
        "Profile_Rule": f"{base}/$MA.xml",
        "Upgrade_Enable": yes(upgrades),
        "Upgrade_Rule": " | ".join(upgrades),
    }


def account_settings(raw_config: RawConfig, model: Model) -> Settings:
    """Return the passwords of the web pages; what the parameters don't say stays as it is."""
    names = {"Admin_Passwd": "admin_password", "User_Password": "user_password"}
    passwords = {setting: raw_config[name] for setting, name in names.items() if raw_config.get(name)}
    if model.has_router:
        return {}
    return {"Enable_Web_Server": "Yes", "Enable_Web_Admin_Access": "Yes", **passwords}


def router_settings(raw_config: RawConfig, model: Model) -> Settings:
    """Return what the router in some adaptors needs: its administrator's password, its time server."""
    if not model.has_router:
        return {}
    settings: Settings = {}
    if raw_config.get("admin_password"):
        settings["Web_Login_Admin_Password"] = raw_config["admin_password"]
    if raw_config.get("ntp_enabled"):
        settings["Time_Setup"] = {"Time_Server_Mode": "manual", "Time_Server": raw_config["ntp_ip"]}
    return settings


def network_settings(raw_config: RawConfig, model: Model) -> Settings:
    """Return name server, time server, VLAN and log."""
    settings = _name_server(raw_config)
    if not model.has_router and raw_config.get("ntp_enabled") is not None:
        settings["Primary_NTP_Server"] = raw_config["ntp_ip"] if raw_config["ntp_enabled"] else ""
        settings |= {} if model.is_adaptor else {"NTP_Enable": yes(raw_config["ntp_enabled"])}
    if not model.is_adaptor:
        settings |= _vlan(raw_config)
    return settings | _syslog(raw_config)


def _name_server(raw_config: RawConfig) -> Settings:
    if raw_config.get("dns_enabled"):
        return {"Primary_DNS": raw_config["dns_ip"], "DNS_Server_Order": "Manual,DHCP"}
    return {"Primary_DNS": "", "DNS_Server_Order": "DHCP,Manual"}


def _vlan(raw_config: RawConfig) -> Settings:
    if not raw_config.get("vlan_enabled"):
        return {"Enable_VLAN": "No"}
    settings: Settings = {"Enable_VLAN": "Yes", "VLAN_ID": raw_config["vlan_id"]}
    pc_port = raw_config.get("vlan_pc_port_id")
    settings["Enable_PC_Port_VLAN_Tagging"] = yes(pc_port is not None)
    return settings if pc_port is None else settings | {"PC_Port_VLAN_ID": pc_port}


def _syslog(raw_config: RawConfig) -> Settings:
    if not raw_config.get("syslog_enabled"):
        return {"Syslog_Server": "", "Debug_Level": 0}
    server = address(raw_config["syslog_ip"], raw_config.get("syslog_port") or _SYSLOG_PORT)
    level = _DEBUG_LEVELS.get(str(raw_config.get("syslog_level") or "warning"), 1)
    return {"Syslog_Server": server, "Debug_Level": level}
