"""``provisionctl package``, ``extension`` and ``operation list``, before a host on stand-ins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.administrator import Administrator
from tests.support.extension_world import ExtensionWorld
from tests.support.package_world import PackageWorld, package_file

from provisiond.client.messages import Request
from provisiond.client.transports import origin_of

REPOSITORY = "https://packages.example"


@pytest.fixture
def host(tmp_path: Path) -> PackageWorld:
    made = PackageWorld(tmp_path)
    made.list.write_text(f"500 {REPOSITORY}\n")
    made.serve(REPOSITORY, made.offer(REPOSITORY, "1.0"), made.offer(REPOSITORY, "1.1"))
    return made


class TestPackages:
    def test_they_are_searched_installed_updated_and_removed(self, host: PackageWorld) -> None:
        admin = Administrator(host.api)
        assert admin.told("package", "search") == ""
        assert admin.told("package", "update") == "update: done\n"
        assert admin.told("package", "repos", "-o", "name") == f"{REPOSITORY}\n"
        assert admin.told("package", "search", "DISK", "-o", "csv", "--columns", "fullname,version").splitlines() == [
            "fullname,version",
            "plugin-diskfree,1.1",
            "plugin-diskfree,1.0",
        ]
        assert admin.told("package", "search", "--type", "extension") == ""
        assert admin.told("package", "install", "plugin-diskfree", "--version", "1.0") == "plugin-diskfree: done\n"
        [row] = json.loads(admin.told("package", "list", "-o", "json"))
        assert (row["version"], row["updates"]) == ("1.0", ["1.1"])
        assert admin.told("package", "install", "plugin-diskfree") == "plugin-diskfree: done\n"
        assert json.loads(admin.told("package", "list", "-o", "json"))[0]["version"] == "1.1"
        assert "no other version" in admin.refused(3, "package", "install", "plugin-diskfree")
        assert "nobody can be asked" in admin.refused(2, "package", "uninstall", "plugin-diskfree")
        assert admin.told("package", "uninstall", "--yes", "plugin-diskfree") == "plugin-diskfree: done\n"
        assert admin.told("package", "list") == ""

    def test_an_installation_can_be_left_and_come_back_to(self, host: PackageWorld) -> None:
        admin = Administrator(host.api)
        admin.told("package", "update")
        address = admin.told("package", "install", "--no-wait", "plugin-diskfree").strip()
        if address != "plugin-diskfree: done":
            admin.told("operation", "wait", address)
        [row] = json.loads(admin.told("operation", "list", "-o", "json"))
        assert (row["operation"], row["state"]) == ("pg_mgr/install/install/1", "success")
        assert admin.told("operation", "list", "--running") == ""

    def test_a_file_is_brought(self, host: PackageWorld, tmp_path: Path) -> None:
        admin = Administrator(host.api)
        file = tmp_path / "plugin-diskfree-0.9.tgz"
        file.write_bytes(package_file("diskfree", "0.9"))
        assert admin.told("package", "bring", str(file)) == f"{file.name}: done\n"
        other = file.rename(tmp_path / "plugin-other-0.9.tgz")
        assert "diskfree" in admin.refused(4, "package", "bring", str(other))
        assert "cannot be read" in admin.refused(2, "package", "bring", str(file))

    def test_what_is_wrong_is_told_in_a_sentence(self, host: PackageWorld, tmp_path: Path) -> None:
        admin = Administrator(host.api)
        assert "plugin-…" in admin.refused(2, "package", "install", "diskfree")
        assert admin.refused(4, "package", "needs", "plugin-none", "--version", "1").startswith("provisionctl: ")
        assert "there is no icon" in admin.refused(3, "package", "icon", "plugin-none", str(tmp_path / "i.png"))
        assert "not in the cache" in admin.refused(3, "package", "download", "plugin-none", "1", str(tmp_path / "a"))
        admin.told("package", "update")
        admin.told("package", "install", "plugin-diskfree")
        nowhere = str(tmp_path / "none" / "a")
        assert "cannot be written" in admin.refused(1, "package", "download", "plugin-diskfree", "1.1", nowhere)

    def test_the_host_and_needs_are_shown(self, host: PackageWorld) -> None:
        admin = Administrator(host.api)
        assert json.loads(admin.told("package", "host", "-o", "json"))["mode"] == "normal"
        admin.told("package", "update")
        assert admin.told("package", "needs", "plugin-diskfree") == ""


class TestExtensions:
    @pytest.fixture
    def extensions(self, tmp_path: Path) -> ExtensionWorld:
        made = ExtensionWorld(tmp_path)
        made.asterisk()
        made.hello()
        return made

    def test_one_is_installed_shown_and_removed(self, extensions: ExtensionWorld) -> None:
        admin = Administrator(extensions.api)
        tree = str(extensions.sources / "hello-0.0.1")
        assert admin.told("extension", "install", "directory", tree) == "install from directory: done\n"
        assert (extensions.extra / "helloworld.conf").is_file()
        assert admin.told("extension", "list", "-o", "name") == "local/helloworld\n"
        assert json.loads(admin.told("extension", "show", "local/helloworld", "-o", "json"))["version"] == "0.0.1"
        assert admin.told("package", "list", "-o", "name") == "extension-local-helloworld\n"
        assert "nobody can be asked" in admin.refused(2, "extension", "uninstall", "local/helloworld")
        assert admin.told("extension", "uninstall", "--yes", "local/helloworld") == "local/helloworld: done\n"
        assert admin.told("extension", "list") == ""
        found = json.loads(admin.told("operation", "list", "-o", "json"))
        assert [each["state"] for each in found] == ["success", "success"]
        [installed] = [each["operation"] for each in found if each["text"].startswith("install|")]
        assert "make install" in admin.told("extension", "log", installed)

    def test_a_failure_tells_its_reason(self, extensions: ExtensionWorld) -> None:
        admin = Administrator(extensions.api)
        tree = extensions.make("false")
        assert "install from directory: " in admin.refused(1, "extension", "install", "directory", str(tree))
        admin.refused(3, "extension", "show", "local/none")
        admin.refused(3, "extension", "uninstall", "--yes", "local/none")
        assert "NAMESPACE/NAME" in admin.refused(2, "extension", "show", "none")
        admin.refused(4, "extension", "install", "git", "ext::sh -c id")
        admin.refused(4, "extension", "install", "tarball", "/etc/passwd", "--sha256", "0")
        admin.refused(1, "extension", "search", "x")

    def test_they_are_off_by_default(self, tmp_path: Path) -> None:
        admin = Administrator(PackageWorld(tmp_path).api)
        assert "disabled by the settings" in admin.refused(
            4, "extension", "install", "market", "acme/x", "--version", "1"
        )
        assert json.loads(admin.told("extension", "settings", "-o", "json"))["enabled"] is False


@pytest.mark.parametrize(
    ("url", "packages", "extensions"),
    [
        ("http://h:1", "/package/x", "/api/plugind/0.2/plugins"),
        ("http://h:1/provd", "/package/x", "/api/plugind/0.2/plugins"),
        ("http://h:1/0.2", "/package/x", "/api/plugind/0.2/plugins"),
        ("https://h/api/provd", "/api/provd/package/x", "/api/plugind/0.2/plugins"),
        ("https://h/pbx/api/provd/0.2", "/pbx/api/provd/package/x", "/pbx/api/plugind/0.2/plugins"),
    ],
)
def test_what_is_beside_the_api_is_found_behind_a_proxy_too(url: str, packages: str, extensions: str) -> None:
    origin = origin_of(url)
    assert origin.target(Request(method="GET", path="/package/x")) == packages
    assert origin.target(Request(method="GET", path="/api/plugind/0.2/plugins")) == extensions
