"""The parameters of a device, turned into what the templates write.

Source: administrator guide 41-001343-02 (release 3.3.1), appendix A.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from provisiond.sdk import RawConfig
from provisiond.sdk.lines import SipLine, sip_lines
from provisiond.sdk.locales import best_match, locale_of
from provisiond.sdk.timezones import ClockChange, Daylight, rules

from .models import Model
from .quoting import quoted

_SUNDAY = 7
_UNTAGGED = 4095
_SIP_PORT, _SIPS_PORT = 5060, 5061
_TRANSPORTS = MappingProxyType({"udp": 1, "tcp": 2, "tls": 4})
_SRTP_MODES = MappingProxyType({"disabled": 0, "preferred": 1, "required": 2})
_LOG_LEVELS = MappingProxyType({"critical": 1, "error": 3, "warning": 7, "info": 39, "debug": 65535})
"""Sums of the guide's bits: 1 fatal errors, 2 errors, 4 warnings, 32 information; 65535 is everything."""

_LANGUAGE_FILES: Mapping[str, str] = MappingProxyType(
    {
        "de": "lang_de.txt",
        "es": "lang_es.txt",
        "es_MX": "lang_es_mx.txt",
        "fr": "lang_fr.txt",
        "fr_CA": "lang_fr_ca.txt",
        "it": "lang_it.txt",
        "nl": "lang_nl_nl.txt",
        "pl": "lang_pl.txt",
        "pt": "lang_pt.txt",
        "pt_BR": "lang_pt_br.txt",
        "ru": "lang_ru.txt",
    }
)
_INPUT_LANGUAGES: Mapping[str, str] = MappingProxyType(
    {
        "de": "German",
        "es": "Spanish",
        "fr": "French",
        "it": "Italian",
        "pt": "Portuguese",
        "ru": "Russian",
    }
)
_TONE_SETS: Mapping[str, str] = MappingProxyType(
    {
        "AU": "Australia",
        "BR": "Brazil",
        "CA": "US",
        "DE": "Germany",
        "FR": "France",
        "GB": "UK",
        "IT": "Italy",
        "MX": "Mexico",
        "MY": "Malaysia",
        "RU": "Russia",
        "SK": "Slovakia",
        "US": "US",
    }
)
_TWELVE_HOURS = frozenset({"US", "CA", "AU", "GB"})


def base_url(raw_config: RawConfig) -> str:
    """Return the address of the HTTP service, without a slash at its end."""
    url = raw_config.get("http_base_url") or f"http://{raw_config.get('ip')}:{raw_config.get('http_port')}"
    return str(url).rstrip("/")


def line_settings(raw_config: RawConfig, model: Model) -> list[dict[str, Any]]:
    """Return the model's SIP lines with their values quoted."""
    return [_line(line) for line in sip_lines(raw_config) if 1 <= line.position <= model.lines]


def _line(line: SipLine) -> dict[str, Any]:
    port = _SIPS_PORT if line.transport == "tls" else _SIP_PORT
    texts = ("username", "auth_username", "password", "display_name", "number", "voicemail")
    hosts = ("proxy", "backup_proxy", "registrar", "backup_registrar", "outbound_proxy")
    return {
        "number": line.position,
        "name": {text: quoted(getattr(line, text)) for text in texts},
        "hosts": {
            host: {"ip": quoted(getattr(line, f"{host}_ip")), "port": getattr(line, f"{host}_port") or port}
            for host in hosts
        },
        "dtmf_method": "" if not line.dtmf_mode else int(line.dtmf_mode == "SIP-INFO"),
        "srtp_mode": _SRTP_MODES.get(line.srtp_mode, 0),
    }


def sip_settings(raw_config: RawConfig) -> dict[str, Any]:
    """Return what holds for all lines: transport, encryption, DTMF, message waiting."""
    lines = sip_lines(raw_config)
    modes = {line.dtmf_mode for line in lines if line.dtmf_mode} or {str(raw_config.get("sip_dtmf_mode") or "")}
    return {
        "transport": _TRANSPORTS.get(str(raw_config.get("sip_transport") or "udp"), 1),
        "srtp_mode": _SRTP_MODES.get(str(raw_config.get("sip_srtp_mode") or "disabled"), 0),
        "out_of_band_dtmf": "" if modes == {""} else int("RTP-out-of-band" in modes),
        "dtmf_method": "" if modes == {""} else int("SIP-INFO" in modes and len(modes) == 1),
        "explicit_mwi": "" if raw_config.get("sip_subscribe_mwi") is None else int(raw_config["sip_subscribe_mwi"]),
        "voicemail": quoted(raw_config.get("exten_voicemail")),
        "pickup": quoted(raw_config.get("exten_pickup_call")),
    }


def clock_settings(raw_config: RawConfig, year: int) -> dict[str, Any]:
    """Return time server, time zone and daylight saving; ``zone`` is None when no time zone is set."""
    clock: dict[str, Any] = {"server": None, "zone": None}
    if raw_config.get("ntp_enabled") is not None:
        clock["server"] = quoted(raw_config.get("ntp_ip")) if raw_config["ntp_enabled"] else ""
    if raw_config.get("timezone"):
        zone = rules(str(raw_config["timezone"]), year)
        # The phone counts minutes to the west, the zone data seconds to the east.
        clock["zone"] = {"minutes": -zone.offset_minutes, "daylight": _daylight(zone.daylight)}
    return clock


def _daylight(daylight: Daylight | None) -> dict[str, Any] | None:
    if daylight is None:
        return None
    changes = (daylight.start, daylight.end)
    is_relative = all(change.yearly and (change.is_last or change.weekday == _SUNDAY) for change in changes)
    return {
        "minutes": min(daylight.saving // 60, 60),
        "relative": int(is_relative),
        "start": _change(daylight.start, is_relative),
        "end": _change(daylight.end, is_relative),
    }


def _change(change: ClockChange, is_relative: bool) -> dict[str, int]:
    if not is_relative:
        return {"month": change.month, "day": change.day, "hour": change.hour}
    return {
        "month": change.month,
        "week": -1 if change.is_last else change.week,
        "day": change.weekday % _SUNDAY + 1,
        "hour": change.hour,
    }


def network_settings(raw_config: RawConfig, model: Model) -> dict[str, Any]:
    """Return VLAN and syslog; ``vlan`` and ``syslog`` are None when they are off.

    The phone knows no priority tag without a VLAN: number 0 leaves tagging off.
    """
    vlan, syslog = None, None
    if raw_config.get("vlan_enabled") and raw_config.get("vlan_id"):
        vlan = {
            "id": raw_config["vlan_id"],
            "priority": raw_config.get("vlan_priority"),
            "pc_port": (raw_config.get("vlan_pc_port_id") or _UNTAGGED) if model.has_pc_port else None,
        }
    if raw_config.get("syslog_enabled") and raw_config.get("syslog_ip"):
        syslog = {
            "ip": quoted(raw_config["syslog_ip"]),
            "port": raw_config.get("syslog_port") or 514,
            "level": _LOG_LEVELS.get(str(raw_config.get("syslog_level") or "warning"), 7),
        }
    return {"vlan": vlan, "syslog": syslog}


def locale_settings(raw_config: RawConfig) -> dict[str, Any] | None:
    """Return language and tones, or None when no locale is set."""
    if not raw_config.get("locale"):
        return None
    locale = locale_of(raw_config)
    file = best_match(locale, _LANGUAGE_FILES, "")
    return {
        "language_url": quoted(f"{base_url(raw_config)}/Aastra/i18n/{file}") if file else "",
        "input_language": best_match(locale, _INPUT_LANGUAGES, "English"),
        "tone_set": best_match(locale, _TONE_SETS, "Europe"),
        "time_format": int(locale.country not in _TWELVE_HOURS),
    }


def phonebook_url(raw_config: RawConfig) -> str:
    """Return the address of the directory for the phone's XML browser, or an empty text."""
    host = raw_config.get("X_xivo_phonebook_ip")
    if not host:
        return ""
    if not raw_config.get("X_xivo_user_uuid"):
        return quoted(f"http://{host}/service/ipbx/web_services.php/phonebook/search/")
    scheme = raw_config.get("X_xivo_phonebook_scheme") or "http"
    port = raw_config.get("X_xivo_phonebook_port") or 9498
    query = f"xivo_user_uuid={raw_config['X_xivo_user_uuid']}"
    return quoted(f"{scheme}://{host}:{port}/0.1/directories/input/default/aastra?{query}")
