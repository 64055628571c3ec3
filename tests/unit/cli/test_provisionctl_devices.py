"""``provisionctl device``, ``config``, ``import`` and ``export`` on stand-ins."""

from __future__ import annotations

import csv
import datetime
import json
from pathlib import Path

import pytest
import yaml
from tests.support.administrator import Administrator
from tests.support.provisioning import PLUGIN, World


@pytest.fixture
def phones(admin: Administrator, world: World) -> list[str]:
    """Three devices, of which one has no plugin."""
    for number, plugin in enumerate((PLUGIN, PLUGIN, "none-1")):
        mac = f"00:08:5d:00:00:0{number}"
        admin.told("config", "add", f"c{number}", "--parent", "base", f"sip_lines.1.username=user{number}")
        members = (f"id=d{number}", f"mac={mac}", f"plugin={plugin}", f"config=c{number}", f"version=1.{number}")
        assert admin.told("device", "add", *members) == f"d{number}\n"
    world.settle()
    return ["d0", "d1", "d2"]


class TestLists:
    def test_a_table_names_its_columns_and_shows_booleans_as_words(
        self, admin: Administrator, phones: list[str]
    ) -> None:
        head, *lines = admin.told("device", "list", "--sort", "-mac").splitlines()
        assert head.split() == ["ID", "MAC", "IP", "VENDOR", "MODEL", "VERSION", "PLUGIN", "CONFIG", "CONFIGURED"]
        assert [line.split()[0] for line in lines] == ["d2", "d1", "d0"]
        assert [line.split()[-1] for line in lines] == ["no", "yes", "yes"]

    def test_programs_get_json_yaml_csv_and_names(self, admin: Administrator, phones: list[str]) -> None:
        listed = json.loads(admin.told("device", "list", "-o", "json"))
        assert [each["id"] for each in listed] == phones
        assert listed[0]["tenant_uuid"]
        assert yaml.safe_load(admin.told("device", "list", "-o", "yaml")) == listed
        rows = [*csv.DictReader(admin.told("device", "list", "-o", "csv", "--columns", "id,configured").splitlines())]
        assert rows[2] == {"id": "d2", "configured": "false"}
        assert admin.told("device", "list", "-o", "name") == "d0\nd1\nd2\n"
        assert json.loads(admin.told("device", "list", "-o", "json", "--columns", "mac", "--limit", "1")) == [
            {"mac": "00:08:5d:00:00:00"}
        ]

    @pytest.mark.parametrize(
        ("filters", "found"),
        [
            (["-f", "configured=false"], "d2"),
            (["-f", "configured!=false", "-f", "version>1.0"], "d1"),
            (["-f", "mac~:02"], "d2"),
            (["-f", "vendor"], ""),
            (["-f", "!vendor", "-f", "version<=1.0"], "d0"),
            (["-q", '{"id": {"$in": ["d1"]}}'], "d1"),
            (["--skip", "1", "--limit", "1"], "d1"),
            (["--sort=-version", "--limit", "1"], "d2"),
        ],
    )
    def test_filters_become_selectors(
        self, admin: Administrator, phones: list[str], filters: list[str], found: str
    ) -> None:
        assert admin.told("device", "list", "-o", "name", *filters).split() == found.split()

    @pytest.mark.parametrize(
        "wrong", [["-f", "="], ["-q", "["], ["-q", "5"], ["--limit", "-1"], ["-f", "a=1", "-f", "a=2"]]
    )
    def test_a_wrong_filter_is_wrong_usage(self, admin: Administrator, wrong: list[str]) -> None:
        admin.refused(2, "device", "list", *wrong)


class TestDevices:
    def test_one_is_shown_with_the_state_of_its_phone(self, admin: Administrator, phones: list[str]) -> None:
        lines = (line.split(None, 1) for line in admin.told("device", "show", "d0").splitlines())
        told = dict(line for line in lines if len(line) == 2)
        assert (told["mac"], told["configured"], told["status.current"]) == ("00:08:5d:00:00:00", "yes", "unknown")
        assert json.loads(admin.told("device", "show", "d0", "-o", "json"))["plugin"] == PLUGIN

    def test_members_are_set_and_removed(self, admin: Administrator, phones: list[str]) -> None:
        admin.told("device", "set", "d0", "description=at the door", "options.switchboard:=true", "X_n:=[1]")
        shown = json.loads(admin.told("device", "show", "d0", "-o", "json"))
        assert (shown["description"], shown["options"], shown["X_n"]) == ("at the door", {"switchboard": True}, [1])
        admin.told("device", "unset", "d0", "options.switchboard", "X_n", "nothing.at.all")
        shown = json.loads(admin.told("device", "show", "d0", "-o", "json"))
        assert (shown["options"], "X_n" in shown) == ({}, False)

    @pytest.mark.parametrize("wrong", ["novalue", "=x", ":=1", "a:={"])
    def test_what_assigns_nothing_is_wrong_usage(self, admin: Administrator, phones: list[str], wrong: str) -> None:
        admin.refused(2, "device", "set", "d0", wrong)

    def test_refusals_tell_the_sentence_of_the_server_and_what_to_do(
        self, admin: Administrator, phones: list[str]
    ) -> None:
        told = admin.refused(4, "device", "set", "d0", "mac=nonsense")
        assert told.startswith("provisionctl: device.mac must be of the form")
        assert "Correct what the sentence names" in told
        assert "No such resource" in admin.refused(3, "device", "show", "none")

    def test_the_same_is_done_to_many_and_failures_are_summed_up(self, admin: Administrator, phones: list[str]) -> None:
        assert sorted(admin.told("device", "reconfigure", "--all").split()[1::2]) == phones
        told = admin.refused(4, "device", "reconfigure", "-", stdin="d0\n\nx\ny\nd0\n")
        assert "2 of 3 failed" in told
        assert admin.told("device", "sync", "--no-wait", "--filter", "version=1.0").startswith("dev_mgr/synchronize/")

    def test_what_is_meant_must_be_said_once(self, admin: Administrator, phones: list[str]) -> None:
        for words in ([], ["d0", "--all"], ["--all", "-f", "mac"]):
            assert "name ids" in admin.refused(2, "device", "reconfigure", *words)

    def test_deletion_asks_or_is_told_yes(self, admin: Administrator, phones: list[str]) -> None:
        assert "--yes" in admin.refused(2, "device", "rm", "d0")
        assert admin.told("device", "rm", "--yes", "d0", "d1")
        assert admin.told("device", "list", "-o", "name") == "d2\n"
        assert admin.told("device", "rm", "--yes", "--filter", "vendor=none") == ""

    def test_a_synchronization_that_fails_tells_why(self, admin: Administrator, phones: list[str]) -> None:
        assert "not configured" in admin.refused(1, "device", "sync", "d2")
        assert "failed" in admin.told("device", "steps", "d2", "-o", "name")
        at = json.loads(admin.told("device", "steps", "d2", "-o", "json"))[0]["at"]
        shown = admin.told("device", "steps", "d2").splitlines()[1].split()[1]
        assert datetime.datetime.fromisoformat(shown).timestamp() == int(at)

    @pytest.mark.parametrize(
        ("value", "why"), [("config=nothere", 'config "nothere" does not exist'), ("plugin=none-2", "none-2")]
    )
    def test_what_leaves_a_device_without_files_is_written_and_remarked(
        self, admin: Administrator, phones: list[str], value: str, why: str
    ) -> None:
        result = admin.types("device", "set", "d0", value)
        assert (result.stdout, result.exit_code) == ("changed d0\n", 0)
        assert result.stderr.startswith("d0 has no files: ")
        assert why in result.stderr
        assert admin.types("device", "set", "d1", "config=c0").stderr == ""

    def test_many_are_synchronized_in_one_operation(self, admin: Administrator, phones: list[str]) -> None:
        address = admin.told("device", "sync", "--no-wait", "--rate", "5", "--all")
        assert address.startswith("dev_mgr/synchronize_many/")
        assert "rate is 0.1 to 1000" in admin.refused(4, "device", "sync", "--rate", "0", "--all")
        nobody = admin.types("device", "sync", "--filter", "vendor=Nobody")
        assert (nobody.exit_code, nobody.stdout, nobody.stderr) == (0, "", "nothing is selected\n")

    def test_what_a_phone_gets_is_listed_shown_and_compared(self, admin: Administrator, phones: list[str]) -> None:
        name = admin.told("device", "files", "d0", "-o", "name").split()[0]
        assert "user0" in admin.told("device", "preview", "d0")
        assert "user0" in admin.told("device", "preview", "d0", name)
        assert admin.told("device", "diff", "d0") == ""
        assert "d0 has fetched none of its files yet" in admin.types("device", "diff", "d0").stderr
        for word in ("preview", "diff"):
            assert 'd2 has no files: plugin "none-1" is not loaded' in admin.refused(1, "device", word, "d2")
        admin.refused(3, "device", "diff", "d0", name)
        assert admin.told("device", "journal", "d0") == ""
        assert admin.told("device", "behind", "--state", "unknown", "-o", "name").split() == ["d0", "d1"]
        none = admin.types("device", "plugins", "d0")
        assert (none.stdout, none.stderr.startswith("no repository offers another plugin for d0")) == ("", True)

    def test_the_list_tells_which_phones_run_their_present_configuration(
        self, admin: Administrator, phones: list[str]
    ) -> None:
        assert "current" not in admin.told("device", "list")
        first, *rows = admin.told("device", "list", "--current", "-o", "csv").splitlines()
        assert first.split(",")[-1] == "current"
        assert sorted((row.split(",")[0], row.split(",")[-1]) for row in rows) == [
            ("d0", "unknown"),
            ("d1", "unknown"),
            ("d2", ""),
        ]
        shown = json.loads(admin.told("device", "list", "--columns", "current,mac", "-o", "json"))
        assert [each["current"] for each in shown].count("unknown") == 2
        assert all(set(each) == {"current", "mac"} for each in shown)

    def test_leases_are_reported(self, admin: Administrator) -> None:
        admin.told("device", "lease", "commit", "192.0.2.7", "00:08:5d:00:00:09", "06066.6f")
        assert "options" in admin.refused(4, "device", "lease", "commit", "192.0.2.7", "00:08:5d:00:00:09", "x")
        assert "needs the MAC address" in admin.refused(2, "device", "lease", "commit", "192.0.2.7")


class TestConfigs:
    def test_parameters_are_set_merged_and_removed(self, admin: Administrator) -> None:
        admin.told("config", "add", "alice", "--parent", "base", "ntp_ip=192.0.2.3")
        admin.told("config", "set", "alice", "ntp_enabled:=true", "sip_lines.1.username=alice")
        shown = json.loads(admin.told("config", "show", "alice", "-o", "json"))
        lines = {"1": {"username": "alice"}}
        assert shown["raw_config"] == {"ntp_ip": "192.0.2.3", "ntp_enabled": True, "sip_lines": lines}
        assert "http_base_url" in json.loads(admin.told("config", "raw", "alice", "-o", "json"))
        admin.told("config", "unset", "alice", "sip_lines.1.username")
        admin.told("config", "set", "--member", "alice", "label=Alice")
        shown = json.loads(admin.told("config", "show", "alice", "-o", "json"))
        assert (shown["label"], shown["raw_config"]["sip_lines"]) == ("Alice", {"1": {}})
        admin.told("config", "unset", "--member", "alice", "label")
        assert "label" not in admin.told("config", "show", "alice")

    def test_parents_are_told_and_changed(self, admin: Administrator) -> None:
        admin.told("config", "add", "k")
        assert admin.told("config", "parents", "k", "--add", "base", "--add", "default") == "base\ndefault\n"
        assert admin.told("config", "parents", "k", "--remove", "base") == "default\n"
        assert admin.told("config", "parents", "k", "--set", "base,defaultconfigdevice").split()[0] == "base"
        assert admin.told("config", "parents", "k") == "base\ndefaultconfigdevice\n"

    def test_the_tree_shows_who_inherits(self, admin: Administrator) -> None:
        admin.told("config", "add", "floor", "--parent", "base")
        admin.told("config", "add", "door", "--parent", "floor", "--parent", "base")
        lines = admin.told("config", "tree", "base").splitlines()
        assert lines == ["base", "├─ autoprov", "├─ door", "└─ floor", "   └─ door"]
        assert "default" in admin.told("config", "tree").splitlines()
        admin.refused(3, "config", "tree", "none")

    def test_a_config_that_is_its_own_ancestor_is_drawn_once(self, admin: Administrator) -> None:
        admin.told("config", "add", "a", "--parent", "b")
        admin.told("config", "add", "b", "--parent", "a")
        assert admin.told("config", "tree", "a").splitlines() == ["a", "└─ b"]

    def test_copies_dry_runs_and_the_end(self, admin: Administrator, phones: list[str]) -> None:
        assert admin.told("config", "clone", "c0", "c9") == "c9\n"
        told = admin.told("config", "dry-run", "c0", "sip_lines.1.username=other", "--diff")
        assert "d0" in told
        assert "other" in told
        assert json.loads(admin.told("config", "show", "c0", "-o", "json"))["raw_config"]["sip_lines"]["1"] == {
            "username": "user0"
        }
        made = admin.told("config", "add", "--autocreate").strip()
        assert admin.told("config", "rm", "--yes", made, "c9")
        assert "deletable" in admin.refused(4, "config", "rm", "--yes", "base")
        assert admin.told("config", "list", "-f", "X_type=registrar", "-o", "name") == "default\n"
        admin.told("config", "rm", "--yes", "--all")
        left = {"autoprov", "base", "default", "defaultconfigdevice"}
        assert {*admin.told("config", "list", "-o", "name").split()} == left

    def test_a_document_comes_from_a_file_or_standard_input(self, admin: Administrator, tmp_path: Path) -> None:
        file = tmp_path / "k.json"
        file.write_text('{"id": "k", "parent_ids": ["base"], "raw_config": {}}')
        assert admin.told("config", "add", "--from", f"@{file}", "k") == "k\n"
        assert admin.told("device", "add", "--from", "-", "id=d", stdin='{"mac": "00:08:5d:00:00:01"}') == "d\n"
        admin.refused(2, "device", "add", "--from", f"@{tmp_path}/none")


class TestManyAtOnce:
    def test_what_is_exported_can_be_imported(self, admin: Administrator, phones: list[str], tmp_path: Path) -> None:
        target = tmp_path / "phones.csv"
        admin.told("export", "devices", "--to", str(target), "-f", "plugin=" + PLUGIN)
        assert target.stat().st_mode & 0o777 == 0o600
        told = admin.told("import", "devices", str(target), "--mode", "upsert", "--dry-run")
        assert told == "2 rows: 0 would be created, 0 would be replaced, 2 as they are already\n"
        lines = admin.told("export", "configs", "--filter", "id=c0")
        assert json.loads(lines)["id"] == "c0"

    def test_wrong_rows_are_named(self, admin: Administrator) -> None:
        told = admin.refused(4, "import", "devices", "-", stdin='{"mac": 5}\n{"mac": "x"}\n')
        assert "row 1: " in told
        assert "row 2: " in told
        assert admin.told("device", "list") == ""
