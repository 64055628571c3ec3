"""The plugins for Snom phones: their files, model by model, and what stands in them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.support.vendor_cases import (
    CASES,
    CERTIFICATE,
    EVERYTHING,
    HOSTILE_TEXTS,
    MAC_NAME,
    MINIMAL,
    TWO_LINES_IN_FRENCH,
    device,
    with_line,
    with_members,
)
from tests.support.vendor_plugins import BuiltPlugin, assert_golden, build_family

from provisiond.errors import PluginProblem
from provisiond.sdk import Device, DeviceInfo, SipNotify, Support

OLD, NEW = "snom-8.7.5.35", "snom-10.1.184.15"
MODELS = {
    OLD: ["300", "320", "370", "710", "715", "720", "725", "760", "820", "821", "870", "D765", "MP", "PA1"],
    NEW: [
        *("715", "725", "D120", "D140", "D150", "D305", "D315", "D335", "D345", "D375", "D385", "D712", "D713"),
        *("D717", "D735", "D745", "D765", "D785", "D810", "D812", "D815", "D862", "D865", "D892"),
    ],
}
ALL = [(plugin_id, model) for plugin_id, models in MODELS.items() for model in models]

BuiltSnom = Mapping[str, BuiltPlugin]


@pytest.fixture(scope="module")
def snom(tmp_path_factory: pytest.TempPathFactory) -> BuiltSnom:
    built = build_family("snom", tmp_path_factory.mktemp("plugins"))
    assert list(built) == [OLD, NEW]
    return {plugin_id: BuiltPlugin.load(directory) for plugin_id, directory in built.items()}


def settings_file(plugin: BuiltPlugin, raw_config: Mapping[str, Any], model: str = "725") -> bytes:
    return plugin.device_files(device(model), raw_config)[f"snom{model}-{MAC_NAME}.htm"]


def tree_of(plugin: BuiltPlugin, raw_config: Mapping[str, Any], model: str = "725") -> ElementTree.Element:
    return ElementTree.fromstring(settings_file(plugin, raw_config, model))


def settings_of(plugin: BuiltPlugin, raw_config: Mapping[str, Any], model: str = "725") -> dict[str, str]:
    """Return the phone's settings; those of an identity as ``name 1``."""
    tree = tree_of(plugin, raw_config, model)
    settings: dict[str, str] = {}
    for element in tree.find("phone-settings") or ():
        name = " ".join([element.tag, *filter(None, [element.get("idx")])])
        assert name not in settings
        settings[name] = element.text or ""
    return settings


def keys_of(plugin: BuiltPlugin, raw_config: Mapping[str, Any], model: str = "725") -> dict[int, tuple[str, str, str]]:
    """Return context, label and value of the keys that have a function, by their number from 0."""
    keys = [(int(key.get("idx", "")), key) for key in tree_of(plugin, raw_config, model).iter("fkey")]
    assert len({number for number, _ in keys}) == len(keys)
    found = {number: (key.get("context", ""), key.get("label", ""), key.text or "") for number, key in keys}
    return {number: key for number, key in found.items() if key[2] != "line"}


class TestGolden:
    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize(("plugin_id", "model"), ALL)
    def test_the_settings_are_as_reviewed(self, snom: BuiltSnom, plugin_id: str, model: str, case: str) -> None:
        assert_golden(plugin_id, f"{model}.{case}.xml", settings_file(snom[plugin_id], CASES[case], model))

    @pytest.mark.parametrize("plugin_id", MODELS)
    def test_common_files_are_as_reviewed(self, snom: BuiltSnom, plugin_id: str) -> None:
        files = snom[plugin_id].common_files()

        for name in ("snom725.htm", "snom725-firmware.xml"):
            assert_golden(plugin_id, name, files[name])
        names = {f"snom{model}{end}" for model in MODELS[plugin_id] for end in (".htm", ".xml")}
        assert set(files) == names | {name.replace(".", "-firmware.") for name in names}

    def test_both_names_of_a_phone_give_the_same_settings(self, snom: BuiltSnom) -> None:
        files = snom[NEW].device_files(device("D785"), EVERYTHING)

        assert set(files) == {f"snomD785-{MAC_NAME}.htm", f"{MAC_NAME}.xml"}
        assert files[f"snomD785-{MAC_NAME}.htm"] == files[f"{MAC_NAME}.xml"]


class TestManifest:
    @pytest.mark.parametrize("plugin_id", MODELS)
    def test_models(self, snom: BuiltSnom, plugin_id: str) -> None:
        assert list(snom[plugin_id].models) == MODELS[plugin_id]
        assert {key.split(", ")[2] for key in snom[plugin_id].info.capabilities} == {plugin_id.removeprefix("snom-")}

    @pytest.mark.parametrize("plugin_id", MODELS)
    def test_every_packaged_file_has_its_digest(self, snom: BuiltSnom, plugin_id: str) -> None:
        text = (snom[plugin_id].directory / "pkgs" / "pkgs.db").read_text()
        sections = [section for section in text.split("\n[") if section.startswith("file_")]

        assert len(sections) == text.count("[pkg_") > 0
        assert all("url: https://" in section and "sha1sum: " in section for section in sections)

    def test_the_firmware_named_is_the_firmware_packaged(self, snom: BuiltSnom) -> None:
        packaged = (snom[OLD].directory / "pkgs" / "pkgs.db").read_text()
        files = snom[OLD].common_files()

        for model in MODELS[OLD]:
            url = ElementTree.fromstring(files[f"snom{model}-firmware.xml"]).findtext("firmware") or ""
            assert url.startswith("http://10.0.0.1:8667/firmware/snom")
            assert f"/{url.rpartition('/')[2]}\n" in packaged


class TestAssociation:
    @pytest.mark.parametrize(
        ("model", "version", "old", "new"),
        [
            ("320", "8.7.5.35", Support.EXACT, Support.UNKNOWN),
            ("320", "8.4.18", Support.PROBABLE + 50, Support.UNKNOWN),
            ("715", "8.7.3.19", Support.COMPLETE, Support.PROBABLE + 50),
            ("725", "10.1.54.13", Support.PROBABLE + 50, Support.COMPLETE),
            ("D785", "10.1.184.15", Support.UNKNOWN, Support.EXACT),
            ("D785", "8.9.3.80", Support.UNKNOWN, Support.PROBABLE + 50),
            ("D785", None, Support.UNKNOWN, Support.PROBABLE + 20),
            ("M900", "05.20.0001", Support.UNKNOWN, Support.UNKNOWN),
        ],
    )
    def test_support(self, snom: BuiltSnom, model: str, version: str | None, old: int, new: int) -> None:
        info = DeviceInfo(vendor="Snom", model=model, version=version)

        assert (snom[OLD].plugin.associate(info), snom[NEW].plugin.associate(info)) == (old, new)

    def test_other_vendors_are_not_supported(self, snom: BuiltSnom) -> None:
        assert snom[OLD].plugin.associate(DeviceInfo(vendor="Aastra", model="320")) == Support.NONE

    def test_synchronize_asks_the_phone_to_check_without_a_restart(self, snom: BuiltSnom) -> None:
        assert snom[NEW].plugin.synchronize(device("D785"), MINIMAL) == SipNotify("check-sync;reboot=false")

    @pytest.mark.parametrize(
        "document",
        [{"model": "725"}, {"mac": "00:04:13:00:00:01"}, {"mac": "00:04:13:00:00:01", "model": "../x"}],
    )
    def test_a_device_whose_file_names_are_unknown_is_refused(
        self, snom: BuiltSnom, document: Mapping[str, str]
    ) -> None:
        with pytest.raises(PluginProblem, match="file names are unknown"):
            list(snom[OLD].plugin.device_files(Device({"id": "d1", **document}), MINIMAL))

    def test_the_administrator_can_override_by_device_then_model_then_all(self, snom: BuiltSnom) -> None:
        (file, *_) = snom[OLD].plugin.device_files(device("725"), MINIMAL)

        assert file.templates == (f"{MAC_NAME}.xml.tpl", "725.xml.tpl", "base.xml.tpl")
        assert file.trigger
        assert file.sensitive


class TestIdentities:
    def test_servers_come_from_the_device_when_the_line_is_silent(self, snom: BuiltSnom) -> None:
        settings = settings_of(snom[OLD], EVERYTHING)

        assert settings["user_host 1"] == "10.0.0.5:5073"
        assert settings["user_outbound 1"] == "10.0.0.7:5075;transport=tls"

    def test_a_backup_server_is_a_hidden_identity(self, snom: BuiltSnom) -> None:
        settings = settings_of(snom[OLD], EVERYTHING)

        assert settings["user_failover_identity 1"] == "2"
        assert settings["user_host 2"] == "10.0.0.6:5074"
        assert settings["user_outbound 2"] == "10.0.0.6:5072;transport=tls"
        assert (settings["hide_identity 2"], settings["user_pass 2"]) == ("true", "wonder")
        assert "hide_identity 1" not in settings

    def test_backups_take_the_numbers_that_lines_leave_free(self, snom: BuiltSnom) -> None:
        line = {**MINIMAL["sip_lines"]["1"], "backup_proxy_ip": "10.0.0.6"}
        settings = settings_of(snom[OLD], with_members(sip_lines={"1": line, "3": line}))

        assert (settings["user_failover_identity 1"], settings["user_failover_identity 3"]) == ("2", "4")
        assert [number for number in range(1, 13) if settings[f"user_active {number}"] == "on"] == [1, 2, 3, 4]

    def test_all_lines_and_no_more(self, snom: BuiltSnom) -> None:
        lines = {str(number): {**MINIMAL["sip_lines"]["1"], "backup_proxy_ip": "h"} for number in range(14)}
        settings = settings_of(snom[NEW], with_members(sip_lines=lines), "D785")

        assert [settings[f"user_active {number}"] for number in range(1, 13)] == ["on"] * 12
        assert "user_active 13" not in settings
        assert "user_failover_identity 1" not in settings

    def test_identities_without_a_line_are_off(self, snom: BuiltSnom) -> None:
        settings = settings_of(snom[OLD], TWO_LINES_IN_FRENCH)

        assert [settings[f"user_active {number}"] for number in range(1, 13)] == ["on"] * 2 + ["off"] * 10
        assert settings["user_realname 2"] == "Accueil «été»"
        assert settings["user_pname 2"] == "accueil-auth"
        assert settings["user_outbound 2"] == "sip.example.org:5070;transport=udp"

    @pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
    def test_transport(self, snom: BuiltSnom, transport: str) -> None:
        settings = settings_of(snom[OLD], with_members(sip_transport=transport))

        assert settings["user_outbound 1"] == f"10.0.0.5;transport={transport}"

    @pytest.mark.parametrize(
        ("mode", "srtp", "savp"),
        [("disabled", "off", "off"), ("preferred", "on", "optional"), ("required", "on", "mandatory")],
    )
    def test_srtp(self, snom: BuiltSnom, mode: str, srtp: str, savp: str) -> None:
        for raw_config in (with_members(sip_srtp_mode=mode), with_line(srtp_mode=mode)):
            settings = settings_of(snom[OLD], raw_config)

            assert (settings["user_srtp 1"], settings["user_savp 1"]) == (srtp, savp)

    @pytest.mark.parametrize(
        ("mode", "info", "has_events"),
        [("RTP-in-band", "off", False), ("RTP-out-of-band", "off", True), ("SIP-INFO", "sip_info_only", True)],
    )
    def test_dtmf(self, snom: BuiltSnom, mode: str, info: str, has_events: bool) -> None:
        for raw_config in (with_members(sip_dtmf_mode=mode), with_line(dtmf_mode=mode)):
            settings = settings_of(snom[NEW], raw_config)

            assert settings["user_dtmf_info 1"] == info
            assert settings["codec_priority_list 1"].endswith(",telephone-event") == has_events

    def test_voicemail_and_message_waiting(self, snom: BuiltSnom) -> None:
        asked = settings_of(snom[OLD], with_line(voicemail="*98"))
        silent = settings_of(snom[OLD], {**with_line(voicemail="*98"), "sip_subscribe_mwi": False})

        assert asked["user_mailbox 1"] == "*98"
        assert "dkey_retrieve" not in asked
        assert (silent["user_mailbox 1"], silent["dkey_retrieve"]) == ("", "speed *98")


class TestHostileValues:
    @pytest.mark.parametrize("plugin_id", MODELS)
    @pytest.mark.parametrize("text", HOSTILE_TEXTS)
    def test_every_text_reaches_the_phone_as_it_is(self, snom: BuiltSnom, plugin_id: str, text: str) -> None:
        members = ("username", "auth_username", "password", "display_name", "number", "voicemail")
        keys = {"1": {"type": "speeddial", "value": text, "label": text}}
        passwords = {"admin_username": text, "admin_password": text, "user_username": text, "user_password": text}
        codes = {"exten_dnd": text, "exten_pickup_call": text, "exten_park": text}
        raw_config = {**with_line(**dict.fromkeys(members, text)), "funckeys": keys, **passwords, **codes}
        settings = settings_of(snom[plugin_id], raw_config)
        shown = text.replace("\0", "").replace("\x07", "").replace("\r\n", "\n")

        for name in ("user_name 1", "user_pass 1", "user_realname 1", "user_mailbox 1", "dnd_on_code"):
            assert settings[name] == shown, name
        assert settings.get("http_pass", "") == shown
        assert len(settings) == len(settings_of(snom[plugin_id], {**raw_config, "exten_dnd": "1"}))

    @pytest.mark.parametrize("plugin_id", MODELS)
    @pytest.mark.parametrize("text", HOSTILE_TEXTS[:-1])
    def test_labels_of_keys_stay_in_their_attribute(self, snom: BuiltSnom, plugin_id: str, text: str) -> None:
        keys = {"1": {"type": "blf", "value": "102", "label": text}}
        found = keys_of(snom[plugin_id], with_members(funckeys=keys))
        shown = text.replace("\0", "").replace("\x07", "").replace("\r\n", " ").replace("\n", " ")

        assert found == {0: ("active", shown, "blf 102")}

    def test_text_is_utf_8(self, snom: BuiltSnom) -> None:
        content = settings_file(snom[OLD], with_line(display_name="漢字 \U0001f600"))

        assert '<user_realname idx="1" perm="R">漢字 \U0001f600<'.encode() in content


class TestClock:
    @pytest.mark.parametrize(
        ("zone", "offset", "daylight"),
        [
            ("Europe/Paris", "3600", "3600 03.05.07 02:00:00 10.05.07 03:00:00"),
            ("America/Montreal", "-18000", "3600 03.02.07 02:00:00 11.01.07 02:00:00"),
            ("Australia/Sydney", "36000", "3600 10.01.07 02:00:00 04.01.07 03:00:00"),
            ("Australia/Lord_Howe", "37800", "1800 10.01.07 02:00:00 04.01.07 02:00:00"),
            ("Asia/Jerusalem", "7200", "3600 27.03 02:00:00 25.10 02:00:00"),
            ("Asia/Tokyo", "32400", ""),
            ("Asia/Kolkata", "19800", ""),
            ("Etc/UTC", "0", ""),
        ],
    )
    def test_time_zone(self, snom: BuiltSnom, zone: str, offset: str, daylight: str) -> None:
        settings = settings_of(snom[OLD], with_members(timezone=zone))

        assert (settings["timezone"], settings["utc_offset"], settings["dst"]) == ("", offset, daylight)

    def test_time_server(self, snom: BuiltSnom) -> None:
        on = settings_of(snom[OLD], with_members(ntp_enabled=True, ntp_ip="10.0.0.1"))
        off = settings_of(snom[OLD], with_members(ntp_enabled=False))

        assert (on["ntp_server"], off["ntp_server"]) == ("10.0.0.1", "")
        assert "ntp_server" not in settings_of(snom[OLD], MINIMAL)


class TestNetworkAndLocale:
    def test_vlan(self, snom: BuiltSnom) -> None:
        settings = settings_of(snom[OLD], EVERYTHING)

        assert [settings[name] for name in ("vlan_id", "vlan_qos", "vlan_pc_id")] == ["100", "5", "200"]

    def test_no_vlan(self, snom: BuiltSnom) -> None:
        settings = settings_of(snom[OLD], with_members(vlan_enabled=False, vlan_id=100))

        assert (settings["vlan_id"], settings["vlan_qos"]) == ("", "")
        assert "vlan_pc_id" not in settings

    @pytest.mark.parametrize(
        ("level", "code"), [("critical", "2"), ("error", "3"), ("warning", "4"), ("info", "6"), ("debug", "9")]
    )
    def test_syslog(self, snom: BuiltSnom, level: str, code: str) -> None:
        raw_config = with_members(syslog_enabled=True, syslog_ip="10.0.0.9", syslog_port=514, syslog_level=level)
        settings = settings_of(snom[OLD], raw_config)

        assert (settings["syslog_server"], settings["log_level"]) == ("10.0.0.9", code)
        assert settings_of(snom[OLD], {**raw_config, "syslog_port": 1514})["syslog_server"] == "10.0.0.9:1514"
        assert settings_of(snom[OLD], MINIMAL)["syslog_server"] == ""

    @pytest.mark.parametrize(
        ("locale", "language", "tones", "hours"),
        [
            ("fr_FR", "Francais", "FRA", "on"),
            ("fr_CA", "Francais", "USA", "off"),
            ("de_DE", "Deutsch", "GER", "on"),
            ("de_CH", "Deutsch", "SWI", "on"),
            ("es_ES", "Espanol", "ESP", "on"),
            ("it_IT", "Italiano", "ITA", "on"),
            ("nl_NL", "Nederlands", "NLD", "on"),
            ("pl_PL", "Polski", None, "on"),
            ("pt_BR", "Portugues", None, "on"),
            ("en_US", "English", "USA", "off"),
            ("en_GB", "English(UK)", "GBR", "off"),
        ],
    )
    def test_locale(self, snom: BuiltSnom, locale: str, language: str, tones: str | None, hours: str) -> None:
        settings = settings_of(snom[OLD], with_members(locale=locale))

        assert settings["language"] == settings["web_language"] == language
        assert settings.get("tone_scheme") == tones
        assert settings["time_24_format"] == hours

    def test_old_phones_fetch_each_language_that_a_locale_can_name(self, snom: BuiltSnom) -> None:
        tree = ElementTree.fromstring(snom[OLD].common_files()["snom320.htm"])
        languages = {entry.get("name"): entry.get("url") for entry in tree.findall("gui-languages/language")}

        assert languages["Francais"] == "http://10.0.0.1:8667/i18n/gui_lang_FR.xml"
        for locale in ("fr_FR", "de_DE", "es_ES", "it_IT", "nl_NL", "pl_PL", "pt_BR", "en_US", "en_GB"):
            assert settings_of(snom[OLD], with_members(locale=locale))["language"] in languages

    def test_accounts(self, snom: BuiltSnom) -> None:
        old, new = (settings_of(snom[plugin_id], EVERYTHING) for plugin_id in (OLD, NEW))

        assert (old["http_user"], old["http_pass"], old["admin_mode_password"]) == ("root", "22223", "22223")
        assert not [name for name in old if name.startswith("webserver_")]
        assert (new["webserver_admin_name"], new["webserver_admin_password"]) == ("root", "22223")
        assert (new["webserver_user_name"], new["webserver_user_password"]) == ("user", "1234")

    def test_phone_book(self, snom: BuiltSnom) -> None:
        url = settings_of(snom[OLD], EVERYTHING)["dkey_directory"]

        assert url.startswith("url http://10.0.0.3:9498/0.1/directories/input/default/snom?xivo_user_uuid=8f7a1d7e-")
        assert "/phonebook/" in settings_of(snom[OLD], with_members(X_xivo_phonebook_ip="h"))["dkey_directory"]
        assert "dkey_directory" not in settings_of(snom[OLD], MINIMAL)

    def test_feature_codes(self, snom: BuiltSnom) -> None:
        settings = settings_of(snom[OLD], EVERYTHING)

        assert (settings["dnd_on_code"], settings["dnd_off_code"]) == ("*25", "*25")
        kinds = {"always": "*21", "busy": "*23", "time": "*22"}
        assert {kind: settings[f"redirect_{kind}_on_code"] for kind in kinds} == kinds
        assert {settings[f"redirect_{kind}_off_code"] for kind in kinds} == {"*20"}
        assert settings_of(snom[OLD], MINIMAL)["redirect_always_off_code"] == ""

    def test_a_switchboard_has_no_second_call(self, snom: BuiltSnom) -> None:
        files = snom[OLD].device_files(device("725", options={"switchboard": True}), MINIMAL)

        assert b'<call_waiting perm="R">off<' in files[f"{MAC_NAME}.xml"]
        assert settings_of(snom[OLD], MINIMAL)["call_waiting"] == "on"


class TestCertificates:
    BODY = "TUlJQmNlcnRpZmljYXRl"

    def test_new_phones_get_them_inside_the_settings(self, snom: BuiltSnom) -> None:
        (certificate,) = tree_of(snom[NEW], EVERYTHING).findall("certificates/certificate")

        assert (certificate.get("type"), certificate.text) == ("base64", self.BODY)

    def test_old_phones_fetch_them(self, snom: BuiltSnom) -> None:
        chain = f"{CERTIFICATE}\n{CERTIFICATE}"
        raw_config = with_members(sip_servers_root_and_intermediate_certificates=[chain, CERTIFICATE])
        files = snom[OLD].device_files(device("725"), raw_config)
        tree = ElementTree.fromstring(files[f"{MAC_NAME}.xml"])
        urls = [entry.get("url", "") for entry in tree.findall("certificates/certificate")]

        assert urls == [f"http://10.0.0.1:8667/{MAC_NAME}-ca{number}.der" for number in (1, 2, 3)]
        assert {files[url.rpartition("/")[2]] for url in urls} == {base64.b64decode(self.BODY)}

    @pytest.mark.parametrize("text", ["", "no certificate", CERTIFICATE.replace("TUlJ", "T"), CERTIFICATE[:-5]])
    def test_what_is_no_certificate_is_refused(self, snom: BuiltSnom, text: str) -> None:
        raw_config = with_members(sip_servers_root_and_intermediate_certificates=[text])

        with pytest.raises(PluginProblem, match="no PEM certificate"):
            list(snom[NEW].plugin.device_files(device("D785"), raw_config))


class TestKeys:
    OWN_KEYS: Mapping[str, int] = {
        "300": 6,
        "320": 12,
        "370": 12,
        "710": 5,
        "720": 18,
        "760": 12,
        "870": 15,
        "PA1": 0,
        "D120": 0,
        "D315": 5,
        "D335": 32,
        "D345": 48,
        "D385": 48,
        "D712": 5,
        "D717": 3,
        "D735": 32,
        "D765": 16,
        "D785": 24,
        "D862": 8,
        "D865": 10,
    }

    @pytest.mark.parametrize("model", OWN_KEYS)
    def test_keys_without_a_function_are_line_keys(self, snom: BuiltSnom, model: str) -> None:
        plugin = snom[OLD if model in MODELS[OLD] else NEW]
        numbers = [key.get("idx") for key in tree_of(plugin, MINIMAL, model).iter("fkey") if key.text == "line"]

        assert numbers == [str(number) for number in range(self.OWN_KEYS[model])]

    def test_kinds_of_keys(self, snom: BuiltSnom) -> None:
        assert keys_of(snom[OLD], EVERYTHING, "725") == {
            0: ("active", "Bob", "speed 0123456789"),
            1: ("active", "Carol", "blf 102|*8"),
            2: ("active", "Park", "orbit 701"),
            3: ("active", "Park", "orbit 700"),
            8: ("active", "104", "blf 104|*8"),
            32: ("active", "Far", "speed 105"),
        }

    def test_park_dials_where_there_is_no_orbit(self, snom: BuiltSnom) -> None:
        keys = keys_of(snom[NEW], EVERYTHING, "D785")

        assert keys[2] == ("active", "Park", "speed 701")

    def test_a_key_of_another_line_belongs_to_its_identity(self, snom: BuiltSnom) -> None:
        assert keys_of(snom[OLD], TWO_LINES_IN_FRENCH) == {0: ("2", "Éric", "blf 103")}

    @pytest.mark.parametrize(
        ("model", "last"), [("300", 6), ("720", 72), ("320", 138), ("D785", 78), ("D712", 5), ("PA1", 0)]
    )
    def test_keys_beyond_the_last_module_are_left_out(self, snom: BuiltSnom, model: str, last: int) -> None:
        keys = {str(number): {"type": "speeddial", "value": "1"} for number in (last, last + 1) if number}
        plugin = snom[OLD if model in MODELS[OLD] else NEW]

        assert list(keys_of(plugin, with_members(funckeys=keys), model)) == ([last - 1] if last else [])

    def test_only_new_phones_have_short_labels(self, snom: BuiltSnom) -> None:
        old, new = (next(tree_of(snom[plugin_id], EVERYTHING).iter("fkey")) for plugin_id in (OLD, NEW))

        assert "short_label" not in old.attrib
        assert new.get("short_label") == "Bob"
