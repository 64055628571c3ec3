"""The parameters of a device, turned into what the templates write.

Source: the vendor's wiki, pages "Settings/<name>".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from provisiond.sdk import PluginProblem, RawConfig
from provisiond.sdk.locales import best_match, locale_of
from provisiond.sdk.timezones import ClockChange, ZoneRules, rules

_SYSLOG_PORT = 514
_LOG_LEVELS = MappingProxyType({"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 9})
_CERTIFICATES = "sip_servers_root_and_intermediate_certificates"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----(?P<body>[A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")

LANGUAGES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "de": ("Deutsch", "DE"),
        "en": ("English", "EN"),
        "en_GB": ("English(UK)", "UK"),
        "es": ("Espanol", "SP"),
        "fr": ("Francais", "FR"),
        "it": ("Italiano", "IT"),
        "nl": ("Nederlands", "NL"),
        "pl": ("Polski", "PL"),
        "pt": ("Portugues", "PT"),
    }
)
"""By locale: the language's name on the phone, and its mark in the names of the vendor's language files."""

_TONES: Mapping[str, str] = MappingProxyType(
    {
        "AT": "AUT",
        "AU": "AUS",
        "CA": "USA",
        "CH": "SWI",
        "DE": "GER",
        "ES": "ESP",
        "FR": "FRA",
        "GB": "GBR",
        "IT": "ITA",
        "NL": "NLD",
        "US": "USA",
    }
)
_TWELVE_HOURS = frozenset({"US", "CA", "AU", "GB"})


def base_url(raw_config: RawConfig) -> str:
    """Return the address of the HTTP service, without a slash at its end."""
    url = raw_config.get("http_base_url") or f"http://{raw_config.get('ip')}:{raw_config.get('http_port')}"
    return str(url).rstrip("/")


def clock_settings(raw_config: RawConfig, year: int) -> dict[str, Any]:
    """Return time server, offset from UTC in seconds and daylight saving; None for what is not set at all."""
    clock: dict[str, Any] = {"server": None, "zone": None}
    if raw_config.get("ntp_enabled") is not None:
        clock["server"] = str(raw_config.get("ntp_ip") or "") if raw_config["ntp_enabled"] else ""
    if raw_config.get("timezone"):
        zone = rules(str(raw_config["timezone"]), year)
        clock["zone"] = {"offset": zone.utc_offset, "daylight": _daylight(zone)}
    return clock


def _daylight(zone: ZoneRules) -> str:
    if zone.daylight is None:
        return ""
    saving, start, end = zone.daylight.saving, zone.daylight.start, zone.daylight.end
    is_yearly = start.yearly and end.yearly
    return f"{saving} {_change(start, is_yearly)} {_change(end, is_yearly)}"


def _change(change: ClockChange, is_yearly: bool) -> str:
    """Return month, week and weekday (Monday is 1), or day and month where no rule of weeks fits; then the time."""
    time = f"{change.hour:02}:{change.minute:02}:00"
    if not is_yearly:
        return f"{change.day:02}.{change.month:02} {time}"
    return f"{change.month:02}.{change.week:02}.{change.weekday:02} {time}"


def locale_settings(raw_config: RawConfig) -> dict[str, Any] | None:
    """Return language, tones and how time is shown, or None when no locale is set; ``tones`` may be empty."""
    if not raw_config.get("locale"):
        return None
    locale = locale_of(raw_config)
    return {
        "language": best_match(locale, LANGUAGES, LANGUAGES["en"])[0],
        "tones": best_match(locale, _TONES, ""),
        "time_24_format": "off" if locale.country in _TWELVE_HOURS else "on",
        "date_us_format": "on" if locale.country == "US" else "off",
    }


def network_settings(raw_config: RawConfig) -> dict[str, Any]:
    """Return VLAN and syslog; ``vlan`` and ``syslog`` are None when they are off."""
    vlan, syslog = None, None
    if raw_config.get("vlan_enabled") and raw_config.get("vlan_id") is not None:
        vlan = {
            "id": raw_config["vlan_id"],
            "priority": raw_config.get("vlan_priority") or 0,
            "pc_port": raw_config.get("vlan_pc_port_id"),
        }
    if raw_config.get("syslog_enabled") and raw_config.get("syslog_ip"):
        port = raw_config.get("syslog_port") or _SYSLOG_PORT
        syslog = {
            "server": f"{raw_config['syslog_ip']}" + ("" if port == _SYSLOG_PORT else f":{port}"),
            "level": _LOG_LEVELS.get(str(raw_config.get("syslog_level") or "warning"), 4),
        }
    return {"vlan": vlan, "syslog": syslog}


def code_settings(raw_config: RawConfig) -> dict[str, str]:
    """Return the feature codes by the name of their setting; the server switches a feature with one code, on and off.

    A forward is ended with the code that ends all of them, where there is one. An empty code leaves the feature to the
    phone.
    """
    off = str(raw_config.get("exten_fwd_disable_all") or "")
    dnd = str(raw_config.get("exten_dnd") or "")
    codes = {"dnd_on_code": dnd, "dnd_off_code": dnd}
    for kind, name in (("always", "unconditional"), ("busy", "busy"), ("time", "no_answer")):
        code = str(raw_config.get(f"exten_fwd_{name}") or "")
        codes |= {f"redirect_{kind}_on_code": code, f"redirect_{kind}_off_code": (off or code) if code else ""}
    return codes


def phonebook_url(raw_config: RawConfig) -> str:
    """Return the address of the directory for the phone's mini browser, or an empty text."""
    host = raw_config.get("X_xivo_phonebook_ip")
    if not host:
        return ""
    if not raw_config.get("X_xivo_user_uuid"):
        return f"http://{host}/service/ipbx/web_services.php/phonebook/search/"
    scheme = raw_config.get("X_xivo_phonebook_scheme") or "http"
    port = raw_config.get("X_xivo_phonebook_port") or 9498
    query = f"xivo_user_uuid={raw_config['X_xivo_user_uuid']}"
    return f"{scheme}://{host}:{port}/0.1/directories/input/default/snom?{query}"


def certificates(raw_config: RawConfig) -> list[str]:
    """Return the certificates of the servers, each as the one line of base64 between its PEM marks.

    :raises PluginProblem: when one is not a certificate in PEM form.
    """
    texts = raw_config.get(_CERTIFICATES) or ()
    bodies = []
    for text in texts:
        found = [re.sub(r"\s", "", match["body"]) for match in _CERTIFICATE.finditer(str(text))]
        if not found or not all(_is_base64(body) for body in found):
            raise PluginProblem(
                "sip_servers_root_and_intermediate_certificates holds a text that is no PEM certificate"
            )
        bodies += found
    return bodies


def _is_base64(body: str) -> bool:
    try:
        return bool(base64.b64decode(body, validate=True))
    except binascii.Error:
        return False
