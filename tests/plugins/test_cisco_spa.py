"""The plugins for SPA phones and adaptors: their files, model by model, and what stands in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.support.vendor_cases import CASES, HOSTILE_TEXTS, MINIMAL, TWO_LINES_IN_FRENCH
from tests.support.vendor_plugins import BuiltPlugin, assert_golden, build_family

from provisiond.model.device import Device
from provisiond.sdk import DeviceInfo, SipNotify, Support

SPA, SPA_OLD = "cisco-spa-7.5.5", "cisco-spa-legacy"
MAC = "00:1b:54:00:00:05"
MODELS = {
    SPA: "SPA301 SPA303 SPA501G SPA502G SPA504G SPA508G SPA509G SPA512G SPA514G SPA525G SPA525G2".split(),  # noqa: SIM905
    SPA_OLD: "SPA901 SPA921 SPA922 SPA941 SPA942 SPA962 SPA112 SPA122 SPA2102 SPA3102 SPA8000 PAP2T".split(),  # noqa: SIM905
}
ALL = [(plugin_id, model) for plugin_id, models in MODELS.items() for model in models]
Built = Mapping[str, BuiltPlugin]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    directory = tmp_path_factory.mktemp("plugins")
    directories = build_family("cisco-spa", directory)
    assert set(directories) == set(MODELS)
    return {plugin_id: BuiltPlugin.load(path) for plugin_id, path in directories.items()}


def device(model: str | None) -> Device:
    return Device({"id": "d", "mac": MAC, "vendor": "Cisco", "model": model})


def own_file(plugin: BuiltPlugin, raw_config: Mapping[str, Any], model: str | None) -> bytes:
    return plugin.device_files(device(model), raw_config)["001b54000005.xml"]


def spa_settings(plugin: BuiltPlugin, raw_config: Mapping[str, Any], model: str = "SPA504G") -> dict[str, str]:
    root = ElementTree.fromstring(own_file(plugin, raw_config, model))
    assert root.tag == "flat-profile"
    assert len({each.tag for each in root}) == len(root)
    return {each.tag: each.text or "" for each in root}


class TestGolden:
    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize(("plugin_id", "model"), ALL)
    def test_the_files_are_as_reviewed(self, built: Built, plugin_id: str, model: str, case: str) -> None:
        content = own_file(built[plugin_id], CASES[case], model)
        ElementTree.fromstring(content)
        assert_golden(plugin_id, f"{model}.{case}.xml", content)

    @pytest.mark.parametrize("plugin_id", MODELS)
    def test_the_common_files_are_as_reviewed(self, built: Built, plugin_id: str) -> None:
        for name, content in built[plugin_id].common_files().items():
            assert_golden(plugin_id, f"common.{name}", content)

    @pytest.mark.parametrize("plugin_id", MODELS)
    def test_the_capabilities_are_the_models(self, built: Built, plugin_id: str) -> None:
        assert list(built[plugin_id].models) == MODELS[plugin_id]


class TestAssociation:
    @pytest.mark.parametrize(("plugin_id", "model"), ALL)
    def test_each_model_is_served_by_one_plugin(self, built: Built, plugin_id: str, model: str) -> None:
        info = DeviceInfo(vendor="Cisco", model=model)
        scores = {name: plugin.plugin.associate(info) for name, plugin in built.items()}
        assert [name for name, score in scores.items() if score >= Support.PROBABLE] == [plugin_id]

    @pytest.mark.parametrize(
        ("model", "version", "plugin_id", "score"),
        [
            ("SPA504G", "7.5.5", SPA, Support.EXACT),
            ("SPA504G", "7.4.9c", SPA, Support.PROBABLE + 50),
        ],
    )
    def test_the_release_counts(self, built: Built, model: str, version: str, plugin_id: str, score: int) -> None:
        info = DeviceInfo(vendor="Cisco", model=model, version=version)
        assert built[plugin_id].plugin.associate(info) == score

    def test_other_vendors_are_left_alone(self, built: Built) -> None:
        info = DeviceInfo(vendor="Snom", model="320")
        assert {plugin.plugin.associate(info) for plugin in built.values()} == {Support.NONE}


class TestSpa:
    def test_a_line(self, built: Built) -> None:
        settings = spa_settings(built[SPA], MINIMAL)
        expected = {
            "Line_Enable_1_": "Yes",
            "Proxy_1_": "10.0.0.5",
            "User_ID_1_": "alice",
            "Password_1_": "wonder",
            "Use_Auth_ID_1_": "No",
            "SIP_Transport_1_": "UDP",
            "Line_Enable_2_": "No",
            "Extension_1_": "1",
            "Extension_2_": "Disabled",
        }
        assert {name: settings[name] for name in expected} == expected

    @pytest.mark.parametrize(
        ("mode", "word"), [("RTP-in-band", "InBand"), ("RTP-out-of-band", "AVT"), ("SIP-INFO", "INFO"), (None, "Auto")]
    )
    def test_dtmf(self, built: Built, mode: str | None, word: str) -> None:
        raw = {**MINIMAL, **({"sip_dtmf_mode": mode} if mode else {})}
        assert spa_settings(built[SPA], raw)["DTMF_Tx_Method_1_"] == word

    @pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
    def test_transport(self, built: Built, transport: str) -> None:
        settings = spa_settings(built[SPA], {**MINIMAL, "sip_transport": transport})
        assert settings["SIP_Transport_1_"] == transport.upper()

    @pytest.mark.parametrize(("mode", "word"), [("disabled", "No"), ("preferred", "Yes"), ("required", "Yes")])
    def test_srtp(self, built: Built, mode: str, word: str) -> None:
        assert spa_settings(built[SPA], {**MINIMAL, "sip_srtp_mode": mode})["Secure_Call_Setting_1_"] == word

    @pytest.mark.parametrize(
        ("timezone", "zone", "rule"),
        [
            ("Europe/Paris", "GMT+01:00", "start=3/-1/7/2:0;end=10/-1/7/3:0;save=1:0"),
            ("America/Montreal", "GMT-05:00", "start=3/8/7/2:0;end=11/1/7/2:0;save=1:0"),
            ("Australia/Sydney", "GMT+10:00", "start=10/1/7/2:0;end=4/1/7/3:0;save=1:0"),
            ("Asia/Tokyo", "GMT+09:00", None),
        ],
    )
    def test_daylight_saving(self, built: Built, timezone: str, zone: str, rule: str | None) -> None:
        settings = spa_settings(built[SPA], {**MINIMAL, "timezone": timezone})
        assert settings["Time_Zone"] == zone
        assert settings.get("Daylight_Saving_Time_Rule") == rule
        assert settings["Daylight_Saving_Time_Enable"] == ("Yes" if rule else "No")

    def test_function_keys_follow_the_lines_and_go_on_to_consoles(self, built: Built) -> None:
        keys = {
            "1": {"type": "speeddial", "value": "200", "label": "Desk"},
            "3": {"type": "blf", "value": "201", "label": "Bob"},
            "4": {"type": "park", "value": "700", "label": "Park"},
        }
        settings = spa_settings(built[SPA], {**MINIMAL, "funckeys": keys})
        assert settings["Extended_Function_2_"] == "fnc=sd;ext=200@10.0.0.5;nme=Desk"
        assert settings["Short_Name_2_"] == "Desk"
        assert settings["Extended_Function_4_"] == "fnc=blf+sd+cp;sub=201@10.0.0.5;ext=201@10.0.0.5;nme=Bob"
        assert settings["Unit_1_Key_1"] == "fnc=prk;sub=700@10.0.0.5;nme=Park"

    def test_a_value_cannot_add_a_function(self, built: Built) -> None:
        keys = {"1": {"type": "speeddial", "value": "200;fnc=cp", "label": "a;b=c"}}
        function = spa_settings(built[SPA], {**MINIMAL, "funckeys": keys})["Extended_Function_2_"]
        assert function.count(";") == 2
        assert function.count("=") == 3

    def test_adaptors_have_lines_but_no_keys(self, built: Built) -> None:
        settings = spa_settings(built[SPA_OLD], TWO_LINES_IN_FRENCH, "SPA2102")
        assert settings["User_ID_2_"] == "accueil"
        assert not any(name.startswith(("Extension_", "Extended_")) for name in settings)

    def test_the_first_file_tells_where_the_own_one_is(self, built: Built) -> None:
        files = built[SPA].common_files()
        assert b">http://10.0.0.1:8667/$MA.xml<" in files["spa504G.cfg"]

    def test_the_phone_is_told_to_look(self, built: Built) -> None:
        action = built[SPA].plugin.synchronize(device("SPA504G"), MINIMAL)
        assert action == SipNotify("check-sync;reboot=false")

    @pytest.mark.parametrize("text", HOSTILE_TEXTS)
    def test_hostile_values_leave_the_xml_whole(self, built: Built, text: str) -> None:
        line = {**MINIMAL["sip_lines"]["1"], "display_name": text, "password": text}
        settings = spa_settings(built[SPA], {**MINIMAL, "sip_lines": {"1": line}})
        assert settings["User_ID_1_"] == "alice"
