"""The plugins for Cisco phones that speak SCCP: their files, model by model, and what stands in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.support.vendor_cases import CASES, EVERYTHING, HOSTILE_TEXTS, MINIMAL, TWO_LINES_IN_FRENCH
from tests.support.vendor_plugins import BASE, BuiltPlugin, assert_golden, build_family

from provisiond.errors import PluginProblem
from provisiond.model.device import Device
from provisiond.packages.firmware.definitions import read_definitions
from provisiond.plugins.rendering import TemplateRenderer
from provisiond.provisioning.first_start import default_configs
from provisiond.sdk import DeviceInfo, SccpReset, Support

NEW, OLD = "cisco-sccp-9.0.3", "cisco-sccp-legacy"
MODELS = {
    NEW: [
        *("7906G", "7911G", "7931G", "7941G", "7941G-GE", "7942G", "7945G", "7961G", "7961G-GE", "7962G", "7965G"),
        *("7970G", "7971G", "7971G-GE", "7975G"),
    ],
    OLD: ["7905G", "7912G", "7920", "7940G", "7960G"],
}
ALL = [(plugin_id, model) for plugin_id, models in MODELS.items() for model in models]
MAC, NAME = "00:1b:54:00:00:05", "SEP001B54000005.cnf.xml"
MANAGERS = {"1": {"ip": "10.0.0.5"}, "2": {"ip": "cm.example.org", "port": 2001}}

BuiltSccp = Mapping[str, BuiltPlugin]


@pytest.fixture(scope="module")
def sccp(tmp_path_factory: pytest.TempPathFactory) -> BuiltSccp:
    built = build_family("cisco-sccp", tmp_path_factory.mktemp("plugins"))
    assert list(built) == [NEW, OLD]
    return {plugin_id: BuiltPlugin.load(directory) for plugin_id, directory in built.items()}


def device(model: str | None) -> Device:
    return Device({"id": "d1", "mac": MAC, "vendor": "Cisco", "model": model})


def content_of(plugin: BuiltPlugin, raw_config: Mapping[str, Any], model: str | None = "7941G") -> bytes:
    files = plugin.device_files(device(model), {"sccp_call_managers": MANAGERS, **raw_config})
    assert list(files) == [NAME]
    return files[NAME]


def tree_of(plugin: BuiltPlugin, raw_config: Mapping[str, Any], model: str | None = "7941G") -> ElementTree.Element:
    return ElementTree.fromstring(content_of(plugin, raw_config, model))


def managers_of(tree: ElementTree.Element) -> list[tuple[str | None, ...]]:
    return [
        (member.get("priority"), member.findtext(".//processNodeName"), member.findtext(".//ethernetPhonePort"))
        for member in tree.iter("member")
    ]


class TestGolden:
    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize(("plugin_id", "model"), ALL)
    def test_the_file_is_as_reviewed(self, sccp: BuiltSccp, plugin_id: str, model: str, case: str) -> None:
        raw_config = {**CASES[case], "sccp_call_managers": MANAGERS}

        assert_golden(plugin_id, f"{model}.{case}.xml", content_of(sccp[plugin_id], raw_config, model))

    @pytest.mark.parametrize("plugin_id", MODELS)
    def test_common_files_are_as_reviewed(self, sccp: BuiltSccp, plugin_id: str) -> None:
        files = sccp[plugin_id].common_files()

        assert set(files) == {"XMLDefault.cnf.xml", "OS79XX.TXT"}
        for name, content in files.items():
            assert_golden(plugin_id, f"common.{name}", content)

    @pytest.mark.parametrize("plugin_id", MODELS)
    def test_the_server_renders_the_same_bytes(self, sccp: BuiltSccp, plugin_id: str) -> None:
        plugin = sccp[plugin_id]
        (model, *_) = MODELS[plugin_id]
        renderer = TemplateRenderer(plugin.directory)
        (rendered,) = renderer.files(plugin.plugin.device_files(device(model), {**BASE, **EVERYTHING}))

        assert (rendered.name, rendered.content_type) == (NAME, "text/xml")
        assert rendered.content == plugin.device_files(device(model), EVERYTHING)[NAME]
        assert rendered.sensitive
        assert rendered.trigger


class TestManifest:
    @pytest.mark.parametrize("plugin_id", MODELS)
    def test_models(self, sccp: BuiltSccp, plugin_id: str) -> None:
        assert list(sccp[plugin_id].models) == MODELS[plugin_id]

    @pytest.mark.parametrize(("plugin_id", "count"), [(NEW, 11), (OLD, 8)])
    def test_packages_are_whole_and_nothing_is_downloaded(self, sccp: BuiltSccp, plugin_id: str, count: int) -> None:
        definitions = read_definitions(sccp[plugin_id].directory)

        assert not definitions.faults
        assert not definitions.warnings
        assert len(definitions.packages) == count
        assert all(file.is_manual for package in definitions.packages.values() for file in package.files)


class TestAssociation:
    @pytest.mark.parametrize(("plugin_id", "model"), ALL)
    def test_each_model_has_one_plugin(self, sccp: BuiltSccp, plugin_id: str, model: str) -> None:
        info = DeviceInfo(vendor="Cisco", model=model)
        scores = {name: built.plugin.associate(info) for name, built in sccp.items()}

        assert scores == {NEW: Support.NONE, OLD: Support.NONE, plugin_id: Support.PROBABLE + 20}

    @pytest.mark.parametrize(
        ("model", "version", "new", "old"),
        [
            ("7941G", "9.0.3", Support.EXACT, Support.NONE),
            ("7941G", "9.4", Support.COMPLETE, Support.NONE),
            ("7941G", "8.5.2", Support.PROBABLE + 50, Support.NONE),
            ("7960G", "8.1.2", Support.NONE, Support.EXACT),
            ("7960G", "7.2", Support.NONE, Support.PROBABLE + 50),
            ("8841", None, Support.NONE, Support.NONE),
            ("SPA504G", "7.5.5", Support.NONE, Support.NONE),
            ("ATA190", None, Support.NONE, Support.NONE),
        ],
    )
    def test_support(self, sccp: BuiltSccp, model: str, version: str | None, new: int, old: int) -> None:
        info = DeviceInfo(vendor="Cisco", model=model, version=version)

        assert (sccp[NEW].plugin.associate(info), sccp[OLD].plugin.associate(info)) == (new, old)

    def test_a_phone_that_has_not_told_its_model_is_taken_for_a_newer_one(self, sccp: BuiltSccp) -> None:
        info = DeviceInfo(vendor="Cisco", mac=MAC)

        assert sccp[NEW].plugin.associate(info) > sccp[OLD].plugin.associate(info) >= Support.PROBABLE

    @pytest.mark.parametrize("mac", ["00:0e:08:98:04:39", "00:18:39:00:00:01"])
    def test_an_address_of_linksys_is_no_sccp_phone(self, sccp: BuiltSccp, mac: str) -> None:
        info = DeviceInfo(vendor="Cisco", mac=mac)

        assert {built.plugin.associate(info) for built in sccp.values()} == {Support.UNKNOWN}

    def test_other_vendors_are_not_supported(self, sccp: BuiltSccp) -> None:
        info = DeviceInfo(vendor="Snom", model="7941G")

        assert {built.plugin.associate(info) for built in sccp.values()} == {Support.NONE}

    def test_synchronize_resets_the_phone_by_its_name(self, sccp: BuiltSccp) -> None:
        action = sccp[NEW].plugin.synchronize(device("7941G"), MINIMAL)

        assert action == SccpReset(device_name="SEP001B54000005")

    def test_a_device_without_a_mac_is_refused(self, sccp: BuiltSccp) -> None:
        with pytest.raises(PluginProblem, match="MAC"):
            list(sccp[NEW].plugin.device_files(Device({"id": "d1", "model": "7941G"}), {**BASE, **MINIMAL}))

    @pytest.mark.parametrize(
        ("model", "own"), [("7941G", ("7941G.cnf.xml.tpl",)), (None, ()), ("../x", ()), ("8841", ())]
    )
    def test_the_administrator_can_override_by_device_then_model_then_all(
        self, sccp: BuiltSccp, model: str | None, own: tuple[str, ...]
    ) -> None:
        (file,) = sccp[NEW].plugin.device_files(device(model), {**BASE, **MINIMAL})

        assert file.templates == (f"{NAME}.tpl", *own, "base.cnf.xml.tpl")


class TestFirstContact:
    def test_the_parameters_of_a_fresh_system_are_enough(self, sccp: BuiltSccp) -> None:
        documents = {document["id"]: document for document in default_configs("192.0.2.1", 8667)}
        raw_config: dict[str, Any] = {}
        for name in ("base", "defaultconfigdevice", "autoprov"):
            raw_config |= documents[name]["raw_config"]
        files = sccp[NEW].device_files(device(None), raw_config)
        tree = ElementTree.fromstring(files[NAME])

        assert managers_of(tree) == [("0", "192.0.2.1", "2000")]
        assert tree.findtext("loadInformation") == ""
        assert tree.findtext("directoryURL") == "http://192.0.2.1/service/ipbx/web_services.php/phonebook/menu"
        assert b"<!-- SEP001B54000005 -->" in files[NAME]

    def test_trust_lists_are_not_made(self, sccp: BuiltSccp) -> None:
        names = {*sccp[NEW].common_files(), *sccp[NEW].device_files(device("7941G"), MINIMAL)}

        assert not [name for name in names if name.endswith(".tlv")]


class TestCallManagers:
    def test_they_come_in_the_order_of_their_priority(self, sccp: BuiltSccp) -> None:
        managers = {"10": {"ip": "c"}, "2": {"ip": "b"}, "1": {"ip": "a", "port": 2443}}
        tree = tree_of(sccp[NEW], {"sccp_call_managers": managers})

        assert managers_of(tree) == [("0", "a", "2443"), ("1", "b", "2000"), ("2", "c", "2000")]

    def test_phones_know_five_of_them(self, sccp: BuiltSccp) -> None:
        managers = {str(number): {"ip": f"10.0.0.{number}"} for number in range(1, 9)}

        assert len(managers_of(tree_of(sccp[NEW], {"sccp_call_managers": managers}))) == 5

    def test_without_any_it_is_the_server(self, sccp: BuiltSccp) -> None:
        assert managers_of(tree_of(sccp[NEW], MINIMAL)) == [("0", "10.0.0.1", "2000")]

    def test_without_any_and_without_a_server_there_is_a_problem(self, sccp: BuiltSccp) -> None:
        with pytest.raises(PluginProblem, match="sccp_call_managers"):
            list(sccp[NEW].plugin.device_files(device("7941G"), MINIMAL))

    def test_the_default_file_names_those_of_the_base_parameters(self, sccp: BuiltSccp) -> None:
        files = sccp[NEW].plugin.common_files({**BASE, "sccp_call_managers": MANAGERS})
        contents = {file.name: file for file in TemplateRenderer(sccp[NEW].directory).files(files)}
        tree = ElementTree.fromstring(contents["XMLDefault.cnf.xml"].content)

        assert tree.tag == "Default"
        assert managers_of(tree) == [("0", "10.0.0.5", "2000"), ("1", "cm.example.org", "2001")]
        assert not contents["XMLDefault.cnf.xml"].sensitive


class TestFirmware:
    @pytest.mark.parametrize(
        ("plugin_id", "model", "load"),
        [
            (NEW, "7906G", "SCCP11.9-0-3S"),
            (NEW, "7931G", "SCCP31.9-0-3S"),
            (NEW, "7961G-GE", "SCCP41.9-0-3S"),
            (NEW, "7962G", "SCCP42.9-0-3S"),
            (NEW, "7965G", "SCCP45.9-0-3S"),
            (NEW, "7971G-GE", "SCCP70.9-0-3S"),
            (NEW, "7975G", "SCCP75.9-0-3S"),
            (OLD, "7912G", "CP7912080004SCCP080108A"),
            (OLD, "7960G", "P0030801SR02"),
        ],
    )
    def test_the_load_of_a_model(self, sccp: BuiltSccp, plugin_id: str, model: str, load: str) -> None:
        assert tree_of(sccp[plugin_id], MINIMAL, model).findtext("loadInformation") == load

    def test_defaults_by_the_number_of_the_model(self, sccp: BuiltSccp) -> None:
        tree = ElementTree.fromstring(sccp[NEW].common_files()["XMLDefault.cnf.xml"])
        loads = {each.tag: (each.get("model"), each.text) for each in tree if each.tag.startswith("loadInformation")}

        assert loads["loadInformation30018"] == ("IP Phone 7961", "SCCP41.9-0-3S")
        assert loads["loadInformation308"] == ("IP Phone 7961-GE", "SCCP41.9-0-3S")
        assert loads["loadInformation119"] == ("IP Phone 7971", "SCCP70.9-0-3S")
        assert len(loads) == len([each for each in tree if each.tag.startswith("loadInformation")]) == 14

    def test_the_image_of_a_7960_is_the_one_of_its_file(self, sccp: BuiltSccp) -> None:
        load = tree_of(sccp[OLD], MINIMAL, "7960G").findtext("loadInformation")

        for plugin in sccp.values():
            assert plugin.common_files()["OS79XX.TXT"] == f"{load}\n".encode()


class TestClock:
    @pytest.mark.parametrize(
        ("timezone", "name"),
        [
            ("Europe/Paris", "W. Europe Standard/Daylight Time"),
            ("Europe/London", "GMT Standard/Daylight Time"),
            ("Europe/Helsinki", "GTB Standard/Daylight Time"),
            ("Africa/Cairo", "Egypt Standard/Daylight Time"),
            ("Asia/Jerusalem", "Jerusalem Standard/Daylight Time"),
            ("Africa/Johannesburg", "South Africa Standard Time"),
            ("America/Montreal", "Eastern Standard/Daylight Time"),
            ("America/Bogota", "SA Pacific Standard Time"),
            ("America/Phoenix", "US Mountain Standard Time"),
            ("America/Regina", "Canada Central Standard Time"),
            ("America/St_Johns", "Newfoundland Standard/Daylight Time"),
            ("Asia/Tokyo", "Tokyo Standard Time"),
            ("Asia/Kolkata", "India Standard Time"),
            ("Asia/Shanghai", "China Standard/Daylight Time"),
            ("Asia/Singapore", "Taipei Standard Time"),
            ("Australia/Sydney", "AUS Eastern Standard/Daylight Time"),
            ("Australia/Brisbane", "E. Australia Standard Time"),
            ("Australia/Hobart", "Tasmania Standard/Daylight Time"),
            ("Pacific/Auckland", "New Zealand Standard/Daylight Time"),
            ("Asia/Kathmandu", "India Standard Time"),
            ("UTC", "Greenwich Standard Time"),
        ],
    )
    def test_time_zones(self, sccp: BuiltSccp, timezone: str, name: str) -> None:
        assert tree_of(sccp[NEW], {"timezone": timezone}).findtext(".//timeZone") == name

    def test_without_a_time_zone_it_is_utc(self, sccp: BuiltSccp) -> None:
        assert tree_of(sccp[NEW], MINIMAL).findtext(".//timeZone") == "Greenwich Standard Time"

    def test_an_unknown_zone_is_a_problem(self, sccp: BuiltSccp) -> None:
        with pytest.raises(PluginProblem, match="Mars/Base"):
            tree_of(sccp[NEW], {"timezone": "Mars/Base"})

    @pytest.mark.parametrize(("locale", "template"), [("en_US", "M/D/YA"), ("en_GB", "D/M/Y"), ("fr_FR", "D/M/Y")])
    def test_date_and_clock(self, sccp: BuiltSccp, locale: str, template: str) -> None:
        assert tree_of(sccp[NEW], {"locale": locale}).findtext(".//dateTemplate") == template

    def test_the_time_server_only_when_it_is_enabled(self, sccp: BuiltSccp) -> None:
        on, off = {"ntp_enabled": True, "ntp_ip": "10.0.0.1"}, {"ntp_enabled": False, "ntp_ip": "10.0.0.1"}

        assert tree_of(sccp[NEW], on).findtext(".//ntp/name") == "10.0.0.1"
        assert tree_of(sccp[NEW], off).find(".//ntp") is None


class TestLocale:
    @pytest.mark.parametrize(
        ("locale", "language", "code", "tones"),
        [
            ("fr_FR", "i18n/french_france", "fr", "i18n/france"),
            ("fr_CA", "i18n/french_france", "fr", "i18n/canada"),
            ("de_AT", "i18n/german_germany", "de", "i18n/austria"),
            ("es_ES", "i18n/spanish_spain", "es", "i18n/spain"),
            ("en_GB", "i18n/english_united_kingdom", "en", "i18n/united_kingdom"),
            ("en_CA", None, None, "i18n/canada"),
            ("en_US", None, None, None),
            ("ja_JP", None, None, None),
        ],
    )
    def test_language_and_tones(
        self, sccp: BuiltSccp, locale: str, language: str | None, code: str | None, tones: str | None
    ) -> None:
        tree = tree_of(sccp[NEW], {"locale": locale})

        assert (tree.findtext("userLocale/name"), tree.findtext("userLocale/langCode")) == (language, code)
        assert tree.findtext("networkLocale") == tree.findtext("networkLocaleInfo/name") == tones

    @pytest.mark.parametrize(("plugin_id", "charset"), [(NEW, "utf-8"), (OLD, "iso-8859-1")])
    def test_charset_of_the_generation(self, sccp: BuiltSccp, plugin_id: str, charset: str) -> None:
        tree = tree_of(sccp[plugin_id], TWO_LINES_IN_FRENCH, None)

        assert tree.findtext("userLocale/winCharSet") == charset


class TestNetwork:
    def test_everything(self, sccp: BuiltSccp) -> None:
        tree = tree_of(sccp[NEW], EVERYTHING)
        vendor_config = {each.tag: each.text for each in tree.find("vendorConfig") or ()}

        assert (vendor_config["adminVlanId"], vendor_config["pcPortVlanId"]) == ("100", "200")
        assert vendor_config["logServer"] == "10.0.0.9:1514"
        assert (tree.findtext("sshUserId"), tree.findtext("sshPassword")) == ("root", "22223")
        assert vendor_config["sshAccess"] == "0"
        assert tree.findtext("commonProfile/phonePassword") == "22223"
        url = "http://10.0.0.3:9498/0.1/directories/menu/default/cisco?xivo_user_uuid="
        assert tree.findtext("directoryURL") == f"{url}{EVERYTHING['X_xivo_user_uuid']}"

    def test_nothing(self, sccp: BuiltSccp) -> None:
        tree = tree_of(sccp[NEW], MINIMAL)
        vendor_config = {each.tag: each.text for each in tree.find("vendorConfig") or ()}

        assert not {"adminVlanId", "pcPortVlanId", "logServer"} & set(vendor_config)
        assert vendor_config["sshAccess"] == "1"
        assert (tree.findtext("sshUserId"), tree.findtext("directoryURL")) == ("", "")

    def test_vlan_zero_is_a_vlan(self, sccp: BuiltSccp) -> None:
        tree = tree_of(sccp[NEW], {"vlan_enabled": True, "vlan_id": 0})

        assert tree.findtext("vendorConfig/adminVlanId") == "0"

    def test_what_is_off_is_left_out(self, sccp: BuiltSccp) -> None:
        off = {"vlan_enabled": False, "vlan_id": 5, "syslog_enabled": False, "syslog_ip": "10.0.0.9"}

        assert content_of(sccp[NEW], off) == content_of(sccp[NEW], {})

    def test_the_version_changes_with_what_the_file_says(self, sccp: BuiltSccp) -> None:
        raw_configs = [MINIMAL, EVERYTHING, {**MINIMAL, "locale": "fr_FR"}, {**MINIMAL, "X_note": "unused"}]
        stamps = [tree_of(sccp[NEW], raw_config).findtext("versionStamp") for raw_config in raw_configs]

        assert len(set(stamps)) == 3
        assert stamps[0] == stamps[3]


class TestHostileValues:
    @pytest.mark.parametrize("plugin_id", MODELS)
    @pytest.mark.parametrize("text", HOSTILE_TEXTS)
    def test_every_text_stays_in_its_element(self, sccp: BuiltSccp, plugin_id: str, text: str) -> None:
        raw_config = {
            "admin_username": text,
            "admin_password": text,
            "ntp_enabled": True,
            "ntp_ip": text,
            "X_xivo_phonebook_ip": text,
            "X_xivo_user_uuid": text,
            "sccp_call_managers": {"1": {"ip": text}},
        }
        tree = tree_of(sccp[plugin_id], raw_config, None)
        shown = text.replace("\0", "").replace("\x07", "").replace("\r\n", "\n")

        assert tree.findtext("commonProfile/phonePassword") == shown
        assert tree.findtext(".//processNodeName") == shown
        assert len(list(tree)) == len(list(tree_of(sccp[plugin_id], MINIMAL, None)))
