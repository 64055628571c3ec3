"""The package contract, and every example of the document "REST /package"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.package_world import ICON, NODE, PackageWorld, package_file, packed
from tests.support.plugin_packages import link, member
from tests.support.provisioning import Gate, run
from twisted.logger import capturedLogs, eventAsText

from provisiond import __version__
from provisiond.packages.network_problems import NetworkProblem
from provisiond.packages.repositories import Repository
from provisiond.provisioning.package_values import node_name

REPO1, REPO2 = "http://192.168.1.30/fritz/repo1", "http://192.168.1.30/fritz/repo2"
NIGHTLY = "http://repo.domogik.org/repository/nightly"
OK = {"status": "OK", "code": 0, "description": "None"}
APUSHNOT: dict[str, Any] = {
    "category": "notification",
    "documentation": "http://wiki.domogik.org/plugin_apushnot",
    "description": "Android notification system base on external service provide by notifry",
    "author": "Kriss",
    "author_email": "Kriss@domogik.org",
    "changelog": "0.1\n- plugin creation",
    "domogik_min_version": "0.1.0",
    "archive_url": f"{NIGHTLY}/download/plugin/apushnot/0.1a0.dev20120508",
    "dependencies": [{"type": "python", "id": "cjson"}],
    "version": "0.1a0.dev20120508",
    "type": "plugin",
    "id": "apushnot",
    "name": "apushnot",
}


def failed(sentence: str) -> dict[str, Any]:
    return {"status": "ERROR", "code": 0, "description": f"Error : {sentence}"}


@pytest.fixture
def packages(tmp_path: Path) -> Iterator[PackageWorld]:
    yield from opened(PackageWorld(tmp_path))


def opened(made: PackageWorld) -> Iterator[PackageWorld]:
    yield made
    for call in made.world.clock.getDelayedCalls():
        call.cancel()


@pytest.fixture
def filled(packages: PackageWorld) -> PackageWorld:
    """One repository with three versions of a plugin."""
    packages.list.write_text(f"500 {REPO1}\n")
    offers = [packages.offer(REPO1, version, changelog=f"{version}: better") for version in ("0.9", "0.10", "0.2")]
    packages.serve(REPO1, *offers, icons={"icon_plugin_diskfree_0.9.png": ICON})
    assert packages.update() == {**OK, "cache": []}
    return packages


class TestDocument:
    """Each test is an example of the published page."""

    def test_get_mode_normal(self, packages: PackageWorld) -> None:
        answer = packages.call("GET", "get-mode")
        assert answer.document == {**OK, "mode": ["normal"]}
        assert list(answer.document) == ["status", "code", "description", "mode"]

    def test_get_mode_development(self, tmp_path: Path) -> None:
        for world in opened(PackageWorld(tmp_path, path=None)):
            assert world.get("get-mode") == {**OK, "mode": ["development"]}

    def test_list_repo(self, packages: PackageWorld) -> None:
        packages.list.write_text(f"500 {REPO1}\n500 {REPO2}\n")
        rows = [{"url": REPO1, "priority": "500"}, {"url": REPO2, "priority": "500"}]
        assert packages.get("list-repo") == {**OK, "repository": rows}

    def test_update_cache(self, packages: PackageWorld) -> None:
        packages.list.write_text(f"500 {REPO1}\n")
        packages.serve(REPO1)
        assert packages.get("update-cache") == {**OK, "cache": []}

    def test_available(self, packages: PackageWorld) -> None:
        packages.list.write_text(f"100 {NIGHTLY}\n")
        packages.serve(NIGHTLY, APUSHNOT)
        packages.update()
        expected = {
            **APUSHNOT,
            "priority": "100",
            "source": NIGHTLY,
            "generated": "2012-05-08 13:39:35.862026",
            "fullname": "plugin-apushnot",
        }
        assert packages.get(f"available/{NODE}/plugin") == {**OK, "package": [expected]}

    def test_the_release_that_the_minimum_is_compared_with(self, packages: PackageWorld) -> None:
        info = packages.get("/")["rest"][0]["info"]
        assert info["SSL"] == "False"
        assert info["REST API release"] == info["REST_API_release"] == info["REST_API_version"] == "0.1"
        assert info["Domogik release"] == info["Domogik_release"] == info["Domogik_version"] == __version__
        assert info["Host"] == NODE

    def test_installed(self, filled: PackageWorld) -> None:
        filled.install("0.10")
        row = {
            "enabled": "True",
            "version": "0.10",
            "updates": "",
            "fullname": "plugin-diskfree",
            "type": "plugin",
            "id": "diskfree",
        }
        rows = filled.get(f"installed/{NODE}/plugin")["package"]
        assert [each for each in rows if each["id"] == "diskfree"] == [row]

    def test_install_and_update(self, filled: PackageWorld) -> None:
        assert filled.install("0.9") == {**OK, "install": []}
        assert filled.install("0.10") == {**OK, "install": []}
        assert (filled.plugins_dir / "diskfree" / "version").read_text() == "0.10"

    def test_install_that_fails(self, filled: PackageWorld) -> None:
        assert filled.install("7") == failed("package plugin-diskfree 7 is not in the cache")

    def test_install_from_path(self, packages: PackageWorld) -> None:
        content = package_file("diskfree", "0.1a0.dev20120525")
        path = f"install_from_path/{NODE}?filename=plugin-diskfree-0.1a0.dev20120525.tgz"
        answer = packages.call("PUT", path, content, kind="application/octet-stream")
        assert answer.document == {**OK, "install": []}
        assert (packages.plugins_dir / "diskfree" / "version").read_text() == "0.1a0.dev20120525"

    def test_uninstall(self, filled: PackageWorld) -> None:
        filled.install("0.9")
        assert filled.get(f"uninstall/{NODE}/plugin/plugin-diskfree") == {**OK, "uninstall": []}
        assert not (filled.plugins_dir / "diskfree").exists()

    def test_icons(self, filled: PackageWorld) -> None:
        answer = filled.call("GET", "icon/available/plugin/diskfree/0.9")
        assert (answer.status, answer.content, answer.headers["content-type"]) == (200, ICON, "image/png")
        content = packed(
            member("icon.png", ICON),
            member("lamp"),
            member("lamp/plugin-info", json.dumps({"version": "1", "description": "", "capabilities": {}}).encode()),
        )
        filled.call("PUT", f"install_from_path/{NODE}?filename=plugin-lamp-1.tgz", content)
        assert filled.call("GET", "icon/installed/plugin/lamp").content == ICON


class TestTerms:
    """Section 1."""

    @pytest.mark.parametrize("kind", ["external", "hardware"])
    def test_former_types_are_empty(self, filled: PackageWorld, kind: str) -> None:
        assert filled.get(f"available/{NODE}/{kind}")["package"] == []
        assert filled.get(f"installed/{NODE}/{kind}")["package"] == []

    def test_another_type_is_an_error(self, filled: PackageWorld) -> None:
        assert filled.get(f"available/{NODE}/lamp") == failed("unknown package type lamp")

    @pytest.mark.parametrize("bad", [".hidden", "..", "a%2Fb", "%20x", "x" * 129, "%C3%A9", "%FF"])
    def test_ids_have_a_rule(self, filled: PackageWorld, bad: str) -> None:
        answer = filled.call("GET", f"install/{NODE}/plugin/{bad}/1.0")
        assert answer.status == 200
        assert answer.document["status"] == "ERROR"
        assert answer.document["description"].startswith("Error : ")

    def test_versions_have_a_rule(self, filled: PackageWorld) -> None:
        assert "cannot be a version" in filled.get(f"install/{NODE}/plugin/x/-1")["description"]

    @pytest.mark.parametrize(
        ("host", "name"),
        [("Dark-Star.example.org", "darkstar"), ("A" * 20, "a" * 16), ("pbx", "pbx")],
    )
    def test_names_of_nodes(self, host: str, name: str) -> None:
        assert node_name(host) == name

    def test_an_unknown_host_is_an_error_at_once(self, filled: PackageWorld) -> None:
        for path in ("available/nowhere/plugin", "install/nowhere/plugin/diskfree/0.9", "/host/nowhere"):
            assert filled.get(path) == failed("unknown host nowhere")

    def test_one_registry_for_all_interfaces(self, filled: PackageWorld) -> None:
        filled.install("0.9")
        assert filled.api.get("/pg_mgr/install/installed").document["pkgs"]["diskfree"]["version"] == "0.9"


class TestHttp:
    """Section 2."""

    def test_a_token_is_required(self, filled: PackageWorld) -> None:
        for path in ("get-mode", f"install/{NODE}/plugin/diskfree/0.9", "nonsense", "/"):
            answer = filled.call("GET", path, token="")
            assert (answer.status, answer.document) == (401, failed("unauthorized"))
        assert not (filled.plugins_dir / "diskfree").exists()

    @pytest.mark.parametrize(
        ("path", "acl"),
        [
            ("list-repo", "provd.package.read"),
            ("update-cache", "provd.package.cache.update"),
            (f"install/{NODE}/plugin/diskfree/0.9", "provd.package.install.create"),
            (f"uninstall/{NODE}/plugin/diskfree", "provd.package.uninstall.create"),
        ],
    )
    def test_each_has_its_acl(self, filled: PackageWorld, path: str, acl: str) -> None:
        filled.install("0.9")
        assert filled.call("GET", path, token=filled.api.made_token("provd.package.other")).status == 401
        assert filled.get(path, token=filled.api.made_token(acl))["status"] == "OK"

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
    def test_three_methods_do_the_same(self, filled: PackageWorld, method: str) -> None:
        assert filled.call(method, f"install/{NODE}/plugin/diskfree/0.9/").document == {**OK, "install": []}
        assert filled.call(method, "get-mode").document == {**OK, "mode": ["normal"]}

    def test_head_reads_and_never_installs(self, filled: PackageWorld) -> None:
        assert filled.call("HEAD", "get-mode").status == 200
        answer = filled.call("HEAD", f"install/{NODE}/plugin/diskfree/0.9")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, POST, PUT")
        assert not (filled.plugins_dir / "diskfree").exists()

    @pytest.mark.parametrize("method", ["DELETE", "PATCH"])
    def test_other_methods_are_refused_in_the_envelope(self, filled: PackageWorld, method: str) -> None:
        answer = filled.call(method, "get-mode")
        assert (answer.status, answer.document) == (405, failed("this method is not offered here"))

    @pytest.mark.parametrize(
        "path", ["/", "/host", f"/host/{NODE}", "/package", "/api/provd/host", "/package/get-mode"]
    )
    def test_so_are_all_methods_everywhere(self, filled: PackageWorld, path: str) -> None:
        for method in ("DELETE", "PROPFIND"):
            answer = filled.call(method, path)
            assert (answer.status, answer.document) == (405, failed("this method is not offered here"))
            assert "PUT" in answer.headers["allow"]
            refused = filled.call(method, path, token="")
            assert (refused.status, refused.document) == (401, failed("unauthorized"))

    def test_headers_of_every_answer(self, filled: PackageWorld) -> None:
        for path in ("get-mode", "nonsense"):
            answer = filled.call("GET", path)
            assert answer.status == 200
            assert answer.headers["content-type"] == "application/json"
            assert (answer.headers["expires"], answer.headers["cache-control"]) == ("-1", "no-cache")

    def test_the_published_prefix_is_accepted(self, packages: PackageWorld) -> None:
        assert packages.get("/api/provd/package/get-mode") == {**OK, "mode": ["normal"]}

    def test_unknown_operations_and_numbers_of_parts(self, packages: PackageWorld) -> None:
        assert packages.get("nonsense/x") == failed("bad operation for /package")
        assert packages.get("/package") == failed("bad operation for /package")
        for path in ("available", f"install/{NODE}/plugin", f"install/{NODE}/plugin/a/1/2", "get-mode/x"):
            word = path.partition("/")[0]
            assert packages.get(path) == failed(f"wrong number of parts for {word}")

    @pytest.mark.parametrize("bad", ["%00", "%ff", "a" * 2000])
    def test_addresses_that_cannot_be_read_are_errors_like_any_other(self, filled: PackageWorld, bad: str) -> None:
        for path in (f"install/{NODE}/plugin/{bad}/1", f"install_from_path/{NODE}?filename={bad}", bad):
            answer = filled.call("GET", path)
            assert (answer.status, answer.document["status"]) == (200, "ERROR")
            assert answer.document["description"].startswith("Error : ")

    def test_no_callback(self, packages: PackageWorld) -> None:
        assert packages.call("GET", "get-mode?callback=f&export=1").content.startswith(b'{"status"')

    def test_texts_and_escapes(self, packages: PackageWorld) -> None:
        packages.list.write_text(f"500 {REPO1}\n")
        odd = 'tab\tback\\slash "quote" é\n'
        packages.serve(REPO1, packages.offer(REPO1, description=odd))
        packages.update()
        answer = packages.call("GET", f"available/{NODE}/plugin")
        assert answer.document["package"][0]["description"] == odd
        assert answer.document["package"][0]["priority"] == "500"
        packages.install("1.0")
        (row,) = [row for row in packages.get(f"installed/{NODE}/plugin")["package"] if row["id"] == "diskfree"]
        assert (row["enabled"], row["updates"]) == ("True", "")

    def test_the_code_of_errors_can_be_that_of_old_servers(self, tmp_path: Path) -> None:
        for world in opened(PackageWorld(tmp_path, error_code=999)):
            assert world.get("nonsense")["code"] == 999

    def test_the_operation_is_named(self, filled: PackageWorld) -> None:
        first = filled.call("GET", f"install/{NODE}/plugin/diskfree/0.9").headers["x-operation"]
        again = filled.call("GET", f"install/{NODE}/plugin/diskfree/0.10").headers["x-operation"]
        assert first.startswith("/0.2/pg_mgr/install/install/")
        assert again.startswith("/0.2/pg_mgr/install/upgrade/")
        assert filled.api.get(again.removeprefix("/0.2")).document["status"].startswith("install|success")

    def test_after_a_while_the_work_goes_on_alone(self, filled: PackageWorld) -> None:
        gate = Gate()
        gate.shut()
        load = filled.host.load

        async def slowly(plugin_id: str) -> Any:
            await gate()
            return await load(plugin_id)

        filled.host.load = slowly  # type: ignore[method-assign]
        connection = filled.api.begin("GET", f"/package/install/{NODE}/plugin/diskfree/0.9", prefix="")
        filled.world.clock.advance(59)
        assert connection.got() is None
        filled.world.clock.advance(1)
        answer = connection.got()
        assert answer is not None
        path = answer.headers["x-operation"]
        assert answer.document == failed(f"still running, see {path}")
        gate.open()
        filled.world.settle()
        assert filled.api.get(path.removeprefix("/0.2")).document["status"].startswith("install|success")

    def test_a_fault_of_the_server_gets_an_envelope(
        self, packages: PackageWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def broken() -> None:
            raise RuntimeError("secret detail")

        monkeypatch.setattr(packages.packages, "repositories", broken)
        answer = packages.call("GET", "list-repo")
        assert (answer.status, answer.document["status"]) == (200, "ERROR")
        assert answer.document["description"].startswith("Error : Internal error, see the log (")


class TestHosts:
    """Section 4.1."""

    def test_the_list(self, packages: PackageWorld) -> None:
        assert packages.get("/host") == {**OK, "host": [{"id": NODE, "primary": "True"}]}

    def test_one(self, packages: PackageWorld) -> None:
        (node,) = packages.get(f"/host/{NODE}")["host"]
        assert set(node) == {"id", "primary", "status", "ip", "last_seen"}
        assert (node["status"], node["ip"]) == ("on", "192.0.2.1")


class TestDevelopmentMode:
    """Section 4.2."""

    @pytest.fixture
    def packages(self, tmp_path: Path) -> Iterator[PackageWorld]:
        yield from opened(PackageWorld(tmp_path, path=None))

    def test_nothing_is_managed(self, packages: PackageWorld) -> None:
        packages.list.write_text(f"500 {REPO1}\n")
        assert packages.get("list-repo")["repository"] == [{"url": REPO1, "priority": "500"}]
        assert packages.get("update-cache") == {**OK, "cache": []}
        assert packages.web.asked == []
        assert packages.get(f"available/{NODE}/plugin")["package"] == []
        assert packages.get(f"installed/{NODE}/plugin")["package"] == []
        refused = failed("packages are managed in normal mode only")
        for path in ("dependency/{}/plugin/a/1", "install/{}/plugin/a/1", "uninstall/{}/plugin/a"):
            assert packages.get(path.format(NODE)) == refused
        assert packages.call("PUT", f"install_from_path/{NODE}?filename=plugin-a-1.tgz", b"x").document == refused

    def test_icons_of_the_source(self, packages: PackageWorld) -> None:
        directory = packages.plugins_dir / "acme-1.0"
        directory.mkdir()
        (directory / "icon.png").write_bytes(ICON)
        packages.host.add("acme-1.0")
        assert packages.call("GET", "icon/installed/plugin/acme-1.0").content == ICON


class TestRepositories:
    """Sections 4.3, 4.4, 6.2 and 6.3."""

    def test_priorities_are_numbers(self, packages: PackageWorld) -> None:
        packages.list.write_text(f"# a comment\n\n500 {REPO1}/\n1000\t{REPO2}\n")
        urls = [row["url"] for row in packages.get("list-repo")["repository"]]
        assert urls == [REPO2, REPO1]

    @pytest.mark.parametrize(
        "line", ["x http://h/", "500", "10000 http://h", "500 gopher://h", "500 http://h more", "-1 http://h"]
    )
    def test_a_faulty_line_is_named(self, packages: PackageWorld, line: str) -> None:
        packages.list.write_text(f"500 {REPO1}\n{line}\n")
        refused = failed("line 2 of the repository list is faulty")
        assert packages.get("list-repo") == refused
        assert packages.get("update-cache") == refused
        assert packages.web.asked == []

    def test_credentials_of_addresses_are_not_shown(self, packages: PackageWorld) -> None:
        packages.list.write_text("500 http://user:secret@h/repo\n")
        assert packages.get("list-repo")["repository"][0]["url"] == "http://h/repo"
        packages.web.pages["http://user:secret@h/repo"] = NetworkProblem("http://h/repo cannot be reached")
        assert "secret" not in packages.update()["description"]

    def test_one_that_fails_keeps_its_copy_and_the_others_are_refreshed(self, packages: PackageWorld) -> None:
        packages.list.write_text(f"500 {REPO1}\n400 {REPO2}\n")
        packages.serve(REPO1, packages.offer(REPO1))
        packages.serve(REPO2)
        packages.update()
        packages.web.pages[REPO1] = NetworkProblem("it sends nothing any more")
        packages.serve(REPO2, packages.offer(REPO2, name="other"))
        assert packages.update() == failed(f"repository {REPO1}: it sends nothing any more")
        assert [each["id"] for each in packages.get(f"available/{NODE}/plugin")["package"]] == ["diskfree", "other"]

    def test_who_asks_meanwhile_waits_for_the_same_end(self, filled: PackageWorld) -> None:
        gate, get = Gate(), filled.web.get
        gate.shut()

        async def slowly(url: str, opener: Any, **more: Any) -> Any:
            await gate()
            return await get(url, opener, **more)

        filled.web.get = slowly  # type: ignore[method-assign]
        filled.web.asked.clear()
        first, second = (filled.api.begin("GET", "/package/update-cache", prefix="") for _ in range(2))
        filled.world.clock.advance(0)
        assert first.got() is second.got() is None
        gate.open()
        for connection in (first, second):
            answer = connection.got()
            assert answer is not None
            assert answer.document == {**OK, "cache": []}
        assert filled.web.asked.count(REPO1) == 1

    def test_a_repository_of_the_network_names_no_files_of_the_host(self, packages: PackageWorld) -> None:
        packages.list.write_text(f"500 {REPO1}\n")
        packages.serve(REPO1, {**packages.offer(REPO1), "archive_url": "file:///etc/passwd"})
        packages.update()
        assert packages.get(f"available/{NODE}/plugin")["package"] == []

    def test_broken_data_change_nothing(self, filled: PackageWorld) -> None:
        before = filled.get(f"available/{NODE}/plugin")
        for data in (
            b"<html>",
            packed(member("repo.info", b"[]")),
            packed(member("repo.info", b"{")),
            packed(member("../out", b"x")),
            packed(member("repo.info", b'{"count": 1}')),
            packed(link("repo.info", "/etc/passwd")),
        ):
            filled.web.pages[f"{REPO1}/data"] = data
            assert filled.update()["status"] == "ERROR"
            assert filled.get(f"available/{NODE}/plugin") == before
            assert filled.call("GET", "icon/available/plugin/diskfree/0.9").content == ICON

    def test_a_faulty_package_is_left_out(self, packages: PackageWorld) -> None:
        packages.list.write_text(f"500 {REPO1}\n")
        good = packages.offer(REPO1)
        bad = [
            {**good, "id": "../x"},
            {**good, "version": ""},
            {**good, "archive_url": "gopher://x"},
            {**good, "size": "1"},
            {**good, "sha256": "x"},
            {**good, "author": 1},
            {**good, "dependencies": 1},
            "text",
        ]
        packages.serve(REPO1, good, *bad)  # type: ignore[arg-type]
        assert packages.update()["status"] == "OK"
        assert [each["id"] for each in packages.get(f"available/{NODE}/plugin")["package"]] == ["diskfree"]

    def test_a_plugin_channel_in_the_list(self, packages: PackageWorld, tmp_path: Path) -> None:
        packages.list.write_text(f"300 {packages.channel.as_uri()}/\n")
        packages.publish(package_file("lamp", "2.0", author="Ann", changelog="new", min_provisiond_version="0.0.1"))
        assert packages.update() == {**OK, "cache": []}
        (entry,) = packages.get(f"available/{NODE}/plugin")["package"]
        assert (entry["id"], entry["name"], entry["version"], entry["priority"]) == ("lamp", "lamp", "2.0", "300")
        assert entry["archive_url"] == f"{packages.channel.as_uri()}/p0.tar.bz2"
        assert (entry["author"], entry["changelog"], entry["domogik_min_version"]) == ("Ann", "new", "0.0.1")
        assert packages.install("2.0", "lamp") == {**OK, "install": []}

    def test_a_plugin_channel_of_the_settings(self, tmp_path: Path) -> None:
        for world in opened(PackageWorld(tmp_path, channel=True)):
            world.publish(package_file("lamp", "2.0"))
            assert world.update() == {**OK, "cache": []}
            assert world.get("list-repo")["repository"] == [{"url": world.channel.as_uri(), "priority": "500"}]
            assert world.install("2.0", "lamp") == {**OK, "install": []}

    def test_a_channel_of_the_settings_that_fails_is_told(self, tmp_path: Path) -> None:
        for world in opened(PackageWorld(tmp_path, channel=True)):
            other = (tmp_path / "other").as_uri()
            world._sources.append(Repository(name="other", url=f"{other}/"))
            world.publish(package_file("lamp", "2.0"))
            assert world.update() == failed(f"repository {other}: {other}/plugins.db is not there")
            assert [each["id"] for each in world.get(f"available/{NODE}/plugin")["package"]] == ["lamp"]
            (world.channel / "plugins.db").unlink()
            both = f"repository {world.channel.as_uri()}: {world.channel.as_uri()}/plugins.db is not there; "
            assert world.update() == failed(f"{both}repository {other}: {other}/plugins.db is not there")

    def test_a_channel_that_takes_longer_than_anybody_waits(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for world in opened(PackageWorld(tmp_path, channel=True)):
            gate = Gate()
            gate.shut()

            async def slowly(progress: Any) -> None:
                await gate()  # noqa: B023

            monkeypatch.setattr(world.world.house.plugins._archives, "update", slowly)
            connection = world.api.begin("GET", "/package/update-cache", prefix="")
            world.world.clock.advance(60)
            answer = connection.got()
            assert answer is not None
            assert answer.document == failed("still running, see /0.2/pg_mgr/install/update/1")
            gate.open()
            world.world.settle()
            assert run(world.world.house.operations.get("/pg_mgr/install/update", 1)).progress == "update|success;0"

    def test_copies_are_used_after_a_restart(self, filled: PackageWorld) -> None:
        catalog = filled.made.catalog
        before = catalog.entries()
        leftover = filled.root / "packages" / "repositories" / "half"
        leftover.mkdir()
        assert catalog.recover() == ["the incomplete repository copy half was removed"]
        run(catalog.load())
        assert catalog.entries() == before


class TestLists:
    """Sections 4.5, 4.6 and 6.4."""

    def test_all_members_are_always_there(self, filled: PackageWorld) -> None:
        first = filled.get(f"available/{NODE}/plugin")["package"][0]
        names = {*APUSHNOT, "priority", "source", "generated", "fullname"}
        assert set(first) == names
        assert len(names) == 17
        assert (first["author"], first["dependencies"]) == ("", [])

    def test_versions_newest_first(self, filled: PackageWorld) -> None:
        rows = filled.get(f"available/{NODE}/plugin")["package"]
        assert [row["version"] for row in rows] == ["0.10", "0.9", "0.2"]

    def test_further_members_are_passed_on(self, packages: PackageWorld) -> None:
        packages.list.write_text(f"500 {REPO1}\n")
        packages.serve(REPO1, packages.offer(REPO1, rating=5))
        packages.update()
        assert packages.get(f"available/{NODE}/plugin")["package"][0]["rating"] == 5

    def test_installed_ones_have_updates_instead(self, filled: PackageWorld) -> None:
        filled.install("0.2")
        assert filled.get(f"available/{NODE}/plugin")["package"] == []
        rows = {row["id"]: row for row in filled.get(f"installed/{NODE}/plugin")["package"]}
        assert rows["diskfree"]["updates"] == [
            {"type": "plugin", "id": "diskfree", "version": each, "priority": "500", "changelog": f"{each}: better"}
            for each in ("0.10", "0.9")
        ]

    def test_a_plugin_that_does_not_load_is_not_enabled(self, packages: PackageWorld) -> None:
        content = package_file("lamp", "1", {"broken": b""})
        answer = packages.call("PUT", f"install_from_path/{NODE}?filename=plugin-lamp-1.tgz", content)
        assert answer.document == failed("lamp does not load")
        rows = {row["id"]: row["enabled"] for row in packages.get(f"installed/{NODE}/plugin")["package"]}
        assert rows["lamp"] == "False"

    def test_of_the_same_version_the_highest_priority_wins(self, packages: PackageWorld) -> None:
        packages.list.write_text(f"100 {REPO1}\n1000 {REPO2}\n1000 {NIGHTLY}\n")
        for url in (REPO1, REPO2, NIGHTLY):
            packages.serve(url, packages.offer(url))
        packages.update()
        (row,) = packages.get(f"available/{NODE}/plugin")["package"]
        assert (row["source"], row["priority"]) == (REPO2, "1000")
        packages.install("1.0")
        assert f"{REPO2}/download/plugin/diskfree/1.0" in packages.web.asked
        assert f"{REPO1}/download/plugin/diskfree/1.0" not in packages.web.asked

    def test_a_pin_keeps_a_plugin_to_its_channel(self, filled: PackageWorld) -> None:
        filled.pins["diskfree"] = "default"
        assert filled.get(f"available/{NODE}/plugin")["package"] == []


class TestInstall:
    """Sections 4.7, 6.1 and 6.5."""

    def test_reinstall_and_downgrade(self, filled: PackageWorld) -> None:
        for version in ("0.10", "0.10", "0.2"):
            assert filled.install(version) == {**OK, "install": []}
            assert (filled.plugins_dir / "diskfree" / "version").read_text() == version

    def test_a_server_that_is_too_old(self, packages: PackageWorld) -> None:
        packages.list.write_text(f"500 {REPO1}\n")
        packages.serve(REPO1, packages.offer(REPO1, domogik_min_version="999"))
        packages.update()
        sentence = f"this package needs version 999 or later of the server, this is {__version__}"
        assert packages.install("1.0") == failed(sentence)

    def test_a_server_that_is_too_old_for_what_is_inside(self, packages: PackageWorld) -> None:
        content = package_file("lamp", "1", min_provisiond_version="999")
        answer = packages.call("PUT", f"install_from_path/{NODE}?filename=plugin-lamp-1.tgz", content)
        assert "needs version 999 or later" in answer.document["description"]

    def test_a_server_that_is_too_old_for_what_the_identity_says(self, packages: PackageWorld) -> None:
        identity = {"type": "plugin", "id": "lamp", "version": "1", "domogik_min_version": "999"}
        said = json.dumps({"json_version": 1, "identity": identity}).encode()
        info = json.dumps({"version": "1", "description": "", "capabilities": {}}).encode()
        content = packed(member("info.json", said), member("lamp"), member("lamp/plugin-info", info))
        answer = packages.call("PUT", f"install_from_path/{NODE}?filename=plugin-lamp-1.tgz", content)
        assert "needs version 999 or later" in answer.document["description"]
        assert list(packages.cache_dir.iterdir()) == []

    def serve_checked(self, packages: PackageWorld, **members: Any) -> None:
        packages.list.write_text(f"500 {REPO1}\n")
        packages.serve(REPO1, packages.offer(REPO1, **members))
        packages.update()

    def test_a_wrong_checksum(self, packages: PackageWorld) -> None:
        self.serve_checked(packages, sha256="0" * 64)
        assert packages.install("1.0") == failed("checksum of plugin-diskfree-1.0.tgz is wrong")
        assert list(packages.cache_dir.iterdir()) == []

    @pytest.mark.parametrize("size", [1, 1_000_000])
    def test_a_wrong_size(self, packages: PackageWorld, size: int) -> None:
        self.serve_checked(packages, sha256="0" * 64, size=size)
        assert packages.install("1.0") == failed("size of plugin-diskfree-1.0.tgz is wrong")

    def test_what_came_first_is_remembered(self, filled: PackageWorld) -> None:
        with capturedLogs() as events:
            filled.install("0.9")
        (warning,) = [event for event in events if event["log_level"].name == "warn"]
        assert "plugin-diskfree 0.9: the repository gives no checksum" in eventAsText(warning)
        filled.get(f"uninstall/{NODE}/plugin/diskfree")
        (filled.cache_dir / "plugin-diskfree-0.9.tgz").unlink()
        filled.web.pages[f"{REPO1}/download/plugin/diskfree/0.9"] = package_file("diskfree", "0.9", {"evil": b"x"})
        assert filled.install("0.9") == failed("checksum of plugin-diskfree-0.9.tgz is wrong")

    def test_a_changed_file_in_the_cache_is_fetched_again(self, filled: PackageWorld) -> None:
        filled.install("0.9")
        filled.get(f"uninstall/{NODE}/plugin/diskfree")
        (filled.cache_dir / "plugin-diskfree-0.9.tgz").write_bytes(package_file("diskfree", "0.9", {"evil": b"x"}))
        assert filled.install("0.9") == {**OK, "install": []}
        assert not (filled.plugins_dir / "diskfree" / "evil").exists()

    def test_checksums_can_be_required(self, tmp_path: Path) -> None:
        for world in opened(PackageWorld(tmp_path, require_checksum=True)):
            self.serve_checked(world)
            assert "gives no checksum" in world.install("1.0")["description"]

    def test_an_error_page_is_no_archive(self, filled: PackageWorld) -> None:
        filled.web.pages[f"{REPO1}/download/plugin/diskfree/0.9"] = b"<html>not found</html>"
        assert filled.install("0.9") == failed("plugin-diskfree-0.9.tgz is not an archive")

    def test_another_package_than_was_asked_for(self, filled: PackageWorld) -> None:
        filled.web.pages[f"{REPO1}/download/plugin/diskfree/0.9"] = package_file("diskfree", "0.8")
        assert filled.install("0.9") == failed("the package says it is plugin-diskfree 0.8")

    def test_a_failed_update_leaves_the_old_version(self, filled: PackageWorld) -> None:
        filled.install("0.9")
        filled.web.pages[f"{REPO1}/download/plugin/diskfree/0.10"] = package_file("diskfree", "0.10", {"broken": b""})
        assert filled.install("0.10") == failed("diskfree does not load")
        assert (filled.plugins_dir / "diskfree" / "version").read_text() == "0.9"

    def test_missing_dependencies_do_not_stop_it_and_are_named(self, packages: PackageWorld) -> None:
        self.serve_checked(packages, dependencies=[{"type": "plugin", "id": "xpl_time"}])
        answer = packages.call("GET", f"install/{NODE}/plugin/diskfree/1.0")
        assert answer.document == {**OK, "install": []}
        operation = packages.api.get(answer.headers["x-operation"].removeprefix("/0.2")).document
        assert "(missing_xpl_time|success)" in operation["status"]


class TestUploads:
    """Section 4.8."""

    def put(self, packages: PackageWorld, filename: str | None, content: bytes, method: str = "PUT") -> dict[str, Any]:
        query = "" if filename is None else f"?filename={filename}"
        return dict(packages.call(method, f"install_from_path/{NODE}{query}", content, kind=None).document)

    def test_names(self, packages: PackageWorld) -> None:
        content = package_file("lamp", "1")
        assert self.put(packages, None, content) == failed("You must give a file name : ?filename=foo.tgz")
        assert self.put(packages, "plugin-lamp-1.zip", content) == failed("the file name must end with .tgz")
        for name in (
            "..%2Fplugin-lamp-1.tgz",
            ".plugin-lamp-1.tgz",
            "plugin-a%5Cb-1.tgz",
            "lamp-1.tgz",
            "plugin-%07.tgz",
        ):
            assert "<type>-<id>-<version>.tgz" in self.put(packages, name, content)["description"]
        assert self.put(packages, "plugin-lamp-2.tgz", content) == failed("the package says it is plugin-lamp 1")

    def test_nothing_sent(self, packages: PackageWorld) -> None:
        assert self.put(packages, "plugin-lamp-1.tgz", b"") == failed("no file was sent")
        answer = packages.get(f"install_from_path/{NODE}?filename=plugin-lamp-1.tgz")
        assert answer == failed("no file was sent")

    def test_no_package(self, packages: PackageWorld) -> None:
        for content in (b"text", packed(), packed(member("a"), member("b")), packed(member("lamp"))):
            assert self.put(packages, "plugin-lamp-1.tgz", content) == failed("the file is not a package")
        assert list(packages.cache_dir.iterdir()) == []

    def test_a_version_with_a_hyphen_is_understood(self, packages: PackageWorld) -> None:
        assert self.put(packages, "plugin-la-mp-1-2.tgz", package_file("la-mp", "1-2"), "POST") == {**OK, "install": []}

    def test_the_identity_must_agree(self, packages: PackageWorld) -> None:
        info = json.dumps({"version": "1", "description": "", "capabilities": {}}).encode()

        def sent(identity: object) -> dict[str, Any]:
            said = json.dumps({"json_version": 1, "identity": identity, "files": []}).encode()
            content = packed(member("info.json", said), member("lamp"), member("lamp/plugin-info", info))
            return self.put(packages, "plugin-lamp-1.tgz", content)

        wrong = {"type": "plugin", "id": "lamp", "version": "2"}
        assert sent(wrong) == failed("the package says it is plugin-lamp 2")
        assert sent(3) == failed("the file is not a package: its info.json cannot be read")
        assert sent({**wrong, "version": "1"}) == {**OK, "install": []}
        assert not (packages.plugins_dir / "lamp" / "info.json").exists()

    @pytest.mark.parametrize(
        "bad",
        [
            member("lamp/../../out", b"x"),
            member("/etc/out", b"x"),
            link("lamp/x", "/etc/passwd"),
            link("lamp/x", "../../out"),
            member("lamp/suid", b"x", mode=0o4755),
            member("lamp/device", type=b"3"),
            member("lamp/pipe", type=b"6"),
        ],
    )
    def test_a_member_that_is_not_allowed(self, packages: PackageWorld, bad: Any) -> None:
        info = json.dumps({"version": "1", "description": "", "capabilities": {}}).encode()
        content = packed(member("lamp"), member("lamp/plugin-info", info), bad)
        assert self.put(packages, "plugin-lamp-1.tgz", content)["description"].endswith("is not allowed in a package")
        assert not (packages.plugins_dir / "lamp").exists()

    def test_it_is_kept_like_a_fetched_one(self, packages: PackageWorld) -> None:
        self.put(packages, "plugin-lamp-1.tgz", package_file("lamp", "1"))
        assert [path.name for path in packages.cache_dir.iterdir()] == ["plugin-lamp-1.tgz"]

    def test_what_it_needs_and_is_not_there_is_named(self, packages: PackageWorld) -> None:
        needed = [{"type": "plugin", "id": "xpl_time (>=0.2)"}, {"type": "python", "id": "twisted"}]
        content = package_file("lamp", "1", dependencies=needed)
        answer = packages.call("PUT", f"install_from_path/{NODE}?filename=plugin-lamp-1.tgz", content, kind=None)
        assert answer.document == {**OK, "install": []}
        operation = packages.api.get(answer.headers["x-operation"].removeprefix("/0.2")).document
        assert operation["status"] == "install|success(missing_xpl_time|success)"

    def test_too_large(self, tmp_path: Path) -> None:
        for world in opened(PackageWorld(tmp_path, max_upload=1024)):
            answer = world.call("PUT", f"install_from_path/{NODE}?filename=plugin-lamp-1.tgz", b"x" * 2000)
            assert answer.status == 413
            assert answer.document["status"] == "ERROR"

    def test_larger_than_other_bodies(self, packages: PackageWorld) -> None:
        content = package_file("lamp", "1", {"noise": bytes(range(256)) * 100})
        packages.api.site.max_body = 100
        assert len(content) > 100
        assert self.put(packages, "plugin-lamp-1.tgz", content) == {**OK, "install": []}


class TestUninstall:
    """Section 4.9."""

    def test_by_id_or_full_name(self, filled: PackageWorld) -> None:
        for name in ("diskfree", "plugin-diskfree"):
            filled.install("0.9")
            assert filled.get(f"uninstall/{NODE}/plugin/{name}") == {**OK, "uninstall": []}
        assert filled.get(f"uninstall/{NODE}/plugin/diskfree") == failed("plugin-diskfree is not installed")
        assert filled.get(f"uninstall/{NODE}/plugin/plugin-diskfree") == failed("plugin-diskfree is not installed")

    def test_exactly_that_id_wins(self, packages: PackageWorld) -> None:
        for name in ("lamp", "plugin-lamp"):
            packages.call("PUT", f"install_from_path/{NODE}?filename=plugin-{name}-1.tgz", package_file(name, "1"))
        packages.get(f"uninstall/{NODE}/plugin/plugin-lamp")
        assert (packages.plugins_dir / "lamp").exists()
        assert not (packages.plugins_dir / "plugin-lamp").exists()


class TestFiles:
    """Sections 3 and 4.10."""

    @pytest.mark.parametrize(
        "path", ["icon/available/plugin/diskfree/7", "icon/available/plugin/x/1", "icon/installed/plugin/x"]
    )
    def test_a_missing_icon(self, filled: PackageWorld, path: str) -> None:
        answer = filled.call("GET", path)
        assert (answer.status, answer.document) == (404, failed("there is no icon"))

    def test_the_plainer_name(self, packages: PackageWorld) -> None:
        packages.list.write_text(f"500 {REPO1}\n")
        offer = packages.offer(REPO1, "1.0-A", name="La-mp")
        packages.serve(REPO1, offer, icons={"icon_plugin_la_mp_1_0_a.png": ICON})
        packages.update()
        assert packages.call("GET", "icon/available/plugin/La-mp/1.0-A").content == ICON

    def test_what_is_no_picture_is_no_icon(self, packages: PackageWorld) -> None:
        packages.list.write_text(f"500 {REPO1}\n")
        packages.serve(REPO1, packages.offer(REPO1), icons={"icon_plugin_diskfree_1.0.png": b"<script>"})
        packages.update()
        assert packages.call("GET", "icon/available/plugin/diskfree/1.0").status == 404

    def test_download(self, filled: PackageWorld) -> None:
        assert filled.call("GET", "download/plugin/diskfree/0.9").status == 404
        filled.install("0.9")
        answer = filled.call("GET", "download/plugin/diskfree/0.9")
        assert answer.headers["content-type"] == "application/gzip"
        assert answer.content == package_file("diskfree", "0.9") or answer.content[:2] == b"\x1f\x8b"
