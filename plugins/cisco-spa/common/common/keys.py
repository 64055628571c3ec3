"""Line keys: the lines first, then the function keys; what has no room goes to attendant consoles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisiond.sdk.lines import FunctionKey, function_keys, sip_lines

CONSOLE_KEYS = 32
CONSOLES = 2


def key_settings(raw_config: Mapping[str, Any], lines: int, keys: int) -> dict[str, Any]:
    """Return the settings of all line keys and consoles.

    Function key *p* is the *p*-th key behind those of the lines; behind the phone's last key it is on a console.

    :param lines: SIP lines of the model.
    :param keys: line keys of the model.
    """
    used = [line for line in sip_lines(raw_config) if line.position <= lines]
    proxies = {line.position: line.proxy_ip for line in used}
    settings: dict[str, Any] = {}
    for number in range(1, keys + 1):
        line = used[number - 1] if number <= len(used) else None
        settings[f"Extension_{number}_"] = line.position if line is not None else "Disabled"
    for key in function_keys(raw_config):
        place = len(used) + key.position
        function = _function(key, proxies.get(key.line, next(iter(proxies.values()), "")))
        if place <= keys:
            settings[f"Short_Name_{place}_"] = key.text
            settings[f"Extended_Function_{place}_"] = function
        elif (console := place - keys - 1) < CONSOLES * CONSOLE_KEYS:
            settings[f"Unit_{console // CONSOLE_KEYS + 1}_Key_{console % CONSOLE_KEYS + 1}"] = function
            settings["Server_Type"] = "Asterisk"
    return settings


def _function(key: FunctionKey, proxy: str) -> str:
    """Return the function in the phones' own notation, whose separators cannot stand in values."""
    value, name = _plain(key.value), _plain(key.text)
    if key.type == "blf":
        return f"fnc=blf+sd+cp;sub={value}@{proxy};ext={value}@{proxy};nme={name}"
    if key.type == "park":
        return f"fnc=prk;sub={value}@{proxy};nme={name}"
    return f"fnc=sd;ext={value}@{proxy};nme={name}"


def _plain(text: str) -> str:
    return text.replace(";", " ").replace("=", " ")
