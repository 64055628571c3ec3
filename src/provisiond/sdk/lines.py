"""Typed lines, function keys and call managers of the parameters of a device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

__all__ = ["CallManager", "FunctionKey", "SipLine", "call_managers", "function_keys", "sip_lines"]


@frozen(kw_only=True)
class SipLine:
    """One SIP line; what neither the line nor the device says is an empty text, or None for a port.

    :param position: number of the line, the first is 1.
    :param username: user part of the SIP address.
    :param auth_username: name for authentication; the user name unless said otherwise.
    :param password: for authentication.
    :param display_name: name that is shown to others; any Unicode text.
    :param number: extension of the line.
    :param proxy_ip: host of the proxy; the ``_port`` members are 1 to 65535 or None.
    :param registrar_ip: host of the registrar; the proxy unless said otherwise.
    :param dtmf_mode: ``RTP-in-band``, ``RTP-out-of-band``, ``SIP-INFO`` or empty.
    :param srtp_mode: ``disabled``, ``preferred`` or ``required``.
    :param transport: ``udp``, ``tcp`` or ``tls``, the same for all lines.
    :param voicemail: what is dialled for the voice mail box; ``exten_voicemail`` unless the line says otherwise.
    """

    position: int
    username: str = ""
    auth_username: str = ""
    password: str = ""
    display_name: str = ""
    number: str = ""
    proxy_ip: str = ""
    proxy_port: int | None = None
    backup_proxy_ip: str = ""
    backup_proxy_port: int | None = None
    registrar_ip: str = ""
    registrar_port: int | None = None
    backup_registrar_ip: str = ""
    backup_registrar_port: int | None = None
    outbound_proxy_ip: str = ""
    outbound_proxy_port: int | None = None
    dtmf_mode: str = ""
    srtp_mode: str = "disabled"
    transport: str = "udp"
    voicemail: str = ""


@frozen(kw_only=True)
class FunctionKey:
    """One programmable key.

    :param position: number of the key, the first is 1.
    :param type: ``speeddial``, ``blf`` or ``park``.
    :param value: what is dialled or watched; empty only for ``park``.
    :param label: text beside the key, or empty.
    :param line: number of the line that the key uses.
    """

    position: int
    type: str
    value: str = ""
    label: str = ""
    line: int = 1

    @property
    def text(self) -> str:
        """The label, or the value where there is no label."""
        return self.label or self.value


@frozen(kw_only=True)
class CallManager:
    """One SCCP call manager.

    :param priority: 1 is asked first.
    :param ip: host.
    :param port: 1 to 65535, or None.
    """

    priority: int
    ip: str
    port: int | None = None


def sip_lines(raw_config: Mapping[str, Any]) -> tuple[SipLine, ...]:
    """Return the SIP lines in the order of their numbers, the ``sip_`` parameters filled in where a line is silent.

    A line without a registrar uses its own proxy as registrar, then ``sip_registrar_ip``, then ``sip_proxy_ip``; the
    backup registrar falls back to the backup proxy in the same way.
    """
    lines = raw_config.get("sip_lines") or {}
    return tuple(_sip_line(int(key), lines[key], raw_config) for key in sorted(lines, key=int))


def function_keys(raw_config: Mapping[str, Any]) -> tuple[FunctionKey, ...]:
    """Return the function keys in the order of their numbers."""
    keys = raw_config.get("funckeys") or {}
    return tuple(
        FunctionKey(
            position=int(number),
            type=str(keys[number]["type"]),
            value=_text(keys[number].get("value")),
            label=_text(keys[number].get("label")),
            line=_line_number(keys[number].get("line")),
        )
        for number in sorted(keys, key=int)
    )


def call_managers(raw_config: Mapping[str, Any]) -> tuple[CallManager, ...]:
    """Return the SCCP call managers, the one with the highest priority first."""
    managers = raw_config.get("sccp_call_managers") or {}
    return tuple(
        CallManager(priority=int(key), ip=_text(managers[key].get("ip")), port=_port(managers[key].get("port")))
        for key in sorted(managers, key=int)
    )


def _sip_line(position: int, line: Mapping[str, Any], raw_config: Mapping[str, Any]) -> SipLine:
    username = _text(line.get("username"))
    servers: dict[str, Any] = {}
    for server in ("proxy", "backup_proxy", "outbound_proxy"):
        servers |= _server(server, line, raw_config)
    for server, fallback in (("registrar", "proxy"), ("backup_registrar", "backup_proxy")):
        servers |= _registrar(server, fallback, line, raw_config, servers)
    return SipLine(
        position=position,
        username=username,
        auth_username=_text(line.get("auth_username")) or username,
        password=_text(line.get("password")),
        display_name=_text(line.get("display_name")),
        number=_text(line.get("number")),
        dtmf_mode=_text(line.get("dtmf_mode") or raw_config.get("sip_dtmf_mode")),
        srtp_mode=_text(line.get("srtp_mode") or raw_config.get("sip_srtp_mode")) or "disabled",
        transport=_text(raw_config.get("sip_transport")) or "udp",
        voicemail=_text(line.get("voicemail") or raw_config.get("exten_voicemail")),
        **servers,
    )


def _server(server: str, line: Mapping[str, Any], raw_config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{server}_ip": _text(line.get(f"{server}_ip") or raw_config.get(f"sip_{server}_ip")),
        f"{server}_port": _port(line.get(f"{server}_port") or raw_config.get(f"sip_{server}_port")),
    }


def _registrar(
    server: str, proxy: str, line: Mapping[str, Any], raw_config: Mapping[str, Any], proxies: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the registrar; one that is the proxy itself takes the proxy's port unless it has its own."""
    own = line.get(f"{server}_ip") or line.get(f"{proxy}_ip")
    ip = _text(own or raw_config.get(f"sip_{server}_ip") or raw_config.get(f"sip_{proxy}_ip"))
    port = _port(line.get(f"{server}_port") or raw_config.get(f"sip_{server}_port"))
    if port is None and ip == proxies[f"{proxy}_ip"]:
        port = proxies[f"{proxy}_port"]
    return {f"{server}_ip": ip, f"{server}_port": port}


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _port(value: object) -> int | None:
    return None if value in (None, "") else int(str(value))


def _line_number(value: object) -> int:
    text = _text(value)
    return int(text) if text.isdecimal() else 1
