"""Parameters of phones: which there are, what they may be, and the complete copy that plugins get."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from provisiond.errors import InvalidInput
from provisiond.model.parameter_types import (
    BASE_URL,
    BOOL,
    DTMF,
    HOST,
    INT,
    KEY_TYPE,
    LOCALE,
    PORT,
    PRIORITY,
    PROTOCOL,
    SRTP,
    SYSLOG_LEVEL,
    TEXT,
    TEXTS,
    TIMEZONE,
    TRANSPORT,
    VLAN,
    Kind,
)

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DIGITS: Final = re.compile(r"[0-9]{1,9}")
SERVERS: Final = ("proxy", "backup_proxy", "registrar", "backup_registrar", "outbound_proxy")
EXTENS: Final = (
    "dnd",
    "fwd_unconditional",
    "fwd_no_answer",
    "fwd_busy",
    "fwd_disable_all",
    "park",
    "pickup_group",
    "pickup_call",
    "voicemail",
)

PLAIN: Final[Mapping[str, Kind]] = {
    "ip": HOST,
    "http_port": PORT,
    "http_base_url": BASE_URL,
    "tftp_port": PORT,
    "dns_enabled": BOOL,
    "dns_ip": HOST,
    "ntp_enabled": BOOL,
    "ntp_ip": HOST,
    "vlan_enabled": BOOL,
    "vlan_id": VLAN,
    "vlan_priority": PRIORITY,
    "vlan_pc_port_id": VLAN,
    "syslog_enabled": BOOL,
    "syslog_ip": HOST,
    "syslog_port": PORT,
    "syslog_level": SYSLOG_LEVEL,
    "admin_username": TEXT,
    "admin_password": TEXT,
    "user_username": TEXT,
    "user_password": TEXT,
    "timezone": TIMEZONE,
    "locale": LOCALE,
    "protocol": PROTOCOL,
    **{f"sip_{server}_ip": HOST for server in SERVERS},
    **{f"sip_{server}_port": PORT for server in SERVERS},
    "sip_dtmf_mode": DTMF,
    "sip_srtp_mode": SRTP,
    "sip_transport": TRANSPORT,
    "sip_servers_root_and_intermediate_certificates": TEXTS,
    "sip_local_root_and_intermediate_certificates": TEXTS,
    "sip_local_certificate": TEXT,
    "sip_local_key": TEXT,
    "sip_subscribe_mwi": BOOL,
    **{f"exten_{name}": TEXT for name in EXTENS},
    "X_xivo_phonebook_ip": HOST,
    "config_version": INT,
}
LINE: Final[Mapping[str, Kind]] = {
    **{f"{server}_ip": HOST for server in SERVERS},
    **{f"{server}_port": PORT for server in SERVERS},
    **dict.fromkeys(("username", "auth_username", "password", "display_name", "number", "voicemail"), TEXT),
    "dtmf_mode": DTMF,
    "srtp_mode": SRTP,
}
OBJECTS: Final = ("sip_lines", "sccp_call_managers", "funckeys")
NOT_NULL: Final = frozenset({"syslog_port", "syslog_level", *OBJECTS})
NEEDS: Final = {
    "dns_enabled": "dns_ip",
    "ntp_enabled": "ntp_ip",
    "vlan_enabled": "vlan_id",
    "syslog_enabled": "syslog_ip",
}
STANDARD: Final = frozenset({*PLAIN, *OBJECTS})


def check_raw_config(raw: object) -> dict[str, Any]:
    """Return the parameters of one config as they were sent.

    :raises InvalidInput: naming the first member that breaks a rule of the REST contract, section 9.2.
    """
    if not isinstance(raw, Mapping):
        raise InvalidInput("raw_config must be an object")
    for name, value in raw.items():
        _check_name(name, value)
        if value is None:
            if name in NOT_NULL:
                raise InvalidInput(f"raw_config.{name} must not be null")
        elif name in PLAIN:
            PLAIN[name].converted(value, f"raw_config.{name}")
        elif name in OBJECTS:
            _numbered(name, value)
    _check_needs(raw)
    return dict(raw)


def completed(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the deep copy that plugins get: nulls removed, values converted to their types, defaults filled in.

    :param raw: parameters after inheritance.
    :raises InvalidInput: when they are not valid as a whole.
    """
    cleaned: dict[str, Any] = without_nulls(raw)
    for name, value in cleaned.items():
        _check_name(name, value)
        if name in PLAIN:
            cleaned[name] = PLAIN[name].converted(value, f"raw_config.{name}")
        elif name in OBJECTS:
            cleaned[name] = _numbered(name, value)
    _check_needs(cleaned)
    return _with_defaults(cleaned)


def without_nulls(value: Any) -> Any:
    """Return ``value`` without null members of objects, at any depth."""
    if isinstance(value, Mapping):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list | tuple):
        return [without_nulls(member) for member in value]
    return value


def _check_name(name: Any, value: Any) -> None:
    if name in STANDARD:
        return
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        hint = ""
        if isinstance(name, str) and name.replace(".", "_") in STANDARD:
            hint = f"; write {name.replace('.', '_')}"
        raise InvalidInput(f"raw_config: {str(name)[:80]!r} is not the name of a parameter{hint}")
    if name.startswith("XX_") or name == "_comment":
        raise InvalidInput(f"raw_config.{name[:80]} is reserved for plugins")
    if not name.startswith("X_"):
        members = value if isinstance(value, Mapping) else ()
        flat = [f"{name}_{each}" for each in members if f"{name}_{each}" in STANDARD]
        flat = flat or sorted(each for each in STANDARD if each.startswith(f"{name}_"))
        hint = f"; write flat names such as {flat[0]}" if flat else ""
        raise InvalidInput(f"raw_config.{name[:80]} is not a standard parameter; names of your own begin with X_{hint}")


def _check_needs(raw: Mapping[str, Any]) -> None:
    for name, needed in NEEDS.items():
        value = raw.get(name)
        if value is not None and BOOL.converted(value, name) and raw.get(needed) in (None, ""):
            raise InvalidInput(f"raw_config.{name} needs {needed} in the same document")


def _numbered(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, list | tuple) and not value:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidInput(f"raw_config.{name} must be an object")
    result: dict[str, Any] = {}
    for key, member in value.items():
        where = f"raw_config.{name}.{str(key)[:20]}"
        if not isinstance(key, str) or not _DIGITS.fullmatch(key):
            raise InvalidInput(f"{where}: the key must be a number in digits")
        if not isinstance(member, Mapping):
            raise InvalidInput(f"{where} must be an object")
        result[key] = _MEMBERS[name](dict(member), where)
    return result


def _line(line: dict[str, Any], where: str) -> dict[str, Any]:
    for name, value in line.items():
        if name in LINE and value is not None:
            line[name] = LINE[name].converted(value, f"{where}.{name}")
    return line


def _call_manager(member: dict[str, Any], where: str) -> dict[str, Any]:
    if member.get("ip") in (None, ""):
        raise InvalidInput(f"{where} needs ip")
    member["ip"] = HOST.converted(member["ip"], f"{where}.ip")
    if member.get("port") is not None:
        member["port"] = PORT.converted(member["port"], f"{where}.port")
    return member


def _function_key(member: dict[str, Any], where: str) -> dict[str, Any]:
    member["type"] = KEY_TYPE.converted(member.get("type"), f"{where}.type")
    for name in ("value", "label"):
        if member.get(name) is not None:
            member[name] = TEXT.converted(member[name], f"{where}.{name}")
    if member["type"] in ("speeddial", "blf") and member.get("value") in (None, ""):
        raise InvalidInput(f"{where}: a {member['type']} key needs a value")
    line = member.get("line")
    if line is not None and (isinstance(line, bool) or not isinstance(line, int | str)):
        raise InvalidInput(f"{where}.line: must be a whole number or text")
    return member


_MEMBERS: Final[Mapping[str, Callable[[dict[str, Any], str], dict[str, Any]]]] = {
    "sip_lines": _line,
    "sccp_call_managers": _call_manager,
    "funckeys": _function_key,
}


def _with_defaults(raw: dict[str, Any]) -> dict[str, Any]:
    raw.setdefault("sip_srtp_mode", "disabled")
    raw.setdefault("sip_transport", "udp")
    for name in OBJECTS:
        raw.setdefault(name, {})
    if raw.get("syslog_enabled"):
        raw.setdefault("syslog_port", 514)
        raw.setdefault("syslog_level", "warning")
    if raw.get("sip_proxy_ip") and not raw.get("sip_registrar_ip"):
        raw["sip_registrar_ip"] = raw["sip_proxy_ip"]
    for line in raw["sip_lines"].values():
        if line.get("proxy_ip") and not line.get("registrar_ip"):
            line["registrar_ip"] = line["proxy_ip"]
        if line.get("username"):
            line.setdefault("auth_username", line["username"])
    for key in raw["funckeys"].values():
        key.setdefault("line", 1)
    return raw
