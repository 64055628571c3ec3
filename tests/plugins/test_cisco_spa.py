"""The plugins for SPA phones and adaptors: their files, model by model, and what stands in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.support.vendor_cases import (
    CASES,
    EVERYTHING,
    HOSTILE_TEXTS,
    MINIMAL,
    TWO_LINES_IN_FRENCH,
    with_line,
    with_members,
)
from tests.support.vendor_plugins import BASE, BuiltPlugin, assert_golden, build_family

from provisiond.errors import PluginProblem
from provisiond.model.device import Device
from provisiond.packages.firmware.definitions import read_definitions
from provisiond.plugins.rendering import TemplateRenderer
from provisiond.provisioning.first_start import default_configs
from provisiond.sdk import DeviceInfo, SipNotify, Support

NEW, OLD = "cisco-spa-7.5.5", "cisco-spa-legacy"
PHONES = ["SPA901", "SPA921", "SPA922", "SPA941", "SPA942", "SPA962"]
ADAPTORS = ["SPA112", "SPA122", "SPA2102", "SPA3102", "SPA8000", "PAP2T"]
MODELS = {
    NEW: [
        *("SPA301", "SPA303", "SPA501G", "SPA502G", "SPA504G", "SPA508G", "SPA509G", "SPA512G", "SPA514G"),
        *("SPA525G", "SPA525G2"),
    ],
    OLD: [*PHONES, *ADAPTORS],
}
ALL = [(plugin_id, model) for plugin_id, models in MODELS.items() for model in models]
MAC, NAME = "64:9e:f3:78:8e:6a", "649ef3788e6a"
LINES = {
    "SPA301": 1,
    "SPA303": 3,
    "SPA501G": 8,
    "SPA509G": 12,
    "SPA525G2": 5,
    "SPA962": 6,
    "SPA2102": 2,
    "SPA8000": 8,
}

BuiltSpa = Mapping[str, BuiltPlugin]


@pytest.fixture(scope="module")
def spa(tmp_path_factory: pytest.TempPathFactory) -> BuiltSpa:
    built = build_family("cisco-spa", tmp_path_factory.mktemp("plugins"))
    assert list(built) == [NEW, OLD]
    return {plugin_id: BuiltPlugin.load(directory) for plugin_id, directory in built.items()}


def device(model: str | None) -> Device:
    return Device({"id": "d1", "mac": MAC, "vendor": "Cisco", "model": model})


def plugin_of(spa: BuiltSpa, model: str) -> BuiltPlugin:
    return spa[NEW if model in MODELS[NEW] else OLD]


def content_of(spa: BuiltSpa, raw_config: Mapping[str, Any], model: str = "SPA504G") -> bytes:
    return plugin_of(spa, model).device_files(device(model), raw_config)[f"{NAME}.xml"]


def settings_of(spa: BuiltSpa, raw_config: Mapping[str, Any], model: str = "SPA504G") -> dict[str, str]:
    tree = ElementTree.fromstring(content_of(spa, raw_config, model))
    assert tree.tag == "flat-profile"
    assert len({element.tag for element in tree}) == len(tree)
    return {element.tag: element.text or "" for element in tree}


def function_of(spa: BuiltSpa, key: Mapping[str, Any], **members: Any) -> str:
    return settings_of(spa, with_members(funckeys={"2": key}, **members))["Extended_Function_2_"]


class TestGolden:
    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize(("plugin_id", "model"), ALL)
    def test_the_settings_are_as_reviewed(self, spa: BuiltSpa, plugin_id: str, model: str, case: str) -> None:
        assert_golden(plugin_id, f"{model}.{case}.xml", content_of(spa, CASES[case], model))

    @pytest.mark.parametrize("plugin_id", MODELS)
    def test_the_first_file_is_as_reviewed_and_the_same_for_all(self, spa: BuiltSpa, plugin_id: str) -> None:
        contents = set(spa[plugin_id].common_files().values())

        assert len(contents) == 1
        assert_golden(plugin_id, "common.xml", contents.pop())

    def test_names_of_first_files(self, spa: BuiltSpa) -> None:
        phones = [model.removeprefix("SPA") for model in MODELS[NEW]]
        expected = {f"spa{name}.cfg" for name in phones} | {f"spa{name.lower()}.cfg" for name in phones}
        old = {f"spa{model.removeprefix('SPA')}.cfg" for model in MODELS[OLD] if model != "PAP2T"}

        assert set(spa[NEW].common_files()) == expected
        assert set(spa[OLD].common_files()) == old | {"init.cfg"}

    @pytest.mark.parametrize(("plugin_id", "model"), [(NEW, "SPA525G2"), (OLD, "SPA122")])
    def test_the_server_renders_the_same_bytes(self, spa: BuiltSpa, plugin_id: str, model: str) -> None:
        files = spa[plugin_id].plugin.device_files(device(model), {**BASE, **EVERYTHING})
        (rendered,) = TemplateRenderer(spa[plugin_id].directory).files(files)

        assert rendered.content == content_of(spa, EVERYTHING, model)
        assert rendered.sensitive
        assert rendered.trigger


class TestManifest:
    @pytest.mark.parametrize("plugin_id", MODELS)
    def test_models(self, spa: BuiltSpa, plugin_id: str) -> None:
        assert list(spa[plugin_id].models) == MODELS[plugin_id]

    @pytest.mark.parametrize("plugin_id", MODELS)
    def test_capabilities_are_what_the_settings_have(self, spa: BuiltSpa, plugin_id: str) -> None:
        for key, capability in spa[plugin_id].info.capabilities.items():
            settings = settings_of(spa, MINIMAL, key.split(", ")[1])
            counts = {
                "lines": sum(name.startswith("Line_Enable_") for name in settings),
                "function_keys": sum(name.startswith("Extended_Function_") for name in settings),
                "expansion_modules": sum(name.endswith("_Key_1") for name in settings),
            }
            assert {name: capability[name] for name in counts} == counts, key

    @pytest.mark.parametrize(("plugin_id", "count"), [(NEW, 5), (OLD, 10)])
    def test_packages_are_whole_and_nothing_is_downloaded(self, spa: BuiltSpa, plugin_id: str, count: int) -> None:
        definitions = read_definitions(spa[plugin_id].directory)

        assert not definitions.faults
        assert len(definitions.packages) == count
        assert all(file.is_manual for package in definitions.packages.values() for file in package.files)
        assert not definitions.warnings


class TestAssociation:
    @pytest.mark.parametrize(("plugin_id", "model"), ALL)
    def test_each_model_has_one_plugin(self, spa: BuiltSpa, plugin_id: str, model: str) -> None:
        info = DeviceInfo(vendor="Cisco", model=model)
        scores = {name: built.plugin.associate(info) for name, built in spa.items()}

        assert scores == {NEW: Support.NONE, OLD: Support.NONE, plugin_id: Support.PROBABLE + 20}

    @pytest.mark.parametrize(
        ("model", "version", "new", "old"),
        [
            ("SPA504G", "7.5.5", Support.EXACT, Support.NONE),
            ("SPA504G", "7.5.2b", Support.COMPLETE, Support.NONE),
            ("SPA504G", "7.4.9c", Support.PROBABLE + 50, Support.NONE),
            ("SPA942", "6.1.5(a)", Support.NONE, Support.EXACT),
            ("PAP2T", "5.1.6(LS)", Support.NONE, Support.EXACT),
            ("SPA122", "1.3.5(004p_XU001)", Support.NONE, Support.COMPLETE),
            ("SPA921", "4.1.15", Support.NONE, Support.PROBABLE + 50),
            ("7941G", None, Support.NONE, Support.NONE),
            ("8841", "11.0", Support.NONE, Support.NONE),
        ],
    )
    def test_support(self, spa: BuiltSpa, model: str, version: str | None, new: int, old: int) -> None:
        info = DeviceInfo(vendor="Cisco", model=model, version=version)

        assert (spa[NEW].plugin.associate(info), spa[OLD].plugin.associate(info)) == (new, old)

    @pytest.mark.parametrize(
        ("mac", "old"), [("00:0e:08:a1:b2:c3", Support.PROBABLE), (MAC, Support.UNKNOWN), (None, Support.UNKNOWN)]
    )
    def test_a_device_that_told_no_model(self, spa: BuiltSpa, mac: str | None, old: int) -> None:
        info = DeviceInfo(vendor="Cisco", mac=mac)

        assert (spa[NEW].plugin.associate(info), spa[OLD].plugin.associate(info)) == (Support.UNKNOWN, old)

    def test_other_vendors_are_not_supported(self, spa: BuiltSpa) -> None:
        assert spa[NEW].plugin.associate(DeviceInfo(vendor="Snom", model="SPA504G")) == Support.NONE

    def test_synchronize_asks_for_a_resync(self, spa: BuiltSpa) -> None:
        assert spa[NEW].plugin.synchronize(device("SPA504G"), MINIMAL) == SipNotify("resync")
        assert settings_of(spa, MINIMAL)["Resync_From_SIP"] == "Yes"
        assert settings_of(spa, MINIMAL)["Auth_Resync-Reboot_1_"] == "No"

    def test_a_device_without_a_mac_is_refused(self, spa: BuiltSpa) -> None:
        with pytest.raises(PluginProblem, match="MAC"):
            list(spa[NEW].plugin.device_files(Device({"id": "d1", "model": "SPA504G"}), {**BASE, **MINIMAL}))

    @pytest.mark.parametrize(
        ("model", "own"), [("SPA504G", ("SPA504G.xml.tpl",)), (None, ()), ("../x", ()), ("SPA942", ())]
    )
    def test_the_administrator_can_override_by_device_then_model_then_all(
        self, spa: BuiltSpa, model: str | None, own: tuple[str, ...]
    ) -> None:
        (file,) = spa[NEW].plugin.device_files(device(model), {**BASE, **MINIMAL})

        assert file.templates == (f"{NAME}.xml.tpl", *own, "base.xml.tpl")

    def test_adaptors_find_their_file_under_an_older_name_too(self, spa: BuiltSpa) -> None:
        for model in ("PAP2T", None):
            files = spa[OLD].device_files(device(model), MINIMAL)

            assert set(files) == {f"{NAME}.xml", f"cfg/init_{NAME}.xml"}
            assert len(set(files.values())) == 1
        assert set(spa[OLD].device_files(device("SPA942"), MINIMAL)) == {f"{NAME}.xml"}


class TestProvisioning:
    def test_the_parameters_of_a_fresh_system_are_enough(self, spa: BuiltSpa) -> None:
        documents = {document["id"]: document for document in default_configs("192.0.2.1", 8667)}
        raw_config: dict[str, Any] = {}
        for name in ("base", "defaultconfigdevice", "autoprov"):
            raw_config |= documents[name]["raw_config"]
        settings = settings_of(spa, raw_config)

        assert settings["User_ID_1_"].startswith("ap")
        assert (settings["Password_1_"], settings["Proxy_1_"]) == ("autoprov", "192.0.2.1")

    def test_the_first_file_leads_to_the_own_one_at_once(self, spa: BuiltSpa) -> None:
        tree = ElementTree.fromstring(spa[NEW].common_files()["spa504G.cfg"])

        assert tree.findtext("Profile_Rule") == "http://10.0.0.1:8667/$MA.xml"
        assert tree.findtext("Resync_Periodic") == "5"

    @pytest.mark.parametrize(
        ("members", "rule"),
        [
            ({"http_base_url": "https://prov.example.org/k/a1/"}, "https://prov.example.org/k/a1/$MA.xml"),
            ({"http_base_url": "", "ip": "10.0.0.2", "http_port": 80}, "http://10.0.0.2:80/$MA.xml"),
            ({"http_base_url": "", "ip": ""}, "/$MA.xml"),
        ],
    )
    def test_where_the_own_file_is(self, spa: BuiltSpa, members: Mapping[str, Any], rule: str) -> None:
        assert settings_of(spa, with_members(**members))["Profile_Rule"] == rule

    def test_an_old_phone_takes_two_steps_to_its_firmware(self, spa: BuiltSpa) -> None:
        assert settings_of(spa, MINIMAL)["Upgrade_Rule"] == (
            "( $SWVER lt 7.5.2b )? http://10.0.0.1:8667/firmware/spa50x-30x-7-5-2b.bin"
            " | ( $SWVER lt 7.5.5 )? http://10.0.0.1:8667/firmware/spa50x-30x-7-5-5.bin"
        )

    @pytest.mark.parametrize(
        ("model", "image"),
        [
            ("SPA301", "spa50x-30x-7-5-5.bin"),
            ("SPA512G", "spa51x-7-5-5.bin"),
            ("SPA525G2", "spa525g-7-5-5.bin"),
            ("SPA962", "spa962-6-1-5a.bin"),
            ("SPA3102", "spa3102-5-1-10-GW.bin"),
            ("PAP2T", "pap2t-5-1-6.bin"),
        ],
    )
    def test_firmware_of_a_model(self, spa: BuiltSpa, model: str, image: str) -> None:
        assert settings_of(spa, MINIMAL, model)["Upgrade_Rule"].endswith(f"/firmware/{image}")

    def test_passwords(self, spa: BuiltSpa) -> None:
        settings = settings_of(spa, EVERYTHING)

        assert (settings["Admin_Passwd"], settings["User_Password"]) == ("22223", "1234")
        assert not {"Admin_Passwd", "User_Password"} & set(settings_of(spa, MINIMAL))

    def test_the_router_of_an_adaptor_has_its_own_parameters(self, spa: BuiltSpa) -> None:
        tree = ElementTree.fromstring(content_of(spa, EVERYTHING, "SPA122"))

        assert tree.findtext("router-configuration/Web_Login_Admin_Password") == "22223"
        assert tree.findtext("router-configuration/Time_Setup/Time_Server") == "ntp.example.org"
        assert tree.find("Admin_Passwd") is None
        assert ElementTree.fromstring(content_of(spa, EVERYTHING, "SPA2102")).find("router-configuration") is None


class TestNetwork:
    def test_everything(self, spa: BuiltSpa) -> None:
        settings = settings_of(spa, EVERYTHING)

        assert (settings["Primary_DNS"], settings["DNS_Server_Order"]) == ("10.0.0.53", "Manual,DHCP")
        assert (settings["NTP_Enable"], settings["Primary_NTP_Server"]) == ("Yes", "ntp.example.org")
        assert (settings["Enable_VLAN"], settings["VLAN_ID"]) == ("Yes", "100")
        assert (settings["Enable_PC_Port_VLAN_Tagging"], settings["PC_Port_VLAN_ID"]) == ("Yes", "200")
        assert (settings["SIP_CoS_Value_1_"], settings["RTP_CoS_Value_1_"]) == ("5", "5")
        assert (settings["Syslog_Server"], settings["Debug_Level"]) == ("10.0.0.9:1514", "2")

    def test_what_was_taken_away_is_switched_off(self, spa: BuiltSpa) -> None:
        settings = settings_of(spa, MINIMAL)

        assert (settings["Enable_VLAN"], settings["Syslog_Server"], settings["Primary_DNS"]) == ("No", "", "")
        assert "VLAN_ID" not in settings
        assert "SIP_CoS_Value_1_" not in settings

    @pytest.mark.parametrize(
        ("level", "number"), [("critical", "0"), ("error", "0"), ("warning", "1"), ("info", "2"), ("debug", "3")]
    )
    def test_levels_of_the_log(self, spa: BuiltSpa, level: str, number: str) -> None:
        raw_config = with_members(syslog_enabled=True, syslog_ip="10.0.0.9", syslog_port=514, syslog_level=level)

        assert settings_of(spa, raw_config)["Debug_Level"] == number

    @pytest.mark.parametrize("vlan_id", [0, 4094])
    def test_vlan_without_a_second_port(self, spa: BuiltSpa, vlan_id: int) -> None:
        settings = settings_of(spa, with_members(vlan_enabled=True, vlan_id=vlan_id))

        assert settings["VLAN_ID"] == str(vlan_id)
        assert settings["Enable_PC_Port_VLAN_Tagging"] == "No"

    @pytest.mark.parametrize(("uuid", "path"), [("u-1", ":9498/0.1/directories/menu/default/cisco?xivo_user_uuid=u-1")])
    def test_directory(self, spa: BuiltSpa, uuid: str, path: str) -> None:
        raw_config = with_members(X_xivo_phonebook_ip="10.0.0.3", X_xivo_user_uuid=uuid, locale="fr_FR")
        settings = settings_of(spa, raw_config)

        assert settings["XML_Directory_Service_URL"] == f"http://10.0.0.3{path}"
        assert settings["XML_Directory_Service_Name"] == "Annuaire"
        without = settings_of(spa, with_members(X_xivo_phonebook_ip="10.0.0.3"))["XML_Directory_Service_URL"]
        assert without == "http://10.0.0.3/service/ipbx/web_services.php/phonebook/menu"
        assert settings_of(spa, MINIMAL)["XML_Directory_Service_URL"] == ""


class TestLines:
    @pytest.mark.parametrize("model", LINES)
    def test_lines_of_a_model(self, spa: BuiltSpa, model: str) -> None:
        lines = {str(number): {**MINIMAL["sip_lines"]["1"], "username": f"u{number}"} for number in range(20)}
        settings = settings_of(spa, with_members(sip_lines=lines), model)
        users = [value for name, value in settings.items() if name.startswith("User_ID_")]

        assert users == [f"u{number}" for number in range(1, LINES[model] + 1)]

    def test_unused_lines_are_off_and_keep_no_secret(self, spa: BuiltSpa) -> None:
        settings = settings_of(spa, TWO_LINES_IN_FRENCH)

        assert [settings[f"Line_Enable_{number}_"] for number in range(1, 5)] == ["Yes", "Yes", "No", "No"]
        assert (settings["Password_3_"], settings["User_ID_3_"]) == ("", "")

    def test_a_line(self, spa: BuiltSpa) -> None:
        settings = settings_of(spa, TWO_LINES_IN_FRENCH)

        assert (settings["User_ID_2_"], settings["Password_2_"]) == ("accueil", "bon#jour")
        assert (settings["Use_Auth_ID_2_"], settings["Auth_ID_2_"]) == ("Yes", "accueil-auth")
        assert (settings["Use_Auth_ID_1_"], settings["Display_Name_2_"]) == ("No", "Accueil «été»")
        assert (settings["Proxy_2_"], settings["Use_Outbound_Proxy_2_"]) == ("sip.example.org:5070", "No")
        assert [settings[f"SIP_Port_{number}_"] for number in (1, 2)] == ["5060", "5061"]
        assert settings["Station_Name"] == "Zoé Lefèvre"

    def test_a_backup_proxy_is_second_in_a_list(self, spa: BuiltSpa) -> None:
        settings = settings_of(spa, EVERYTHING)

        assert settings["Proxy_1_"] == "provisiond:SRV=10.0.0.5:5071:p=0|10.0.0.6:5072:p=1"
        assert (settings["Use_DNS_SRV_1_"], settings["DNS_SRV_Auto_Prefix_1_"]) == ("Yes", "No")
        assert (settings["Use_Outbound_Proxy_1_"], settings["Outbound_Proxy_1_"]) == ("Yes", "10.0.0.7:5075")

    @pytest.mark.parametrize(("transport", "port"), [("udp", 5060), ("tcp", 5060), ("tls", 5061)])
    def test_transport(self, spa: BuiltSpa, transport: str, port: int) -> None:
        raw_config = {**with_line(backup_proxy_ip="10.0.0.6"), "sip_transport": transport}
        settings = settings_of(spa, raw_config)

        assert settings["SIP_Transport_1_"] == transport.upper()
        assert settings["Proxy_1_"] == f"provisiond:SRV=10.0.0.5:{port}:p=0|10.0.0.6:{port}:p=1"

    def test_without_a_proxy_the_registrar_is_one(self, spa: BuiltSpa) -> None:
        raw_config = with_members(sip_lines={"1": {"username": "a", "registrar_ip": "reg", "registrar_port": 5080}})

        assert settings_of(spa, raw_config)["Proxy_1_"] == "reg:5080"

    @pytest.mark.parametrize(
        ("mode", "method"), [("RTP-in-band", "InBand"), ("RTP-out-of-band", "AVT"), ("SIP-INFO", "INFO")]
    )
    def test_dtmf(self, spa: BuiltSpa, mode: str, method: str) -> None:
        for raw_config in (with_members(sip_dtmf_mode=mode), with_line(dtmf_mode=mode)):
            assert settings_of(spa, raw_config)["DTMF_Tx_Method_1_"] == method
        assert settings_of(spa, MINIMAL)["DTMF_Tx_Method_1_"] == "Auto"

    @pytest.mark.parametrize(("mode", "word"), [("disabled", "No"), ("preferred", "Yes"), ("required", "Yes")])
    def test_srtp(self, spa: BuiltSpa, mode: str, word: str) -> None:
        for raw_config in (with_members(sip_srtp_mode=mode), with_line(srtp_mode=mode)):
            phone, adaptor = settings_of(spa, raw_config), settings_of(spa, raw_config, "SPA122")

            assert (phone["Secure_Call_Serv"], phone["Secure_Call_Setting"]) == (word, word)
            assert (adaptor["Secure_Call_Serv_1_"], adaptor["Secure_Call_Setting_1_"]) == (word, word)
            assert phone.get("SRTP_Method") == ("s-descriptor" if word == "Yes" else None)

    @pytest.mark.parametrize(("asks", "server"), [(True, "10.0.0.5"), (False, ""), (None, "")])
    def test_message_waiting(self, spa: BuiltSpa, asks: bool | None, server: str) -> None:
        settings = settings_of(spa, with_members(sip_subscribe_mwi=asks, exten_voicemail="*98"))

        assert (settings["Voice_Mail_Server_1_"], settings["Voice_Mail_Number"]) == (server, "*98")

    def test_the_voice_mail_box_of_the_first_line(self, spa: BuiltSpa) -> None:
        assert settings_of(spa, with_line(voicemail="*97"))["Voice_Mail_Number"] == "*97"

    @pytest.mark.parametrize("model", ADAPTORS)
    def test_adaptors_have_ports_but_no_keys(self, spa: BuiltSpa, model: str) -> None:
        settings = settings_of(spa, EVERYTHING, model)

        assert (settings["MWI_Serv_1_"], settings["VMWI_Serv_1_"]) == ("Yes", "Yes")
        assert not [name for name in settings if name.startswith(("Ext", "Unit", "PSK", "Short", "Enable_VLAN"))]


class TestKeys:
    def test_lines_have_the_first_keys_and_functions_the_others(self, spa: BuiltSpa) -> None:
        key = {"type": "speeddial", "value": "200", "label": "Desk"}
        settings = settings_of(spa, {**TWO_LINES_IN_FRENCH, "funckeys": {"2": key, "3": key}})

        assert [settings[f"Extension_{number}_"] for number in range(1, 5)] == ["1", "2", "Disabled", "Disabled"]
        assert [settings[f"Short_Name_{number}_"] for number in range(1, 5)] == ["101", "102", "Desk", ""]
        functions = [settings[f"Extended_Function_{number}_"] for number in range(1, 5)]
        assert functions == ["", "", "fnc=sd;ext=200@$PROXY;nme=Desk", ""]

    @pytest.mark.parametrize(
        ("key", "function"),
        [
            ({"type": "speeddial", "value": "200", "label": "Desk"}, "fnc=sd;ext=200@$PROXY;nme=Desk"),
            ({"type": "speeddial", "value": "200", "line": 2}, "fnc=sd;ext=200@$PROXY;vid=2;nme=200"),
            (
                {"type": "blf", "value": "102", "label": "Éric"},
                "fnc=blf+sd+cp;sub=102@$PROXY;ext=102@$PROXY;nme=Éric",
            ),
            ({"type": "park", "value": "701"}, "fnc=blf+sd+cp;sub=701@$PROXY;ext=701@$PROXY;nme=701"),
            ({"type": "park"}, "fnc=sd;ext=700@$PROXY;nme=Park"),
        ],
    )
    def test_functions(self, spa: BuiltSpa, key: Mapping[str, Any], function: str) -> None:
        assert function_of(spa, key, exten_park="700") == function

    def test_park_without_any_number_is_no_key(self, spa: BuiltSpa) -> None:
        assert function_of(spa, {"type": "park"}) == ""

    def test_park_in_the_language_of_the_phone(self, spa: BuiltSpa) -> None:
        assert function_of(spa, {"type": "park"}, exten_park="700", locale="fr_CA").endswith(";nme=Parc")

    @pytest.mark.parametrize(
        ("position", "name"),
        [(5, "Unit_1_Key_1"), (36, "Unit_1_Key_32"), (37, "Unit_2_Key_1"), (68, "Unit_2_Key_32"), (69, None)],
    )
    def test_keys_go_on_through_the_consoles(self, spa: BuiltSpa, position: int, name: str | None) -> None:
        keys = {str(position): {"type": "blf", "value": "102", "label": "B"}}
        settings = settings_of(spa, with_members(funckeys=keys))
        found = [each for each, value in settings.items() if value.startswith("fnc=")]

        assert found == ([name] if name else [])
        assert settings["Server_Type"] == "Asterisk"
        assert sum(each.startswith("Unit_") for each in settings) == 64

    @pytest.mark.parametrize("model", ["SPA301", "SPA303", "SPA942"])
    def test_models_without_consoles(self, spa: BuiltSpa, model: str) -> None:
        assert not [name for name in settings_of(spa, EVERYTHING, model) if name.startswith("Unit_")]

    @pytest.mark.parametrize("text", ["2;fnc=cp", "a=b", "x@evil", ";;", "a;b=c@d"])
    def test_a_value_cannot_add_to_a_function(self, spa: BuiltSpa, text: str) -> None:
        function = function_of(spa, {"type": "speeddial", "value": f"1{text}", "label": text})

        assert [part.partition("=")[0] for part in function.split(";")] == ["fnc", "ext", "nme"]
        assert (function.count("="), function.count("@")) == (3, 1)


class TestFeatures:
    def test_codes_of_the_system_go_through_and_become_soft_keys(self, spa: BuiltSpa) -> None:
        settings = settings_of(spa, EVERYTHING)

        assert settings["PSK_1"] == "fnc=sd;ext=*25@$PROXY;nme=DND"
        assert settings["PSK_5"] == "fnc=sd;ext=*20@$PROXY;nme=No forwards"
        assert settings["Idle_Key_List"] == "redial|1;dir|2;psk1|3;psk2|4;psk3|5;psk4|6;psk5|7;lcr|8;miss|9;"
        assert (settings["DND_Serv"], settings["Cfwd_All_Serv"], settings["DND_Act_Code"]) == ("No", "No", "")
        assert (settings["Call_Pickup_Code"], settings["Group_Call_Pickup_Code"]) == ("*8", "*7")
        assert (settings["Call_Park_Code"], settings["Attendant_Console_Call_Pickup_Code"]) == ("700", "*8")

    def test_without_codes_the_phone_does_it_itself(self, spa: BuiltSpa) -> None:
        settings = settings_of(spa, MINIMAL)

        assert (settings["DND_Serv"], settings["Programmable_Softkey_Enable"], settings["PSK_1"]) == ("Yes", "No", "")
        assert "Idle_Key_List" not in settings

    def test_soft_keys_speak_the_language_of_the_phone(self, spa: BuiltSpa) -> None:
        settings = settings_of(spa, with_members(exten_fwd_busy="*23", locale="fr_FR"))

        assert settings["PSK_4"] == "fnc=sd;ext=*23@$PROXY;nme=Rnv occupé"
        assert settings["Idle_Key_List"] == "redial|1;dir|2;psk4|3;lcr|4;miss|5;"

    @pytest.mark.parametrize("model", ["SPA301", "SPA501G", "SPA942", "SPA122"])
    def test_models_without_soft_keys(self, spa: BuiltSpa, model: str) -> None:
        assert not [name for name in settings_of(spa, EVERYTHING, model) if name.startswith("PSK_")]


class TestLocale:
    @pytest.mark.parametrize(
        ("locale", "language"), [("fr_FR", "French"), ("fr_CA", "French"), ("de_CH", "German"), ("ja_JP", "English")]
    )
    def test_language(self, spa: BuiltSpa, locale: str, language: str) -> None:
        assert settings_of(spa, with_members(locale=locale))["Language_Selection"] == language

    @pytest.mark.parametrize(
        ("model", "file"),
        [
            ("SPA504G", "spa50x_30x_fr_v755.xml"),
            ("SPA514G", "spa50x_30x_fr_v755.xml"),
            ("SPA525G", "spa525_fr_v755.xml"),
            ("SPA962", "spa9x2_fr.xml"),
        ],
    )
    def test_dictionaries(self, spa: BuiltSpa, model: str, file: str) -> None:
        script = settings_of(spa, with_members(locale="fr_FR"), model)["Dictionary_Server_Script"]

        assert script.startswith("serv=http://10.0.0.1:8667/i18n/;d0=English;x0=")
        assert f";d1=French;x1={file};" in script

    @pytest.mark.parametrize(
        ("locale", "dial", "ring_back"),
        [
            ("fr_FR", "440@-16;10(*/0/1)", "440@-16;*(1.5/3.5/1)"),
            ("de_DE", "425@-16;10(*/0/1)", "425@-16;*(1/4/1)"),
            ("en_GB", "350@-19,440@-19;10(*/0/1+2)", "400@-19,450@-19;*(.4/.2/1+2,.4/2/1+2)"),
            ("fr_CA", "350@-19,440@-19;10(*/0/1+2)", "440@-19,480@-19;*(2/4/1+2)"),
        ],
    )
    def test_tones(self, spa: BuiltSpa, locale: str, dial: str, ring_back: str) -> None:
        settings = settings_of(spa, with_members(locale=locale))

        assert (settings["Dial_Tone"], settings["Ring_Back_Tone"]) == (dial, ring_back)

    @pytest.mark.parametrize(
        ("locale", "method"),
        [("fr_FR", "ETSI FSK"), ("en_GB", "ETSI FSK With PR(UK)"), ("en_US", "Bellcore(N.Amer,China)")],
    )
    def test_callers_on_analogue_telephones(self, spa: BuiltSpa, locale: str, method: str) -> None:
        assert settings_of(spa, with_members(locale=locale), "SPA2102")["Caller_ID_Method"] == method

    def test_without_a_locale_the_device_keeps_its_own(self, spa: BuiltSpa) -> None:
        names = {"Language_Selection", "Dial_Tone", "Time_Format", "Dictionary_Server_Script"}

        assert not names & set(settings_of(spa, MINIMAL))

    @pytest.mark.parametrize(
        ("locale", "time", "date"), [("en_US", "12hr", "month/day"), ("fr_FR", "24hr", "day/month")]
    )
    def test_date_and_time(self, spa: BuiltSpa, locale: str, time: str, date: str) -> None:
        settings = settings_of(spa, with_members(locale=locale))

        assert (settings["Time_Format"], settings["Date_Format"]) == (time, date)


class TestClock:
    @pytest.mark.parametrize(
        ("timezone", "zone", "rule"),
        [
            ("Europe/Paris", "GMT+01:00", "start=3/-1/7/2:0:0;end=10/-1/7/3:0:0;save=1:0:0"),
            ("Europe/London", "GMT", "start=3/-1/7/1:0:0;end=10/-1/7/2:0:0;save=1:0:0"),
            ("America/Montreal", "GMT-05:00", "start=3/8/7/2:0:0;end=11/1/7/2:0:0;save=1:0:0"),
            ("America/St_Johns", "GMT-03:30", "start=3/8/7/2:0:0;end=11/1/7/2:0:0;save=1:0:0"),
            ("Australia/Sydney", "GMT+10:00", "start=10/1/7/2:0:0;end=4/1/7/3:0:0;save=1:0:0"),
        ],
    )
    def test_daylight_saving(self, spa: BuiltSpa, timezone: str, zone: str, rule: str) -> None:
        settings = settings_of(spa, with_members(timezone=timezone))

        assert (settings["Time_Zone"], settings["Time_Offset__HH_mm_"]) == (zone, "")
        assert (settings["Daylight_Saving_Time_Rule"], settings["Daylight_Saving_Time_Enable"]) == (rule, "Yes")

    @pytest.mark.parametrize(
        ("timezone", "zone", "offset"),
        [
            ("Asia/Tokyo", "GMT+09:00", ""),
            ("Asia/Kolkata", "GMT+05:30", ""),
            ("Asia/Kathmandu", "GMT+05:45", ""),
            ("Australia/Eucla", "GMT+08:00", "00/45"),
            ("Pacific/Marquesas", "GMT-10:00", "00/30"),
            ("Pacific/Kiritimati", "GMT+13:00", "01/00"),
            ("UTC", "GMT", ""),
        ],
    )
    def test_zones_without_daylight_saving(self, spa: BuiltSpa, timezone: str, zone: str, offset: str) -> None:
        settings = settings_of(spa, with_members(timezone=timezone))

        assert (settings["Time_Zone"], settings["Time_Offset__HH_mm_"]) == (zone, offset)
        assert settings["Daylight_Saving_Time_Enable"] == "No"
        assert "Daylight_Saving_Time_Rule" not in settings

    def test_half_an_hour_is_saved(self, spa: BuiltSpa) -> None:
        settings = settings_of(spa, with_members(timezone="Australia/Lord_Howe"))

        assert (settings["Time_Zone"], settings["Time_Offset__HH_mm_"]) == ("GMT+10:00", "00/30")
        assert settings["Daylight_Saving_Time_Rule"].endswith(";save=0:30:0")

    def test_without_a_time_zone_nothing_is_said(self, spa: BuiltSpa) -> None:
        assert not [name for name in settings_of(spa, MINIMAL) if name.startswith(("Time_", "Daylight"))]

    def test_an_unknown_zone_is_a_problem(self, spa: BuiltSpa) -> None:
        with pytest.raises(PluginProblem, match="Mars/Base"):
            settings_of(spa, with_members(timezone="Mars/Base"))


class TestHostileValues:
    @pytest.mark.parametrize("model", ["SPA504G", "SPA962", "SPA122"])
    @pytest.mark.parametrize("text", HOSTILE_TEXTS)
    def test_every_text_stays_in_its_element(self, spa: BuiltSpa, model: str, text: str) -> None:
        members = ("username", "auth_username", "password", "display_name", "number", "voicemail")
        keys = {str(number): {"type": "blf", "value": text, "label": text} for number in (2, 9)}
        codes = dict.fromkeys(("exten_dnd", "exten_park", "exten_pickup_call", "exten_voicemail"), text)
        passwords = {"admin_password": text, "user_password": text}
        raw_config = {**with_line(**dict.fromkeys(members, text)), "funckeys": keys, **codes, **passwords}
        settings = settings_of(spa, raw_config, model)
        shown = "".join(" " if char in "\0\x07\r\n" else char for char in text)

        for name in ("User_ID_1_", "Password_1_", "Display_Name_1_"):
            assert settings[name] == shown, name
        plain = {**raw_config, **with_line(username="a"), **dict.fromkeys((*codes, *passwords), "1" if text else "")}
        assert set(settings) == set(settings_of(spa, plain, model))
        assert not [name for name in settings if not name.replace("_", "").replace("-", "").isalnum()]

    def test_text_is_utf_8(self, spa: BuiltSpa) -> None:
        content = content_of(spa, with_line(display_name="漢字 \U0001f600"))

        assert "<Display_Name_1_>漢字 \U0001f600<".encode() in content
