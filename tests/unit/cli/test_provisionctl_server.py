"""``provisionctl plugin``, ``firmware``, ``param``, ``operation``, ``token``, ``tenant`` and the rest, on stand-ins."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.support.administrator import Administrator
from tests.support.packages import FakePackages
from tests.support.provisioning import PLUGIN, FakeEntry, FakeOffer, World, run

from provisiond.cli.provisionctl.commands.plugin import AUTHORS
from provisiond.errors import PackageProblem
from provisiond.model.trouble import Trouble


def test_a_misspelt_noun_is_refused_with_what_may_be_meant(admin: Administrator) -> None:
    assert "No such command 'plugins'. Is plugin meant?" in admin.refused(2, "plugins", "list")
    assert admin.refused(2, "xyzzy").endswith("No such command 'xyzzy'.\n")


class TestPlugins:
    def test_installed_ones_are_listed_with_what_is_offered(self, admin: Administrator, world: World) -> None:
        world.archives.offers["other-2.0"] = FakeOffer()
        [row] = json.loads(admin.told("plugin", "list", "-o", "json"))
        assert (row["id"], row["state"], row["offered"]) == (PLUGIN, "loaded", None)
        assert admin.told("plugin", "search", "-o", "name") == "other-2.0\n"
        assert admin.told("plugin", "search", "OTHER", "-o", "name") == "other-2.0\n"
        assert admin.told("plugin", "search", "nothing") == ""
        assert json.loads(admin.told("plugin", "show", PLUGIN, "-o", "json"))["loaded"] is True
        assert json.loads(admin.told("plugin", "show", "other-2.0", "-o", "json"))["installed"] is None
        assert "plugin search" in admin.refused(3, "plugin", "show", "none")

    def test_they_are_installed_upgraded_reloaded_and_removed(self, admin: Administrator, world: World) -> None:
        world.archives.offers.update({"other-2.0": FakeOffer(), PLUGIN: FakeOffer()})
        world.archives.entries["other-2.0"] = [FakeEntry("1.0"), FakeEntry("0.9")]
        assert admin.told("plugin", "update") == "update: done\n"
        assert admin.told("plugin", "install", "other-2.0", "--version", "0.9") == "other-2.0: done\n"
        assert world.archives.wishes == [("other-2.0", "0.9", None)]
        assert admin.told("plugin", "upgrade", "other-2.0") == "other-2.0: done\n"
        assert admin.told("plugin", "upgrade", "--all").startswith("every plugin is of the version")
        assert admin.told("plugin", "reload", "other-2.0") == "reloaded other-2.0\n"
        assert admin.told("plugin", "versions", "other-2.0", "-o", "name") == "other-2.0\n"
        assert admin.told("plugin", "downgrade", "other-2.0", "--version", "0.9")
        assert "--yes" in admin.refused(2, "plugin", "uninstall", "other-2.0")
        assert admin.told("plugin", "uninstall", "--yes", "other-2.0") == "uninstalled other-2.0\n"
        admin.refused(4, "plugin", "install", "none")
        admin.refused(2, "plugin", "upgrade")
        assert admin.told("plugin", "problems") == ""
        world.host.notes.note(PLUGIN, "device", "the template is wrong", "d1")
        assert re.search(r"the template is wrong +d1 +1 +\d{4}-\d\d-\d\dT", admin.told("plugin", "problems"))
        [row] = json.loads(admin.told("plugin", "problems", "-o", "json"))
        assert isinstance(row["first_seen"], float)
        assert admin.told("repo", "list") == ""

    def test_a_failed_install_tells_its_reason(self, admin: Administrator, world: World) -> None:
        world.archives.offers["other-2.0"] = FakeOffer()
        world.archives.fails = PackageProblem("the archive is broken")
        assert admin.refused(1, "plugin", "install", "other-2.0") == "provisionctl: other-2.0: the archive is broken\n"

    def test_authors_find_their_tools_here(self, admin: Administrator, tmp_path: Path) -> None:
        from provisiond.cli.authoring import main

        assert {*main.commands} == {*AUTHORS}
        assert "Write a working skeleton" in admin.told("plugin", "new", "--help")
        assert "search" in admin.told("plugin", "--help")


class TestFirmware:
    def test_packages_are_installed_one_by_one_or_all(self, admin: Administrator, packages: FakePackages) -> None:
        assert admin.told("firmware", "list", PLUGIN, "-o", "name") == "firmware\nfrench\n"
        assert admin.told("firmware", "install", PLUGIN, "french") == "french: done\n"
        assert admin.told("firmware", "install-all", PLUGIN) == f"{PLUGIN}: done\n"
        assert admin.told("firmware", "install-all", PLUGIN) == "everything is installed\n"
        assert admin.told("firmware", "upgrade", PLUGIN, "french", "firmware").splitlines() == [
            "french: done",
            "firmware: done",
        ]
        assert admin.told("firmware", "uninstall", "--yes", PLUGIN, "french") == "uninstalled french\n"
        table = admin.told("firmware", "list", PLUGIN).splitlines()
        assert table[0].split() == ["ID", "VERSION", "INSTALLED", "DSIZE", "DESCRIPTION"]
        assert table[1].split()[:4] == ["firmware", "1.0", "1.0", "100"]
        admin.refused(3, "firmware", "list", "none")
        admin.refused(4, "firmware", "install", PLUGIN, "none")

    def test_files_are_told_brought_and_checked(self, admin: Administrator, tmp_path: Path) -> None:
        assert "fw.bin" in admin.told("firmware", "files", PLUGIN)
        file = tmp_path / "fw.bin"
        file.write_bytes(b"x")
        assert admin.told("firmware", "bring", PLUGIN, str(file)) == "brought fw.bin\n"
        assert admin.types("firmware", "check", PLUGIN).exit_code == 1
        assert "404" in admin.types("firmware", "check", "--last", PLUGIN).stdout


class TestOperations:
    def test_work_can_be_left_and_found_again(self, admin: Administrator, world: World) -> None:
        world.archives.offers["other-2.0"] = FakeOffer()
        world.archives.gate.shut()
        address = admin.told("plugin", "install", "--no-wait", "other-2.0").strip()
        assert json.loads(admin.told("operation", "show", address, "-o", "json"))["state"] == "progress"
        world.archives.gate.open()
        assert admin.told("operation", "wait", address) == f"{address}: done\n"
        assert json.loads(admin.told("operation", "show", address, "-o", "json"))["done"] == 10
        admin.told("operation", "cancel", address)
        admin.refused(3, "operation", "show", address)
        admin.refused(2, "operation", "show", "../x")

    def test_ctrl_c_leaves_the_work_alone_and_says_how_to_come_back(self, admin: Administrator, world: World) -> None:
        world.archives.offers["other-2.0"] = FakeOffer()
        world.archives.gate.shut()
        admin.interrupts = True
        told = admin.refused(130, "plugin", "install", "other-2.0")
        assert "provisionctl operation wait pg_mgr/install/install/" in told
        world.archives.gate.open()
        assert "other-2.0" in world.host.on_disk


class TestAccess:
    def test_tokens(self, admin: Administrator) -> None:
        text = admin.told("token", "create", "confd", "--acl", "provd.dev_mgr.#", "--expires", "90d").strip()
        rows = json.loads(admin.told("token", "list", "-o", "json"))
        [row] = [each for each in rows if each["name"] == "confd"]
        assert text
        assert text not in admin.told("token", "list")
        assert admin.told("token", "show", row["id"])
        assert admin.told("token", "revoke", "--yes", row["id"])
        admin.refused(3, "token", "show", row["id"])
        assert "neither a span" in admin.refused(2, "token", "create", "x", "--acl", "#", "--expires", "soon")

    def test_tenants(self, admin: Administrator) -> None:
        uuid, other = (admin.told("tenant", "add", name).strip() for name in ("shop", "floor"))
        admin.told("tenant", "rename", uuid, "store")
        admin.told("tenant", "move", other, uuid)
        assert json.loads(admin.told("tenant", "show", other, "-o", "json"))["parent_uuid"] == uuid
        assert "store" in admin.told("tenant", "list")
        admin.refused(4, "tenant", "rm", "--yes", uuid)
        admin.told("tenant", "rm", "--yes", other, uuid)


class TestServer:
    def test_parameters(self, admin: Administrator) -> None:
        admin.told("param", "set", "http_proxy", "http://proxy.example:3128")
        assert admin.told("param", "get", "http_proxy") == "http://proxy.example:3128\n"
        admin.told("param", "unset", "http_proxy")
        assert admin.told("param", "get", "http_proxy") == ""
        admin.told("param", "set", "--json", "NAT", "1")
        assert "NAT" in admin.told("param", "list", "-o", "name").split()
        admin.refused(2, "param", "set", "--json", "NAT", "{")
        admin.refused(4, "param", "set", "NAT", "7")
        admin.refused(3, "param", "get", "none")
        for words in (["list"], ["get", "user"], ["set", "user", "x"]):
            admin.refused(3, "param", *words, "--plugin", PLUGIN)

    def test_the_state_of_the_server_is_told_in_one_look(self, admin: Administrator, world: World) -> None:
        world.device(config="none")
        told = admin.told("status")
        assert "rest_api" in told
        assert any(line.split() == ["devices_not_configured", "1"] for line in told.splitlines())
        assert json.loads(admin.told("status", "-o", "json"))["rest_api"] == "ok"

    def test_what_is_wrong_is_told_in_words_and_ends_with_1(self, admin: Administrator, world: World) -> None:
        found = [Trouble(code="disk-full", about="general.state_dir", sentence="general.state_dir: the disk is full")]

        async def check() -> list[Trouble]:
            return found

        world.house.health.add("the disk", check)
        result = admin.types("status")
        assert result.exit_code == 1
        assert "error: general.state_dir: the disk is full (disk-full, since 2026-" in result.stdout
        assert "Remove what is not needed" in result.stdout
        assert "the server is not in order" in result.stderr
        rows = json.loads(admin.types("status", "-o", "json").stdout)["problems"]
        assert [(row["code"], row["severity"], row["about"]) for row in rows] == [
            ("disk-full", "error", "general.state_dir")
        ]
        found.clear()
        assert "disk" not in admin.told("status")

    def test_notices_are_told_and_do_not_count(self, admin: Administrator, world: World) -> None:
        async def check() -> list[Trouble]:
            return [Trouble(code="firmware-missing", about="a", sentence="no firmware of plugin a is installed")]

        world.house.health.add("the firmware", check)
        assert "notice: no firmware of plugin a is installed" in admin.told("status")

    def test_events_are_written_as_they_come(self, admin: Administrator, world: World) -> None:
        first = admin.types("events")
        assert (first.exit_code, first.stdout) == (130, "")
        world.device(id="d")
        begin = json.loads(admin.types("events", "-o", "json", "--since", "0-0").stdout.splitlines()[0])
        assert begin["kind"] in ("begin", "lost")
        assert admin.types("device", "watch").stdout == ""

    def test_shells_complete_what_the_server_has(self, admin: Administrator, world: World) -> None:
        from click.shell_completion import ShellComplete

        from provisiond.cli.provisionctl.program import program
        from provisiond.cli.provisionctl.session import Session

        run(world.house.devices.create({"id": "d1"}, world.scope))

        def offered(*words: str, typed: str = "") -> list[str]:
            session = Session(dial=lambda target: admin)
            complete = ShellComplete(program, {"obj": session}, "provisionctl", "_PROVISIONCTL_COMPLETE")
            return [item.value for item in complete.get_completions([*words], typed)]

        assert offered(typed="dev") == ["device"]
        assert offered("device", "show") == ["d1"]
        assert "base" in offered("config", "show", typed="b")
        assert offered("plugin", "reload") == [PLUGIN]
        assert offered("firmware", "install", PLUGIN, typed="fi") == ["firmware"]
        assert "http_proxy" in offered("param", "get", typed="http")
        assert all(offered(*words) for words in (("token", "revoke"), ("tenant", "show")))
        assert offered("device", "show", typed="zzz") == []

    def test_scripts_for_shells(self, admin: Administrator) -> None:
        for shell in ("bash", "zsh", "fish"):
            assert "_PROVISIONCTL_COMPLETE" in admin.told("completion", shell)
        admin.refused(2, "completion", "csh")
