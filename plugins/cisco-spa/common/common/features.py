"""Feature codes, soft keys and the directory.

Source: Cisco SPA300 and SPA500 series administration guide, "Vertical Service Activation Codes", "Programmable
Softkeys".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from provisiond.sdk import RawConfig

from .languages import language_of
from .lines import lines_of
from .models import Model
from .values import Settings, plain

# Codes that the devices would act on themselves. The dial plan belongs to the telephone system, so they are empty.
_OWN_CODES = (
    *("Call_Return_Code", "Blind_Transfer_Code", "Call_Back_Act_Code", "Call_Back_Deact_Code"),
    *("Call_Back_Busy_Act_Code", "Cfwd_All_Act_Code", "Cfwd_All_Deact_Code", "Cfwd_Busy_Act_Code"),
    *("Cfwd_Busy_Deact_Code", "Cfwd_No_Ans_Act_Code", "Cfwd_No_Ans_Deact_Code", "Cfwd_Last_Act_Code"),
    *("Cfwd_Last_Deact_Code", "Block_Last_Act_Code", "Block_Last_Deact_Code", "Accept_Last_Act_Code"),
    *("Accept_Last_Deact_Code", "CW_Act_Code", "CW_Deact_Code", "CW_Per_Call_Act_Code", "CW_Per_Call_Deact_Code"),
    *("Block_CID_Act_Code", "Block_CID_Deact_Code", "Block_CID_Per_Call_Act_Code", "Block_CID_Per_Call_Deact_Code"),
    *("Block_ANC_Act_Code", "Block_ANC_Deact_Code", "DND_Act_Code", "DND_Deact_Code", "CID_Act_Code"),
    *("CID_Deact_Code", "CWCID_Act_Code", "CWCID_Deact_Code", "Dist_Ring_Act_Code", "Dist_Ring_Deact_Code"),
    *("Speed_Dial_Act_Code", "Secure_All_Call_Act_Code", "Secure_No_Call_Act_Code", "Secure_One_Call_Act_Code"),
    *("Secure_One_Call_Deact_Code", "Conference_Act_Code", "Attn-Xfer_Act_Code", "Modem_Line_Toggle_Code"),
    *("FAX_Line_Toggle_Code", "Media_Loopback_Code", "Paging_Code", "Call_UnPark_Code"),
    *("Referral_Services_Codes", "Feature_Dial_Services_Codes"),
)
_PHONE_CODES: Mapping[str, str] = MappingProxyType(
    {
        "Call_Park_Code": "exten_park",
        "Call_Pickup_Code": "exten_pickup_call",
        "Group_Call_Pickup_Code": "exten_pickup_group",
        "Attendant_Console_Call_Pickup_Code": "exten_pickup_call",
    }
)
_SOFT_KEYS = ("exten_dnd", "exten_fwd_unconditional", "exten_fwd_no_answer", "exten_fwd_busy", "exten_fwd_disable_all")
_SERVICES: Mapping[str, str] = MappingProxyType(
    {
        "DND_Serv": "exten_dnd",
        "Cfwd_All_Serv": "exten_fwd_unconditional",
        "Cfwd_Busy_Serv": "exten_fwd_busy",
        "Cfwd_No_Ans_Serv": "exten_fwd_no_answer",
    }
)


def code_settings(raw_config: RawConfig, model: Model) -> Settings:
    """Return feature codes, the number of the voice mail box, and which services the phone leaves to the system."""
    settings: Settings = dict.fromkeys(_OWN_CODES, "")
    if model.is_adaptor:
        return settings
    settings |= {code: raw_config.get(name) or "" for code, name in _PHONE_CODES.items()}
    first = next(iter(lines_of(raw_config, model).values()), None)
    settings["Voice_Mail_Number"] = raw_config.get("exten_voicemail") or (first.voicemail if first else "")
    settings |= {service: "No" if raw_config.get(name) else "Yes" for service, name in _SERVICES.items()}
    return settings


def soft_key_settings(raw_config: RawConfig, model: Model) -> Settings:
    """Return the keys below the display of an idle phone: one for each code of the system that has no other place."""
    if not model.has_soft_keys:
        return {}
    labels = language_of(raw_config).labels
    codes = {name: plain(str(raw_config[name])) for name in _SOFT_KEYS if raw_config.get(name)}
    settings: Settings = {"Programmable_Softkey_Enable": "Yes" if codes else "No"}
    order = ["redial", "dir"]
    for number, name in enumerate(_SOFT_KEYS, start=1):
        if name in codes:
            settings[f"PSK_{number}"] = f"fnc=sd;ext={codes[name]}@$PROXY;nme={labels[name]}"
            order.append(f"psk{number}")
        else:
            settings[f"PSK_{number}"] = ""
    if codes:
        order += ["lcr", "miss"]
        settings["Idle_Key_List"] = "".join(f"{key}|{place};" for place, key in enumerate(order, start=1))
    return settings


def directory_settings(raw_config: RawConfig, model: Model) -> Settings:
    """Return name and address of the directory; both empty when there is none."""
    if model.is_adaptor:
        return {}
    url = _directory_url(raw_config)
    name = language_of(raw_config).labels["directory"] if url else ""
    return {"XML_Directory_Service_Name": name, "XML_Directory_Service_URL": url}


def _directory_url(raw_config: RawConfig) -> str:
    host = raw_config.get("X_xivo_phonebook_ip")
    if not host:
        return ""
    if not raw_config.get("X_xivo_user_uuid"):
        return f"http://{host}/service/ipbx/web_services.php/phonebook/menu"
    scheme = raw_config.get("X_xivo_phonebook_scheme") or "http"
    port = raw_config.get("X_xivo_phonebook_port") or 9498
    query = f"xivo_user_uuid={raw_config['X_xivo_user_uuid']}"
    return f"{scheme}://{host}:{port}/0.1/directories/menu/default/cisco?{query}"
