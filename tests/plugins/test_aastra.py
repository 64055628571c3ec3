"""The plugin for Aastra phones: its files, model by model, and what stands in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.vendor_cases import (
    CASES,
    CERTIFICATE,
    EVERYTHING,
    HOSTILE_TEXTS,
    KEY,
    MAC_NAME,
    MINIMAL,
    device,
    with_line,
    with_members,
)
from tests.support.vendor_plugins import BuiltPlugin, assert_golden, build_family

from provisiond.errors import PluginProblem
from provisiond.sdk import Device, DeviceInfo, SipNotify, Support

MODELS = ("6730i", "6731i", "6735i", "6737i", "6739i", "6753i", "6755i", "6757i", "9143i", "9480i")
PLUGIN_ID = "aastra-3.3.1-SP2"


@pytest.fixture(scope="module")
def aastra(tmp_path_factory: pytest.TempPathFactory) -> BuiltPlugin:
    built = build_family("aastra", tmp_path_factory.mktemp("plugins"))
    assert list(built) == [PLUGIN_ID]
    return BuiltPlugin.load(built[PLUGIN_ID])


def read_settings(text: str) -> dict[str, str]:
    """Read a configuration as the phone does: ``#`` outside quotes begins a comment, quotes are taken off."""
    settings: dict[str, str] = {}
    for line in text.split("\n"):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, value = line.partition(":")
        assert colon, line
        value = value.strip()
        if value.startswith('"'):
            value, quote, rest = value[1:].partition('"')
            assert quote, line
            assert not rest, line
        else:
            value = value.partition("#")[0].strip()
        assert name.strip() not in settings, line
        settings[name.strip()] = value
    return settings


def settings_of(aastra: BuiltPlugin, raw_config: Mapping[str, Any], model: str = "6757i") -> dict[str, str]:
    files = aastra.device_files(device(model), raw_config)
    return read_settings(files[f"{MAC_NAME}.cfg"].decode())


def key_names(settings: Mapping[str, str]) -> list[str]:
    return [name.removesuffix(" type") for name in settings if name.endswith(" type")]


class TestGolden:
    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize("model", MODELS)
    def test_the_device_file_is_as_reviewed(self, aastra: BuiltPlugin, model: str, case: str) -> None:
        files = aastra.device_files(device(model), CASES[case])

        assert_golden(PLUGIN_ID, f"{model}.{case}.cfg", files[f"{MAC_NAME}.cfg"])

    def test_the_common_file_is_as_reviewed(self, aastra: BuiltPlugin) -> None:
        files = aastra.common_files()

        assert_golden(PLUGIN_ID, "aastra.cfg", files["aastra.cfg"])
        assert set(files) == {"aastra.cfg", "Aastra/aastra.cfg"}

    @pytest.mark.parametrize("case", CASES)
    def test_both_folders_hold_the_same_files(self, aastra: BuiltPlugin, case: str) -> None:
        files = aastra.device_files(device("6757i"), CASES[case])
        top = {name: content for name, content in files.items() if "/" not in name}

        assert {name.removeprefix("Aastra/"): files[name] for name in files if "/" in name} == top


class TestManifest:
    def test_capabilities_are_those_of_the_founding_document(self, aastra: BuiltPlugin) -> None:
        expected = {
            "Aastra, 6730i, 3.3.1.5089": {"sip.lines": 6},
            "Aastra, 6731i, 3.3.1.2235": {"sip.lines": 6, "switchboard": True},
            "Aastra, 6735i, 3.3.1.5089": {"sip.lines": 9},
            "Aastra, 6737i, 3.3.1.5089": {"sip.lines": 9},
            "Aastra, 6739i, 3.3.1.2235": {"sip.lines": 9},
            "Aastra, 6753i, 3.3.1.2235": {"sip.lines": 9},
            "Aastra, 6755i, 3.3.1.2235": {"sip.lines": 9, "switchboard": True},
            "Aastra, 6757i, 3.3.1.2235": {"sip.lines": 9, "switchboard": True},
            "Aastra, 9143i, 3.3.1.2235": {"sip.lines": 9},
            "Aastra, 9480i, 3.3.1.2235": {"sip.lines": 9},
        }

        assert aastra.info.capabilities == expected
        assert aastra.info.version == "1.1"
        assert aastra.info.description == (
            "Plugin for Aastra 6730i, 6731i, 6735i, 6737i, 6739i, 6753i, 6755i, 6757i, 6757i CT, 9143i, 9480i, "
            "9480i CT in version 3.3.1 SP2."
        )

    def test_tests_and_hidden_files_stay_out_of_the_package(self, aastra: BuiltPlugin) -> None:
        names = {path.name for path in aastra.directory.rglob("*")}

        assert not {name for name in names if name.startswith(".")} | (names & {"tests", "__pycache__", "build.py"})

    def test_every_packaged_file_has_its_digest(self, aastra: BuiltPlugin) -> None:
        text = (aastra.directory / "pkgs" / "pkgs.db").read_text()
        sections = [section for section in text.split("\n[") if section.startswith("file_")]

        assert len(sections) == text.count("[pkg_") == 13
        assert all("sha1sum: " in section and "size: " in section for section in sections)


class TestAssociation:
    @pytest.mark.parametrize(
        ("model", "version", "support"),
        [
            ("6757i", "3.3.1.2235", Support.EXACT),
            ("6757iCT", "3.3.1.2235", Support.EXACT),
            ("6757i CT", "3.3.1.2235", Support.EXACT),
            ("6730i", "3.3.1.5089", Support.EXACT),
            ("6730i", "3.3.1.2235", Support.COMPLETE),
            ("6757i", "3.2.2.1136", Support.PROBABLE + 50),
            ("6757i", None, Support.PROBABLE + 20),
            ("6865i", "4.2.0.2023", Support.UNKNOWN),
            (None, None, Support.UNKNOWN),
        ],
    )
    def test_support(self, aastra: BuiltPlugin, model: str | None, version: str | None, support: int) -> None:
        assert aastra.plugin.associate(DeviceInfo(vendor="Aastra", model=model, version=version)) == support

    def test_other_vendors_are_not_supported(self, aastra: BuiltPlugin) -> None:
        assert aastra.plugin.associate(DeviceInfo(vendor="Snom", model="6757i")) == Support.NONE

    def test_synchronize_asks_the_phone_to_check(self, aastra: BuiltPlugin) -> None:
        assert aastra.plugin.synchronize(device("6757i"), MINIMAL) == SipNotify("check-sync")

    def test_a_device_without_mac_is_refused(self, aastra: BuiltPlugin) -> None:
        with pytest.raises(PluginProblem, match="MAC"):
            list(aastra.plugin.device_files(Device({"id": "d1", "model": "6757i"}), MINIMAL))


class TestFiles:
    def test_the_own_configuration_is_the_trigger_and_secret(self, aastra: BuiltPlugin) -> None:
        files = list(aastra.plugin.device_files(device("6757i"), MINIMAL))

        assert [(file.name, file.trigger, file.sensitive) for file in files] == [
            (f"{MAC_NAME}.cfg", True, True),
            (f"Aastra/{MAC_NAME}.cfg", True, True),
        ]

    def test_the_administrator_can_override_by_device_then_model_then_all(self, aastra: BuiltPlugin) -> None:
        (file, *_) = aastra.plugin.device_files(device("6757iCT"), MINIMAL)

        assert file.templates == (f"{MAC_NAME}.cfg.tpl", "6757i.cfg.tpl", "base.cfg.tpl")

    def test_a_strange_model_names_no_template(self, aastra: BuiltPlugin) -> None:
        (file, *_) = aastra.plugin.device_files(device("../x"), MINIMAL)

        assert file.templates == (f"{MAC_NAME}.cfg.tpl", "base.cfg.tpl")

    def test_certificates_stand_beside_the_configuration(self, aastra: BuiltPlugin) -> None:
        files = aastra.device_files(device("6757i"), EVERYTHING)
        settings = read_settings(files[f"{MAC_NAME}.cfg"].decode())

        assert files[settings["sips trusted certificates"]].decode() == CERTIFICATE + "\n"
        assert files[settings["sips root and intermediate certificates"]].decode() == CERTIFICATE + "\n"
        assert files[settings["sips local certificate"]].decode() == CERTIFICATE + "\n"
        assert files[settings["sips private key"]].decode() == KEY + "\n"


class TestSip:
    def test_servers_come_from_the_device_when_the_line_is_silent(self, aastra: BuiltPlugin) -> None:
        settings = settings_of(aastra, EVERYTHING)
        found = {name: settings[f"sip line1 {name}"] for name in ("proxy ip", "backup proxy ip", "outbound proxy")}

        assert found == {"proxy ip": "10.0.0.5", "backup proxy ip": "10.0.0.6", "outbound proxy": "10.0.0.7"}
        assert settings["sip line1 proxy port"] == "5071"
        assert settings["sip line1 backup proxy port"] == "5072"
        assert settings["sip line1 registrar port"] == "5073"
        assert settings["sip line1 backup registrar port"] == "5074"
        assert settings["sip line1 outbound proxy port"] == "5075"

    @pytest.mark.parametrize(("model", "count"), [(model, 6 if model in MODELS[:2] else 9) for model in MODELS])
    def test_a_model_gets_all_its_lines_and_no_more(self, aastra: BuiltPlugin, model: str, count: int) -> None:
        lines = {str(number): MINIMAL["sip_lines"]["1"] for number in range(13)}
        settings = settings_of(aastra, with_members(sip_lines=lines), model)

        assert [name for name in settings if name.endswith(" user name")] == [
            f"sip line{number} user name" for number in range(1, count + 1)
        ]

    @pytest.mark.parametrize(
        ("transport", "code", "port"), [("udp", "1", "5060"), ("tcp", "2", "5060"), ("tls", "4", "5061")]
    )
    def test_transport(self, aastra: BuiltPlugin, transport: str, code: str, port: str) -> None:
        settings = settings_of(aastra, with_members(sip_transport=transport))

        assert settings["sip transport protocol"] == code
        assert settings["sip line1 proxy port"] == port

    def test_tls_without_an_own_certificate_is_one_lasting_connection(self, aastra: BuiltPlugin) -> None:
        settings = settings_of(aastra, with_members(sip_transport="tls"))

        assert settings["sips persistent tls"] == "1"
        assert (settings["sip outbound proxy"], settings["sip outbound proxy port"]) == ("10.0.0.5", "5061")

    def test_tls_with_an_own_certificate_is_ordinary(self, aastra: BuiltPlugin) -> None:
        settings = settings_of(aastra, EVERYTHING)

        assert settings["sips persistent tls"] == "0"
        assert "sip outbound proxy" not in settings

    @pytest.mark.parametrize(("mode", "code"), [("disabled", "0"), ("preferred", "1"), ("required", "2")])
    def test_srtp(self, aastra: BuiltPlugin, mode: str, code: str) -> None:
        assert settings_of(aastra, with_members(sip_srtp_mode=mode))["sip srtp mode"] == code
        assert settings_of(aastra, with_line(srtp_mode=mode))["sip line1 srtp mode"] == code

    @pytest.mark.parametrize(
        ("mode", "out_of_band", "method"),
        [("RTP-in-band", "0", "0"), ("RTP-out-of-band", "1", "0"), ("SIP-INFO", "0", "1")],
    )
    def test_dtmf(self, aastra: BuiltPlugin, mode: str, out_of_band: str, method: str) -> None:
        for raw_config in (with_members(sip_dtmf_mode=mode), with_line(dtmf_mode=mode)):
            settings = settings_of(aastra, raw_config)

            assert settings["sip out-of-band dtmf"] == out_of_band
            assert settings["sip dtmf method"] == settings["sip line1 dtmf method"] == method

    def test_dtmf_is_left_to_the_phone_when_not_set(self, aastra: BuiltPlugin) -> None:
        assert not [name for name in settings_of(aastra, MINIMAL) if "dtmf" in name]

    def test_voicemail_and_message_waiting(self, aastra: BuiltPlugin) -> None:
        settings = settings_of(aastra, EVERYTHING)

        assert settings["sip line1 vmail"] == "*981"
        assert settings["sip vmail"] == "*98"
        assert settings["sip explicit mwi subscription"] == "1"
        assert settings_of(aastra, with_members(sip_subscribe_mwi=False))["sip explicit mwi subscription"] == "0"

    @pytest.mark.parametrize("member", ["display_name", "password", "username", "auth_username", "voicemail"])
    @pytest.mark.parametrize("text", HOSTILE_TEXTS)
    def test_a_hostile_value_stays_in_its_place(self, aastra: BuiltPlugin, member: str, text: str) -> None:
        settings = settings_of(aastra, with_line(**{member: text}))
        harmless = settings_of(aastra, with_line(**{member: "harmless" if text else ""}))

        assert list(settings) == list(harmless)

    @pytest.mark.parametrize(
        "password", ["p#1", "a;b", " lead", "trail ", 'a"b', "ünï", "smile \U0001f600", "{{ x }}", "50%"]
    )
    def test_passwords_reach_the_phone_unchanged(self, aastra: BuiltPlugin, password: str) -> None:
        assert settings_of(aastra, with_line(password=password))["sip line1 password"] == password

    def test_hostile_labels_and_passwords_of_the_phone(self, aastra: BuiltPlugin) -> None:
        for text in HOSTILE_TEXTS[:-1]:
            keys = {"1": {"type": "speeddial", "value": text, "label": text}}
            settings = settings_of(aastra, with_members(funckeys=keys, admin_password=text, user_password=text))

            assert key_names(settings) == ["topsoftkey1"]
            assert {"admin password", "user password"} <= set(settings)


class TestClock:
    def test_europe_moves_on_last_sundays(self, aastra: BuiltPlugin) -> None:
        settings = settings_of(aastra, with_members(timezone="Europe/Paris"))
        dst = {name.removeprefix("dst "): value for name, value in settings.items() if name.startswith("dst ")}

        assert settings["time zone name"] == "Custom"
        assert settings["time zone minutes"] == "-60"
        assert dst == {
            "config": "3",
            "minutes": "60",
            "[start|end] relative date": "1",
            "start month": "3",
            "start week": "-1",
            "start day": "1",
            "start hour": "2",
            "end month": "10",
            "end week": "-1",
            "end day": "1",
            "end hour": "3",
        }

    def test_america_moves_on_second_and_first_sundays(self, aastra: BuiltPlugin) -> None:
        settings = settings_of(aastra, with_members(timezone="America/Montreal"))

        assert settings["time zone minutes"] == "300"
        assert [settings[f"dst start {part}"] for part in ("month", "week", "day", "hour")] == ["3", "2", "1", "2"]
        assert [settings[f"dst end {part}"] for part in ("month", "week", "day", "hour")] == ["11", "1", "1", "2"]

    def test_the_south_has_summer_over_new_year(self, aastra: BuiltPlugin) -> None:
        settings = settings_of(aastra, with_members(timezone="Australia/Sydney"))

        assert settings["time zone minutes"] == "-600"
        assert [settings[f"dst start {part}"] for part in ("month", "week", "hour")] == ["10", "1", "2"]
        assert [settings[f"dst end {part}"] for part in ("month", "week", "hour")] == ["4", "1", "3"]

    @pytest.mark.parametrize(("zone", "minutes"), [("Asia/Tokyo", "-540"), ("Asia/Kolkata", "-330"), ("Etc/UTC", "0")])
    def test_zones_without_summer_time(self, aastra: BuiltPlugin, zone: str, minutes: str) -> None:
        settings = settings_of(aastra, with_members(timezone=zone))

        assert settings["time zone minutes"] == minutes
        assert {name: value for name, value in settings.items() if name.startswith("dst ")} == {"dst config": "0"}

    def test_a_rule_that_is_no_sunday_is_written_as_dates_of_the_year(self, aastra: BuiltPlugin) -> None:
        settings = settings_of(aastra, with_members(timezone="Asia/Jerusalem"))

        assert settings["dst [start|end] relative date"] == "0"
        assert (settings["dst start month"], settings["dst start day"]) == ("3", "27")
        assert (settings["dst end month"], settings["dst end day"]) == ("10", "25")
        assert "dst start week" not in settings

    def test_time_server(self, aastra: BuiltPlugin) -> None:
        on = settings_of(aastra, with_members(ntp_enabled=True, ntp_ip="10.0.0.1"))
        off = settings_of(aastra, with_members(ntp_enabled=False))

        assert (on["time server disabled"], on["time server1"]) == ("0", "10.0.0.1")
        assert off["time server disabled"] == "1"
        assert "time server disabled" not in settings_of(aastra, MINIMAL)


class TestNetworkAndLocale:
    def test_vlan(self, aastra: BuiltPlugin) -> None:
        settings = settings_of(aastra, EVERYTHING)

        assert settings["tagging enabled"] == "1"
        assert (settings["vlan id"], settings["vlan id port 1"]) == ("100", "200")
        assert settings["tos priority map"] == "(26,5)(46,5)"
        assert settings["priority non-ip"] == "5"

    def test_the_pc_port_is_untagged_unless_told(self, aastra: BuiltPlugin) -> None:
        raw_config = with_members(vlan_enabled=True, vlan_id=100)

        assert settings_of(aastra, raw_config)["vlan id port 1"] == "4095"
        assert "vlan id port 1" not in settings_of(aastra, raw_config, "6730i")

    def test_no_vlan(self, aastra: BuiltPlugin) -> None:
        settings = settings_of(aastra, with_members(vlan_enabled=False, vlan_id=100))

        assert settings["tagging enabled"] == "0"
        assert "vlan id" not in settings

    @pytest.mark.parametrize(
        ("level", "code"),
        [("critical", "1"), ("error", "3"), ("warning", "7"), ("info", "39"), ("debug", "65535")],
    )
    def test_syslog(self, aastra: BuiltPlugin, level: str, code: str) -> None:
        raw_config = with_members(syslog_enabled=True, syslog_ip="10.0.0.9", syslog_port=514, syslog_level=level)
        settings = settings_of(aastra, raw_config)

        assert (settings["log server ip"], settings["log server port"]) == ("10.0.0.9", "514")
        assert settings["log module sip"] == code

    @pytest.mark.parametrize(
        ("locale", "file", "tones", "input_language"),
        [
            ("fr_FR", "lang_fr.txt", "France", "French"),
            ("fr_CA", "lang_fr_ca.txt", "US", "French"),
            ("de_DE", "lang_de.txt", "Germany", "German"),
            ("es_ES", "lang_es.txt", "Europe", "Spanish"),
            ("it_IT", "lang_it.txt", "Italy", "Italian"),
            ("nl_NL", "lang_nl_nl.txt", "Europe", "English"),
            ("pl_PL", "lang_pl.txt", "Europe", "English"),
            ("pt_BR", "lang_pt_br.txt", "Brazil", "Portuguese"),
            ("en_US", None, "US", "English"),
            ("en_GB", None, "UK", "English"),
        ],
    )
    def test_locale(self, aastra: BuiltPlugin, locale: str, file: str | None, tones: str, input_language: str) -> None:
        settings = settings_of(aastra, with_members(locale=locale))
        url = f"http://10.0.0.1:8667/Aastra/i18n/{file}"

        assert settings["tone set"] == tones
        assert settings["input language"] == input_language
        assert settings["language"] == settings["web language"] == ("1" if file else "0")
        assert settings.get("language 1") == (url if file else None)

    def test_phone_book(self, aastra: BuiltPlugin) -> None:
        url = settings_of(aastra, EVERYTHING)["directory script"]

        assert url.startswith("http://10.0.0.3:9498/0.1/directories/input/default/aastra?xivo_user_uuid=8f7a1d7e-")
        assert "/phonebook/" in settings_of(aastra, with_members(X_xivo_phonebook_ip="h"))["xml application URI"]
        assert "directory script" not in settings_of(aastra, MINIMAL)


class TestKeys:
    LAYOUT: Mapping[str, tuple[tuple[int, str], ...]] = {
        "6730i": ((1, "prgkey1"), (8, "prgkey8"), (9, "")),
        "6731i": ((1, "prgkey1"), (8, "prgkey8"), (9, "")),
        "6735i": ((6, "prgkey6"), (7, "softkey1"), (26, "softkey20"), (27, "expmod1 key1")),
        "6737i": ((10, "topsoftkey10"), (11, "softkey1"), (30, "softkey20"), (31, "expmod1 key1")),
        "6739i": ((1, "softkey1"), (55, "softkey55"), (56, "expmod1 key1")),
        "6753i": ((6, "prgkey6"), (7, "expmod1 key1"), (67, "expmod2 key1"), (186, "expmod3 key60"), (187, "")),
        "6755i": ((6, "prgkey6"), (7, "softkey1"), (26, "softkey20"), (86, "expmod1 key60")),
        "6757i": ((1, "topsoftkey1"), (11, "softkey1"), (31, "expmod1 key1"), (91, "expmod2 key1")),
        "9143i": ((7, "prgkey7"), (8, "")),
        "9480i": ((1, "softkey1"), (20, "softkey20"), (21, "")),
    }

    @pytest.mark.parametrize("model", MODELS)
    def test_function_keys_follow_the_model(self, aastra: BuiltPlugin, model: str) -> None:
        for position, name in self.LAYOUT[model]:
            keys = {str(position): {"type": "blf", "value": "102", "label": "Carol"}}

            assert key_names(settings_of(aastra, with_members(funckeys=keys), model)) == ([name] if name else [])

    def test_labels_only_where_there_is_a_display(self, aastra: BuiltPlugin) -> None:
        keys = {"1": {"type": "blf", "value": "102", "label": "Carol"}, "7": {"type": "speeddial", "value": "103"}}
        settings = settings_of(aastra, with_members(funckeys=keys), "6755i")

        assert "prgkey1 label" not in settings
        assert settings["softkey1 label"] == "103"

    def test_kinds_of_keys(self, aastra: BuiltPlugin) -> None:
        settings = settings_of(aastra, EVERYTHING)

        assert [settings[f"topsoftkey{key} type"] for key in (1, 2, 3, 4)] == ["speeddial", "blf", "park", "park"]
        assert settings["topsoftkey1 value"] == "0123456789"
        assert settings["topsoftkey3 value"] == "asterisk;701"
        assert settings["topsoftkey4 value"] == "asterisk;700"
        assert settings["directed call pickup prefix"] == "*8"

    @pytest.mark.parametrize("model", ["6735i", "6737i"])
    def test_models_without_park_transfer_instead(self, aastra: BuiltPlugin, model: str) -> None:
        settings = settings_of(aastra, with_members(funckeys={"1": {"type": "park", "value": "701"}}), model)
        (name,) = key_names(settings)

        assert (settings[f"{name} type"], settings[f"{name} value"]) == ("speeddialxfer", "701")

    def test_feature_codes_take_the_free_softkeys(self, aastra: BuiltPlugin) -> None:
        keys = {"11": {"type": "blf", "value": "102"}}
        raw_config = with_members(funckeys=keys, exten_voicemail="*98", exten_dnd="*25", locale="fr_FR")
        settings = settings_of(aastra, raw_config)

        assert key_names(settings) == ["softkey1", "softkey2", "softkey3"]
        assert (settings["softkey2 value"], settings["softkey2 label"]) == ("*98", "Messagerie")
        assert (settings["softkey3 value"], settings["softkey3 states"]) == ("*25", "idle")

    def test_feature_codes_never_take_keys_with_printed_names(self, aastra: BuiltPlugin) -> None:
        assert key_names(settings_of(aastra, with_members(exten_dnd="*25"), "6731i")) == []
