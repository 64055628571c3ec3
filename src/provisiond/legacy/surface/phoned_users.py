"""URLs by which a phone switches a service of its user on and off."""

from __future__ import annotations

from typing import Any


def add_wazo_phoned_user_service_url(raw_config: dict[str, Any], vendor: str, service_name: str) -> None:
    """Set the two URLs of a service; do nothing while host or user are unknown."""
    hostname = raw_config.get("X_xivo_phonebook_ip")
    user = raw_config.get("X_xivo_user_uuid")
    if not hostname or not user:
        return
    scheme = raw_config.get("X_xivo_phonebook_scheme", "http")
    port = raw_config.get("X_xivo_phonebook_port", 9498)
    base = f"{scheme}://{hostname}:{port}/0.1/{vendor}/users/{user}/services/{service_name}"
    name = f"XX_wazo_phoned_user_service_{service_name}"
    raw_config[f"{name}_enabled_url"] = f"{base}/enable"
    raw_config[f"{name}_disabled_url"] = f"{base}/disable"
