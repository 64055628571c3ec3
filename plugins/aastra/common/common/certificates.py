"""Certificates for SIP over TLS, as files beside the configuration."""

from __future__ import annotations

from typing import Any

from provisiond.sdk import RawConfig
from provisiond.sdk.lines import sip_lines

from .quoting import quoted

_LISTS = (
    ("trusted", "sip_servers_root_and_intermediate_certificates"),
    ("roots", "sip_local_root_and_intermediate_certificates"),
)
_TEXTS = (("local", "sip_local_certificate"), ("key", "sip_local_key"))


def certificate_files(raw_config: RawConfig, mac: str) -> dict[str, tuple[str, bytes]]:
    """Return file name and PEM content by kind: ``trusted``, ``roots``, ``local``, ``key``; only those that exist."""
    texts = {kind: "\n".join(_pem(item) for item in raw_config.get(name) or ()) for kind, name in _LISTS}
    texts |= {kind: _pem(raw_config.get(name)) for kind, name in _TEXTS}
    return {kind: (f"{mac}-{kind}.pem", f"{text}\n".encode()) for kind, text in texts.items() if text}


def tls_settings(raw_config: RawConfig, mac: str) -> dict[str, Any]:
    """Return file names by kind, and whether and where the phone keeps one TLS connection open.

    Without a certificate of its own the phone can only use a persistent connection, which goes to the outbound proxy
    (administrator guide, "Transport Layer Security"), so that is the proxy of the first line then.
    """
    names = {kind: name for kind, (name, _) in certificate_files(raw_config, mac).items()}
    is_persistent = raw_config.get("sip_transport") == "tls" and not {"local", "key"} <= names.keys()
    first = next(iter(sip_lines(raw_config)), None)
    outbound: dict[str, Any] | None = None
    if is_persistent and first is not None and (first.outbound_proxy_ip or first.proxy_ip):
        port = first.outbound_proxy_port if first.outbound_proxy_ip else first.proxy_port
        outbound = {"ip": quoted(first.outbound_proxy_ip or first.proxy_ip), "port": port or 5061}
    return {"names": names, "persistent": is_persistent, "outbound": outbound}


def _pem(value: object) -> str:
    return "" if value is None else "\n".join(line.strip() for line in str(value).strip().splitlines())
