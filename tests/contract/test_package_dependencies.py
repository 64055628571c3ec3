"""Dependencies of packages: section 5 of the package contract, and the examples of the document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.package_world import NODE, PackageWorld, package_file

from provisiond import __version__
from provisiond.packages.network_problems import NetworkProblem

REPO = "http://repository.example.org/stable"
INDEX = "http://python.example.org/simple"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PackageWorld]:
    made = PackageWorld(tmp_path, python_index=INDEX)
    made.list.write_text(f"500 {REPO}\n")
    made.packages.inventory._distributions = lambda: {"pyserial": "2.5", "twisted": "24.7"}
    yield made
    for call in made.world.clock.getDelayedCalls():
        call.cancel()


def checked(world: PackageWorld, *dependencies: tuple[str, str], **more: Any) -> list[dict[str, str]]:
    """Return the rows for a package with these dependencies, each type and id."""
    rows = [{"type": kind, "id": name} for kind, name in dependencies]
    world.serve(REPO, world.offer(REPO, dependencies=rows, **more))
    world.update()
    answer = world.get(f"dependency/{NODE}/plugin/diskfree/1.0")
    assert answer["status"] == "OK", answer
    found: list[dict[str, str]] = answer["dependency"]
    assert all(isinstance(value, str) for row in found for value in row.values())
    return found


def has(world: PackageWorld, name: str, *versions: str) -> None:
    """Let the index of Python packages have these versions."""
    document = {"meta": {"api-version": "1.1"}, "name": name, "versions": list(versions), "files": []}
    world.web.pages[f"{INDEX}/{name}/"] = json.dumps(document).encode()


class TestDocument:
    """The five examples."""

    def test_1_python_installed(self, world: PackageWorld) -> None:
        row = {
            "id": "pyserial (>=2.5)",
            "type": "python",
            "installed": "True",
            "version": "2.5",
            "cmd_line": "",
            "candidate": "",
            "error": "",
        }
        assert checked(world, ("python", "pyserial (>=2.5)")) == [row]

    def test_2_python_absent_and_installable(self, world: PackageWorld) -> None:
        world.packages.inventory._distributions = dict
        has(world, "pyserial", "2.4", "2.5")
        row = {
            "id": "pyserial (>=2.5)",
            "type": "python",
            "installed": "False",
            "version": "",
            "cmd_line": "sudo pip install pyserial==2.5",
            "candidate": "2.5",
            "error": "pyserial (>=2.5) is not installed",
        }
        assert checked(world, ("python", "pyserial (>=2.5)")) == [row]

    def test_2_with_the_command_of_the_document(self, tmp_path: Path) -> None:
        command = "sudo easy_install {name}=={version}"
        made = PackageWorld(tmp_path, python_index=INDEX, python_command=command)
        made.list.write_text(f"500 {REPO}\n")
        made.packages.inventory._distributions = dict
        has(made, "pyserial", "2.5")
        (row,) = checked(made, ("python", "pyserial (>=2.5)"))
        assert row["cmd_line"] == "sudo easy_install pyserial==2.5"

    def test_3_none_required(self, world: PackageWorld) -> None:
        assert checked(world) == []

    def test_4_plugin(self, world: PackageWorld) -> None:
        row = {
            "id": "xpl_time",
            "name": "xpl_time",
            "candidate": "",
            "error": "plugin xpl_time is not installed",
            "installed": "False",
            "cmd_line": "Install from Domogik Administration",
            "version": "",
            "type": "plugin",
        }
        assert checked(world, ("plugin", "xpl_time")) == [row]

    def test_5_python_without_a_version(self, world: PackageWorld) -> None:
        has(world, "cjson", "1.0", "1.10", "1.9", "2.0rc1")
        row = {
            "id": "cjson",
            "type": "python",
            "installed": "False",
            "version": "",
            "cmd_line": "sudo pip install cjson==1.10",
            "candidate": "1.10",
            "error": "cjson is not installed",
        }
        assert checked(world, ("python", "cjson")) == [row]


class TestPython:
    @pytest.mark.parametrize(
        ("text", "installed"),
        [
            ("pyserial", "True"),
            ("PySerial", "True"),
            ("pyserial >=2.5", "True"),
            ("pyserial>=2.0,<3", "True"),
            ("pyserial (>=2.0, !=2.4)", "True"),
            ("pyserial (<2.5)", "False"),
            ("twisted (>=24.11)", "False"),
            ("Twisted(>=24.2)", "True"),
        ],
    )
    def test_versions_by_pep_440(self, world: PackageWorld, text: str, installed: str) -> None:
        (row,) = checked(world, ("python", text))
        assert (row["installed"], row["id"]) == (installed, text)

    def test_a_wrong_version_says_both(self, world: PackageWorld) -> None:
        has(world, "pyserial", "3.5")
        (row,) = checked(world, ("python", "pyserial (>=3)"))
        assert (row["version"], row["candidate"]) == ("2.5", "3.5")
        assert row["error"] == "pyserial (>=3) is needed, pyserial 2.5 is installed"

    @pytest.mark.parametrize("page", [None, b"", b"<html>", NetworkProblem("it sends nothing"), b"[]"])
    def test_no_candidate(self, world: PackageWorld, page: Any) -> None:
        if page is not None:
            world.web.pages[f"{INDEX}/cjson/"] = page
        (row,) = checked(world, ("python", "cjson"))
        assert (row["candidate"], row["cmd_line"], row["error"]) == ("", "", "no version of cjson can be found")

    @pytest.mark.parametrize(
        "text", ["pyserial (>=2.5", "pyserial >>1", "x @ http://h/x", "; rm", "a b c", "pyserial; x"]
    )
    def test_a_malformed_one_fills_only_its_own_error(self, world: PackageWorld, text: str) -> None:
        bad, good = checked(world, ("python", text), ("python", "pyserial"))
        assert (bad["installed"], bad["cmd_line"]) == ("False", "")
        assert "is not a requirement" in bad["error"]
        assert good["error"] == ""

    def test_an_old_page_of_links(self, world: PackageWorld) -> None:
        links = "".join(
            f'<a href="x">{name}</a>\n'
            for name in ("cjson-1.0.tar.gz", "cjson-1.2-py3-none-any.whl", "other-9.tar.gz", "cjson-x.exe")
        )
        world.web.pages[f"{INDEX}/cjson/"] = links.encode()
        assert checked(world, ("python", "cjson"))[0]["candidate"] == "1.2"


class TestPackages:
    def put(self, world: PackageWorld, name: str, version: str, **info: Any) -> None:
        path = f"install_from_path/{NODE}?filename=plugin-{name}-{version}.tgz"
        world.call("PUT", path, package_file(name, version, **info))

    @pytest.mark.parametrize(
        ("text", "installed"),
        [
            ("lamp", "True"),
            ("lamp (>=0.9)", "True"),
            ("lamp (>=0.11)", "False"),
            ("lamp <1", "True"),
            ("lamp 0.10", "True"),
        ],
    )
    def test_version_conditions_count(self, world: PackageWorld, text: str, installed: str) -> None:
        self.put(world, "lamp", "0.10")
        (row,) = checked(world, ("plugin", text))
        assert (row["installed"], row["version"], row["name"]) == (installed, "0.10", "lamp")
        assert bool(row["error"]) == (installed == "False")

    def test_order_and_other_types(self, world: PackageWorld) -> None:
        rows = checked(world, ("library", "libx"), ("python", "pyserial"), ("plugin", "lamp"), ("extension", "acme-x"))
        assert [row["type"] for row in rows] == ["plugin", "python", "library", "extension"]
        assert rows[2] == {
            "id": "libx",
            "type": "library",
            "installed": "Unknown",
            "version": "",
            "cmd_line": "",
            "candidate": "",
            "error": "",
        }

    def test_a_malformed_package(self, world: PackageWorld) -> None:
        (row,) = checked(world, ("plugin", "-x (y"))
        assert "is not a" in row["error"]

    def test_a_server_that_is_too_old(self, world: PackageWorld) -> None:
        (row,) = checked(world, domogik_min_version="999")
        assert (row["type"], row["installed"], row["version"]) == ("server", "False", __version__)
        assert "needs version 999 or later" in row["error"]

    def test_a_circle_is_told(self, world: PackageWorld) -> None:
        self.put(world, "lamp", "1", dependencies=[{"type": "plugin", "id": "shade"}])
        self.put(world, "shade", "1", dependencies=[{"type": "plugin", "id": "diskfree (>=1)"}])
        (row,) = checked(world, ("plugin", "lamp"))
        way = "plugin-lamp → plugin-shade → plugin-diskfree → plugin-lamp"
        assert row["error"] == f"the packages need each other in a circle: {way}"

    def test_an_installed_package_that_is_in_no_repository(self, world: PackageWorld) -> None:
        self.put(world, "lamp", "1", dependencies=[{"type": "python", "id": "pyserial"}])
        rows = world.get(f"dependency/{NODE}/plugin/lamp/1")["dependency"]
        assert [row["version"] for row in rows] == ["2.5"]

    def test_no_such_package(self, world: PackageWorld) -> None:
        assert world.get(f"dependency/{NODE}/plugin/x/1")["description"] == "Error : no package plugin-x 1"


class TestMetadata:
    """What a plugin says of itself, shown by both interfaces."""

    SAID: dict[str, Any] = {  # noqa: RUF012
        "author": "Ann",
        "author_email": "ann@example.org",
        "category": "phones",
        "changelog": "2.0\n- new",
        "documentation": "https://example.org/lamp",
        "icon": "lamp.png",
        "min_provisiond_version": "0.0.1",
        "dependencies": [{"type": "python", "id": "pyserial"}],
    }

    def test_both(self, tmp_path: Path) -> None:
        made = PackageWorld(tmp_path, channel=True)
        icon = b"\x89PNG\r\n\x1a\nlamp"
        made.publish(package_file("lamp", "2.0", {"lamp.png": icon}, **self.SAID))
        assert made.update()["status"] == "OK"
        offered = made.api.get("/pg_mgr/install/installable").document["pkgs"]["lamp"]
        assert {key: offered[key] for key in self.SAID} == self.SAID
        (row,) = made.get(f"available/{NODE}/plugin")["package"]
        for key in ("author", "author_email", "category", "changelog", "documentation", "dependencies"):
            assert row[key] == self.SAID[key]
        assert row["domogik_min_version"] == "0.0.1"
        assert made.install("2.0", "lamp")["status"] == "OK"
        installed = made.api.get("/pg_mgr/install/installed").document["pkgs"]["lamp"]
        assert {key: installed[key] for key in self.SAID} == self.SAID
        assert made.call("GET", "icon/installed/plugin/lamp").content == icon
