"""SIP lines as the phone's identities.

Source: the vendor's wiki, pages "Settings/user_*", "SIP Failover" and "What kind of DTMF types Snom phones support".
"""

from __future__ import annotations

from typing import Any

from provisiond.sdk import RawConfig
from provisiond.sdk.lines import SipLine, sip_lines

MAX_IDENTITIES = 12
_CODECS = "pcma,pcmu,g722,g729"
_SAVP = {"preferred": "optional", "required": "mandatory"}


def identities(raw_config: RawConfig) -> list[dict[str, Any]]:
    """Return the identities of all lines, then those that stand in for a line whose registrar is gone.

    A phone registers each identity with one registrar only, so a backup server is an identity of its own, hidden, on
    the first number that no line uses; identity 12 comes last since a failover from 1 to 12 is known not to work.
    """
    lines = [line for line in sip_lines(raw_config) if 1 <= line.position <= MAX_IDENTITIES]
    free = [number for number in range(1, MAX_IDENTITIES + 1) if number not in {line.position for line in lines}]
    is_subscribed = raw_config.get("sip_subscribe_mwi") is not False
    found, backups = [], []
    for line in lines:
        identity = _identity(line, line.position, is_subscribed)
        host = line.backup_registrar_ip or line.backup_proxy_ip
        if host and free:
            identity["failover"] = free.pop(0)
            backups.append(_backup(line, identity["failover"]))
        found.append(identity)
    return found + backups


def unused_identities(used: list[dict[str, Any]]) -> list[int]:
    """Return the numbers of the identities that must be off, so that an account that was taken away disappears."""
    return [number for number in range(1, MAX_IDENTITIES + 1) if number not in {entry["number"] for entry in used}]


def voicemail_key(raw_config: RawConfig) -> str:
    """Return what the retrieve key dials when the phone shall not subscribe to the voice mail box, else nothing."""
    if raw_config.get("sip_subscribe_mwi") is not False:
        return ""
    return next((line.voicemail for line in sip_lines(raw_config) if line.voicemail), "")


def _identity(line: SipLine, number: int, is_subscribed: bool) -> dict[str, Any]:
    outbound = (line.outbound_proxy_ip, line.outbound_proxy_port)
    server = outbound if line.outbound_proxy_ip else (line.proxy_ip, line.proxy_port)
    return {
        **_account(line),
        "number": number,
        "host": _address(line.registrar_ip or line.proxy_ip, line.registrar_port),
        "outbound": _route(*server, line.transport),
        "mailbox": line.voicemail if is_subscribed else "",
        "failover": 0,
        "is_backup": False,
    }


def _backup(line: SipLine, number: int) -> dict[str, Any]:
    server = line.backup_proxy_ip or line.backup_registrar_ip
    port = line.backup_proxy_port if line.backup_proxy_ip else line.backup_registrar_port
    return {
        **_account(line),
        "number": number,
        "host": _address(line.backup_registrar_ip or line.backup_proxy_ip, line.backup_registrar_port),
        "outbound": _route(server, port, line.transport),
        "mailbox": "",
        "failover": 0,
        "is_backup": True,
    }


def _account(line: SipLine) -> dict[str, Any]:
    savp = _SAVP.get(line.srtp_mode, "off")
    return {
        "username": line.username,
        "auth_username": line.auth_username,
        "password": line.password,
        "display_name": line.display_name or line.number or line.username,
        "extension": line.number,
        "srtp": "off" if savp == "off" else "on",
        "savp": savp,
        "dtmf_info": "sip_info_only" if line.dtmf_mode == "SIP-INFO" else "off",
        # In-band tones are what remains when the event codec isn't offered.
        "codecs": _CODECS if line.dtmf_mode == "RTP-in-band" else f"{_CODECS},telephone-event",
    }


def _address(host: str, port: int | None) -> str:
    return f"{host}:{port}" if host and port else host


def _route(host: str, port: int | None, transport: str) -> str:
    return f"{_address(host, port)};transport={transport}" if host else ""
