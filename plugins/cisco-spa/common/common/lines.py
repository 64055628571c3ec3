"""Settings of lines and of the whole device (Cisco SPA administration guides)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisiond.sdk.lines import SipLine

_DTMF = {"RTP-in-band": "InBand", "RTP-out-of-band": "AVT", "SIP-INFO": "INFO"}
_DEBUG_LEVELS = {"critical": 0, "error": 0, "warning": 1, "info": 2, "debug": 3}
_FEATURE_CODES = {
    "exten_fwd_unconditional": "Cfwd_All_Act_Code",
    "exten_fwd_busy": "Cfwd_Busy_Act_Code",
    "exten_fwd_no_answer": "Cfwd_No_Ans_Act_Code",
    "exten_fwd_disable_all": "Cfwd_All_Deact_Code",
    "exten_dnd": "DND_Act_Code",
    "exten_park": "Call_Park_Code",
    "exten_pickup_call": "Call_Pickup_Code",
    "exten_pickup_group": "Group_Call_Pickup_Code",
}


def address(host: str, port: int | None) -> str:
    """Return ``host`` or ``host:port``."""
    return f"{host}:{port}" if host and port else host


def yes(value: object) -> str:
    """Return the devices' word for true or false."""
    return "Yes" if value else "No"


def line_settings(number: int, line: SipLine | None) -> dict[str, Any]:
    """Return the settings of one line; a line that is not used is switched off."""
    if line is None:
        return {f"Line_Enable_{number}_": "No"}
    settings = {
        "Line_Enable": "Yes",
        "Proxy": address(line.proxy_ip, line.proxy_port),
        "Alternate_Proxy": address(line.backup_proxy_ip, line.backup_proxy_port),
        "Dual_Registration": yes(line.backup_proxy_ip),
        "Outbound_Proxy": address(line.outbound_proxy_ip, line.outbound_proxy_port),
        "Use_Outbound_Proxy": yes(line.outbound_proxy_ip),
        "Register": "Yes",
        "Display_Name": line.display_name,
        "Short_Name": line.number or line.username,
        "User_ID": line.username,
        "Password": line.password,
        "Use_Auth_ID": yes(line.auth_username != line.username),
        "Auth_ID": line.auth_username,
        "SIP_Transport": line.transport.upper(),
        "Secure_Call_Setting": yes(line.srtp_mode != "disabled"),
        "DTMF_Tx_Method": _DTMF.get(line.dtmf_mode, "Auto"),
        "Mailbox_ID": line.voicemail,
        "Voice_Mail_Server": address(line.proxy_ip, line.proxy_port),
        "Message_Waiting": yes(line.voicemail),
    }
    return {f"{name}_{number}_": value for name, value in settings.items()}


def phone_settings(raw_config: Mapping[str, Any], first: SipLine | None) -> dict[str, Any]:
    """Return the settings that hold for the whole device."""
    settings: dict[str, Any] = {
        "Admin_Passwd": raw_config.get("admin_password", ""),
        "User_Password": raw_config.get("user_password", ""),
        "Station_Name": first.display_name if first is not None else "",
        "Voice_Mail_Number": raw_config.get("exten_voicemail", ""),
        "SRTP_Method": "s-descriptor",
    }
    if raw_config.get("dns_enabled"):
        settings["Primary_DNS"] = raw_config["dns_ip"]
    if raw_config.get("ntp_enabled"):
        settings |= {"NTP_Enable": "Yes", "Primary_NTP_Server": raw_config["ntp_ip"]}
    if raw_config.get("vlan_enabled"):
        settings |= {"Enable_VLAN": "Yes", "VLAN_ID": raw_config["vlan_id"]}
    if raw_config.get("syslog_enabled"):
        settings["Syslog_Server"] = address(str(raw_config["syslog_ip"]), raw_config.get("syslog_port"))
        settings["Debug_Level"] = _DEBUG_LEVELS.get(str(raw_config.get("syslog_level")), 1)
    if phonebook := raw_config.get("X_xivo_phonebook_ip"):
        settings["XML_Directory_Service_Name"] = "Phonebook"
        settings["XML_Directory_Service_URL"] = f"http://{phonebook}/service/ipbx/web_services.php/phonebook/menu/"
    for name, code in _FEATURE_CODES.items():
        if raw_config.get(name):
            settings[code] = raw_config[name]
    return settings
