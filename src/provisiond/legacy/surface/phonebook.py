"""URLs of the directory service."""

from __future__ import annotations

from typing import Any

_KEY = "XX_xivo_phonebook_url"


def _place(raw_config: dict[str, Any]) -> tuple[Any, Any, Any, Any] | None:
    hostname = raw_config.get("X_xivo_phonebook_ip")
    user = raw_config.get("X_xivo_user_uuid")
    if not hostname or not user:
        return None
    scheme = raw_config.get("X_xivo_phonebook_scheme", "http")
    port = raw_config.get("X_xivo_phonebook_port", 9498)
    return scheme, hostname, port, user


def add_xivo_phonebook_url(
    raw_config: dict[str, Any], vendor: str, entry_point: str = "input", qs_prefix: str = "", qs_suffix: str = ""
) -> None:
    """Set ``XX_xivo_phonebook_url``; do nothing while host or user are unknown."""
    place = _place(raw_config)
    if place is None:
        return
    scheme, hostname, port, user = place
    before = f"{qs_prefix}&" if qs_prefix else ""
    after = f"&{qs_suffix}" if qs_suffix else ""
    raw_config[_KEY] = (
        f"{scheme}://{hostname}:{port}/0.1/directories/{entry_point}/default/{vendor}"
        f"?{before}xivo_user_uuid={user}{after}"
    )


def add_xivo_phonebook_url_from_format(raw_config: dict[str, Any], url_format: str) -> None:
    """Set ``XX_xivo_phonebook_url`` from a format of the caller's; do nothing while host or user are unknown."""
    place = _place(raw_config)
    if place is None:
        return
    scheme, hostname, port, user = place
    raw_config[_KEY] = url_format.format(scheme=scheme, hostname=hostname, port=port, profile="default", user_uuid=user)
