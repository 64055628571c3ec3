"""What plugins of the older interface are told of the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from provisiond.legacy.wire import Environment
from provisiond.settings import Settings


def environment_of(
    settings: Settings,
    base: Mapping[str, Any],
    parameter: Callable[[str], Any],
    proxies: Mapping[str, str],
    *,
    can_notify: bool,
) -> Environment:
    """Return what holds at the moment; there are no secrets in it.

    :param base: the base raw_config.
    :param parameter: gives the value of a parameter.
    :param can_notify: True when the server can reach phones.
    """
    locale = parameter("locale")
    general = {
        "base_storage_dir": str(settings.general.state_dir),
        "cache_dir": str(settings.general.cache_dir),
        "plugin_server": parameter("plugin_server"),
        "tftp_port": base.get("tftp_port"),
        "advertised_http_url": base.get("http_base_url"),
        "http_auth_strategy": "url_key" if settings.general.provisioning_key_in_urls else None,
        "nat": int(bool(parameter("NAT"))),
    }
    return Environment(
        proxies=dict(proxies),
        locale=locale if isinstance(locale, str) else None,
        general=general,
        base=base,
        can_notify=can_notify,
    )
