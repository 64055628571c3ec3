"""Parameters that single plugins take for granted, by the beginning of their ids."""

from __future__ import annotations

import re
from typing import Any, Final

_CERTIFICATES: Final = "sip_servers_root_and_intermediate_certificates"
_DEFAULTS: Final = (
    (re.compile(r".*alcatel-(1\.51\.52|2\.13\.02)"), "locale", "en_US"),
    (re.compile(r".*gigaset-(N870-)?83\.v2\.39\.0.*|.*gigaset-N870-83\.v2\.39\.0"), "sip_subscribe_mwi", False),
)
_ONE_TEXT: Final = ((re.compile(r".*aastra-.*"), _CERTIFICATES),)
# It compares the port of a line's server with the text "5060", its own default for another line of the same server.
_PORTS_AS_TEXT: Final = re.compile(r".*patton-.*")


def suited(plugin_id: str, raw_config: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with what this plugin cannot do without; the argument itself is changed."""
    for pattern, name, default in _DEFAULTS:
        if pattern.fullmatch(plugin_id):
            raw_config.setdefault(name, default)
    for pattern, name in _ONE_TEXT:
        value = raw_config.get(name)
        if isinstance(value, list) and pattern.fullmatch(plugin_id):
            raw_config[name] = "".join(text if text.endswith("\n") else f"{text}\n" for text in value)
    if _PORTS_AS_TEXT.fullmatch(plugin_id):
        for line in raw_config.get("sip_lines", {}).values():
            line.update({name: str(value) for name, value in line.items() if name.endswith("_port")})
    return raw_config
