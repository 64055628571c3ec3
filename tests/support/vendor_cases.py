"""Parameters and devices that the tests of the shipped SIP plugins share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisiond.model.device import Device

MAC = "00:08:5d:2d:b0:7c"
MAC_NAME = "00085D2DB07C"

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nTUlJQmNlcnRpZmljYXRl\n-----END CERTIFICATE-----"
KEY = "-----BEGIN PRIVATE KEY-----\nTUlJQmtleQ==\n-----END PRIVATE KEY-----"

MINIMAL: Mapping[str, Any] = {
    "sip_srtp_mode": "disabled",
    "sip_transport": "udp",
    "sip_lines": {
        "1": {
            "username": "alice",
            "auth_username": "alice",
            "password": "wonder",
            "display_name": "Alice",
            "number": "101",
            "proxy_ip": "10.0.0.5",
            "registrar_ip": "10.0.0.5",
        }
    },
    "sccp_call_managers": {},
    "funckeys": {},
}

TWO_LINES_IN_FRENCH: Mapping[str, Any] = {
    **MINIMAL,
    "locale": "fr_FR",
    "timezone": "Europe/Paris",
    "ntp_enabled": True,
    "ntp_ip": "10.0.0.1",
    "sip_subscribe_mwi": True,
    "exten_voicemail": "*98",
    "sip_dtmf_mode": "RTP-out-of-band",
    "sip_lines": {
        "1": {**MINIMAL["sip_lines"]["1"], "display_name": "Zoé Lefèvre"},
        "2": {
            "username": "accueil",
            "auth_username": "accueil-auth",
            "password": "bon#jour",
            "display_name": "Accueil «été»",
            "number": "102",
            "proxy_ip": "sip.example.org",
            "proxy_port": 5070,
            "registrar_ip": "sip.example.org",
            "voicemail": "*97",
            "dtmf_mode": "SIP-INFO",
            "srtp_mode": "preferred",
        },
    },
    "funckeys": {"1": {"type": "blf", "value": "103", "label": "Éric", "line": 2}},
}

EVERYTHING: Mapping[str, Any] = {
    "config_version": 1,
    "dns_enabled": True,
    "dns_ip": "10.0.0.53",
    "ntp_enabled": True,
    "ntp_ip": "ntp.example.org",
    "vlan_enabled": True,
    "vlan_id": 100,
    "vlan_priority": 5,
    "vlan_pc_port_id": 200,
    "syslog_enabled": True,
    "syslog_ip": "10.0.0.9",
    "syslog_port": 1514,
    "syslog_level": "info",
    "admin_username": "root",
    "admin_password": "22223",
    "user_username": "user",
    "user_password": "1234",
    "timezone": "America/Montreal",
    "locale": "en_US",
    "protocol": "SIP",
    "sip_proxy_ip": "10.0.0.5",
    "sip_proxy_port": 5071,
    "sip_backup_proxy_ip": "10.0.0.6",
    "sip_backup_proxy_port": 5072,
    "sip_registrar_ip": "10.0.0.5",
    "sip_registrar_port": 5073,
    "sip_backup_registrar_ip": "10.0.0.6",
    "sip_backup_registrar_port": 5074,
    "sip_outbound_proxy_ip": "10.0.0.7",
    "sip_outbound_proxy_port": 5075,
    "sip_dtmf_mode": "SIP-INFO",
    "sip_srtp_mode": "required",
    "sip_transport": "tls",
    "sip_servers_root_and_intermediate_certificates": [CERTIFICATE],
    "sip_local_root_and_intermediate_certificates": [CERTIFICATE],
    "sip_local_certificate": CERTIFICATE,
    "sip_local_key": KEY,
    "sip_subscribe_mwi": True,
    "sip_lines": {
        "1": {
            "username": "alice",
            "auth_username": "alice-auth",
            "password": "wonder",
            "display_name": "Alice",
            "number": "101",
            "voicemail": "*981",
        }
    },
    "sccp_call_managers": {},
    "exten_dnd": "*25",
    "exten_fwd_unconditional": "*21",
    "exten_fwd_no_answer": "*22",
    "exten_fwd_busy": "*23",
    "exten_fwd_disable_all": "*20",
    "exten_park": "700",
    "exten_pickup_group": "*7",
    "exten_pickup_call": "*8",
    "exten_voicemail": "*98",
    "funckeys": {
        "1": {"type": "speeddial", "value": "0123456789", "label": "Bob", "line": 1},
        "2": {"type": "blf", "value": "102", "label": "Carol", "line": 1},
        "3": {"type": "park", "value": "701", "label": "", "line": 1},
        "4": {"type": "park", "line": 1},
        "9": {"type": "blf", "value": "104", "line": 1},
        "33": {"type": "speeddial", "value": "105", "label": "Far", "line": 1},
    },
    "X_xivo_phonebook_ip": "10.0.0.3",
    "X_xivo_user_uuid": "8f7a1d7e-7d57-4e5b-9a36-1f9f2f3f0c11",
}

CASES: Mapping[str, Mapping[str, Any]] = {
    "minimal": MINIMAL,
    "everything": EVERYTHING,
    "two-lines-french": TWO_LINES_IN_FRENCH,
}

HOSTILE_TEXTS = (
    "quote \" and ' apostrophe",
    "</user_pass><user_host>evil</user_host>",
    "a & b < c > d ]]> <!-- x -->",
    "line\nbreak\r\nsip line1 password: evil",
    "smile \U0001f600 é ß 漢字",
    "nul\0byte \x07bell",
    "# not a comment; really #",
    "  blanks at the ends  ",
    "{{ 7 * 7 }}{% raw %}",
    '"',
    '#"',
    "",
)


def device(model: str, **members: Any) -> Device:
    """Return a device of this model."""
    return Device({"id": "d1", "mac": MAC, "model": model, **members})


def with_members(**members: Any) -> dict[str, Any]:
    """Return the minimal parameters with these members."""
    return {**MINIMAL, **members}


def with_line(**members: Any) -> dict[str, Any]:
    """Return the minimal parameters with these members of line 1."""
    return {**MINIMAL, "sip_lines": {"1": {**MINIMAL["sip_lines"]["1"], **members}}}
