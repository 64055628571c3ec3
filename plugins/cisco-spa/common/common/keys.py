"""Line keys of phones and the keys of attendant consoles.

Source: Cisco SPA300 and SPA500 series administration guide, "Configuring Line Keys" and "Attendant Console".
"""

from __future__ import annotations

from provisiond.sdk import RawConfig
from provisiond.sdk.lines import FunctionKey, function_keys

from .languages import language_of
from .lines import lines_of
from .models import CONSOLE_KEYS, Model
from .values import Settings, indexed, plain

_FREE: Settings = {"Extension": "Disabled", "Short_Name": "", "Extended_Function": ""}


def key_settings(raw_config: RawConfig, model: Model) -> Settings:
    """Return the settings of all keys; keys without a use are disabled, so one that was taken away disappears.

    Line *n* has key *n*, and no function can take it. Function keys are counted with the line keys and on through the
    first console and the second; those beyond are left out.
    """
    lines = lines_of(raw_config, model)
    functions = {key.position: key for key in function_keys(raw_config)}
    settings: Settings = {}
    for number in range(1, model.keys + 1):
        if number in lines:
            name = lines[number].number or "$USER"
            use: Settings = {"Extension": number, "Short_Name": name, "Extended_Function": ""}
        elif number in functions and (function := _function(functions[number], raw_config)):
            use = _FREE | {"Short_Name": _label(functions[number], raw_config), "Extended_Function": function}
        else:
            use = _FREE
        settings |= indexed(use, number)
    return settings


def console_settings(raw_config: RawConfig, model: Model) -> Settings:
    """Return the settings of the consoles that the model can have."""
    if not model.keys:
        return {}
    functions = {key.position: key for key in function_keys(raw_config)}
    settings: Settings = {"Server_Type": "Asterisk"}
    for index in range(model.consoles * CONSOLE_KEYS):
        key = functions.get(model.keys + index + 1)
        name = f"Unit_{index // CONSOLE_KEYS + 1}_Key_{index % CONSOLE_KEYS + 1}"
        settings[name] = _function(key, raw_config) if key else ""
    return settings


def _function(key: FunctionKey, raw_config: RawConfig) -> str:
    """Return the function; empty when it would have no number.

    A parking place is watched like a phone, so its key shows whether somebody waits there.
    """
    number = plain(key.value)
    watches = key.type == "blf" or (key.type == "park" and bool(number))
    if not number and key.type == "park":
        number = plain(str(raw_config.get("exten_park") or ""))
    if not number:
        return ""
    uri = f"{number}@$PROXY"
    parts = ["fnc=blf+sd+cp", f"sub={uri}", f"ext={uri}"] if watches else ["fnc=sd", f"ext={uri}"]
    if key.line > 1:
        parts.append(f"vid={key.line}")
    return ";".join([*parts, f"nme={_label(key, raw_config)}"])


def _label(key: FunctionKey, raw_config: RawConfig) -> str:
    label = key.text or (language_of(raw_config).labels["park"] if key.type == "park" else "")
    return plain(label)
