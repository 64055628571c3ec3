"""Settings of the SIP lines.

Source: Cisco SPA300 and SPA500 series administration guide, "Ext Tab" and "Configuring Survivable Remote Site
Telephony"; Cisco ATA administration guide, "Line page".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from provisiond.sdk import RawConfig
from provisiond.sdk.lines import SipLine, sip_lines

from .models import Model
from .values import Settings, address, indexed, yes

_DTMF: Mapping[str, str] = MappingProxyType({"RTP-in-band": "InBand", "RTP-out-of-band": "AVT", "SIP-INFO": "INFO"})
_DEFAULT_PORTS: Mapping[str, int] = MappingProxyType({"udp": 5060, "tcp": 5060, "tls": 5061})
_LOCAL_PORT = 5060
_FALLBACK_SECONDS = 120
_DIAL_PLAN = "([0-9*].)"
_UNUSED: Mapping[str, object] = MappingProxyType({"Line_Enable": "No", "User_ID": "", "Password": "", "Auth_ID": ""})


def lines_of(raw_config: RawConfig, model: Model) -> dict[int, SipLine]:
    """Return the lines that the model has room for, by their number."""
    return {line.position: line for line in sip_lines(raw_config) if 1 <= line.position <= model.lines}


def line_settings(raw_config: RawConfig, model: Model) -> list[tuple[str, Settings]]:
    """Return title and settings of each line of the model; those that are not used are off and without secrets."""
    lines = lines_of(raw_config, model)
    sections = []
    for number in range(1, model.lines + 1):
        line = lines.get(number)
        settings = dict(_UNUSED) if line is None else _line(line, raw_config, model)
        sections.append((f"line {number}", indexed(settings, number)))
    return sections


def security_settings(raw_config: RawConfig, model: Model) -> Settings:
    """Return SRTP as phones have it, once for all lines: calls are encrypted if one line wants it.

    Phones can't tell "preferred" from "required".
    """
    is_secure = any(line.srtp_mode != "disabled" for line in lines_of(raw_config, model).values())
    settings: Settings = {"SRTP_Method": "s-descriptor"} if is_secure else {}
    if not model.is_adaptor:
        settings |= {"Secure_Call_Serv": yes(is_secure), "Secure_Call_Setting": yes(is_secure)}
    return settings


def _line(line: SipLine, raw_config: RawConfig, model: Model) -> Settings:
    settings: Settings = {
        "Line_Enable": "Yes",
        "SIP_Transport": line.transport.upper(),
        "SIP_Port": _LOCAL_PORT + line.position - 1,
        "Auth_Resync-Reboot": "No",
        **_proxies(line),
        "Register": "Yes",
        "Register_Expires": 3600,
        "Display_Name": line.display_name,
        "User_ID": line.username,
        "Password": line.password,
        "Use_Auth_ID": yes(line.auth_username != line.username),
        "Auth_ID": line.auth_username,
        "DTMF_Tx_Method": _DTMF.get(line.dtmf_mode, "Auto"),
        "Voice_Mail_Server": _proxy(line) if raw_config.get("sip_subscribe_mwi") else "",
        "Dial_Plan": _DIAL_PLAN,
    }
    if raw_config.get("vlan_enabled") and raw_config.get("vlan_priority") is not None:
        settings |= dict.fromkeys(("SIP_CoS_Value", "RTP_CoS_Value"), raw_config["vlan_priority"])
    return settings | _port(line) if model.is_adaptor else settings


def _port(line: SipLine) -> Settings:
    """Return what only the telephone ports of adaptors have."""
    is_secure = yes(line.srtp_mode != "disabled")
    return {
        "Secure_Call_Serv": is_secure,
        "Secure_Call_Setting": is_secure,
        "MWI_Serv": "Yes",
        "VMWI_Serv": "Yes",
    }


def _proxy(line: SipLine) -> str:
    """Return the proxy; devices register with it, so a registrar counts only without one."""
    if line.proxy_ip:
        return address(line.proxy_ip, line.proxy_port)
    return address(line.registrar_ip, line.registrar_port)


def _proxies(line: SipLine) -> Settings:
    """Return proxy and outbound proxy; a backup makes the proxy a list of servers in order, as DNS would give it."""
    proxy, backup = _proxy(line), address(line.backup_proxy_ip, line.backup_proxy_port)
    if backup:
        default = _DEFAULT_PORTS.get(line.transport, 5060)
        servers = (
            (line.proxy_ip or line.registrar_ip, line.proxy_port),
            (line.backup_proxy_ip, line.backup_proxy_port),
        )
        ranked = [f"{host}:{port or default}:p={rank}" for rank, (host, port) in enumerate(servers) if host]
        proxy = f"provisiond:SRV={'|'.join(ranked)}"
    outbound = address(line.outbound_proxy_ip, line.outbound_proxy_port)
    return {
        "Proxy": proxy,
        "Use_Outbound_Proxy": yes(outbound),
        "Outbound_Proxy": outbound,
        "Use_DNS_SRV": yes(backup),
        "DNS_SRV_Auto_Prefix": "No",
        "Proxy_Fallback_Intvl": _FALLBACK_SECONDS if backup else 3600,
    }
