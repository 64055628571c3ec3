"""Check 18 of the firmware contract: build, package and index, reproducibly."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.plugin_packages import plugin_archive

from provisiond.errors import PackageProblem
from provisiond.packages.authoring.__main__ import main
from provisiond.packages.authoring.build import build, read_targets
from provisiond.packages.authoring.index import index
from provisiond.packages.authoring.package import archive_name, package

BUILD = """
from shutil import copytree

def fill(path, version):
    copytree("common", path, dirs_exist_ok=True)
    copytree(version, path, dirs_exist_ok=True)

@target("1.0", "demo_phone-1.0")
def build_1_0(path):
    fill(path, "1.0")

@target("2.0", "demo_phone-2.0", std_dirs=False)
def build_2_0(path):
    fill(path, "2.0")
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    family = tmp_path / "plugins" / "demo"
    for version in ("1.0", "2.0"):
        (family / version / "templates").mkdir(parents=True)
        info = {"version": version, "description": "Demo", "capabilities": {"Demo, D10, 1": {}}}
        (family / version / "plugin-info").write_text(json.dumps(info))
        (family / version / "templates" / "base.tpl").write_text(version)
    (family / "common").mkdir()
    (family / "common" / "common.py").write_text("NAME = 'common'\n")
    (family / "common" / "plugin-info").write_text("{}")
    (family / "build.py").write_text(BUILD)
    return tmp_path / "plugins"


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def whole_way(source: Path, work: Path) -> dict[str, bytes]:
    assert run("build", "--source", source, "--destination", work / "built")[0] == 0
    assert run("package", "--source", work / "built", "--destination", work / "channel")[0] == 0
    assert run("index", work / "channel")[0] == 0
    return {path.name: path.read_bytes() for path in sorted((work / "channel").iterdir())}


def test_building_twice_gives_identical_bytes(source: Path, tmp_path: Path) -> None:
    first = whole_way(source, tmp_path / "one")
    second = whole_way(source, tmp_path / "two")
    assert first == second == whole_way(source, tmp_path / "one")
    assert list(first) == ["demo-phone-1.0-1.0.tar.bz2", "demo-phone-2.0-2.0.tar.bz2", "plugins.db"]


def test_the_time_of_members_is_that_of_the_newest_source_or_of_the_environment(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in source.rglob("*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    os.utime(source / "demo/common/common.py", (1_700_000_000.7, 1_700_000_000.7))
    data = whole_way(source, tmp_path / "one")
    assert {info.mtime for info in members(tmp_path / "one/channel/demo-phone-1.0-1.0.tar.bz2")} == {1_700_000_000}
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1500000000")
    assert whole_way(source, tmp_path / "two") != data
    assert {info.mtime for info in members(tmp_path / "two/channel/demo-phone-1.0-1.0.tar.bz2")} == {1_500_000_000}
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert "SOURCE_DATE_EPOCH must be a number" in run("build", "--source", source, "--destination", tmp_path / "x")[1]


def members(archive: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(archive) as tar:
        return tar.getmembers()


def test_members_are_sorted_plain_and_complete(source: Path, tmp_path: Path) -> None:
    family = source / "demo"
    for hidden in ("1.0/.hidden", "1.0/tests/test_x.py", "1.0/__pycache__/x.pyc", "1.0/x.pyc"):
        (family / hidden).parent.mkdir(exist_ok=True)
        (family / hidden).write_text("x")
    (family / "1.0/templates/base.tpl").chmod(0o755)
    whole_way(source, tmp_path)
    found = members(tmp_path / "channel/demo-phone-1.0-1.0.tar.bz2")
    standard = ["var", "var/cache", "var/installed", "var/templates", "var/tftpboot"]
    inside = sorted(["common.py", "plugin-info", "templates", "templates/base.tpl", *standard])
    assert [info.name for info in found] == ["demo_phone-1.0", *(f"demo_phone-1.0/{name}" for name in inside)]
    assert {(info.uid, info.gid, info.uname, info.gname) for info in found} == {(0, 0, "", "")}
    assert {info.mode for info in found if info.isdir()} == {0o755}
    assert {info.mode for info in found if info.isfile()} == {0o644}
    assert not any(info.pax_headers for info in found)


def test_the_index_holds_everything_of_the_manifest_and_is_compact(source: Path, tmp_path: Path) -> None:
    files = whole_way(source, tmp_path)
    text = files["plugins.db"].decode()
    document = json.loads(text)
    assert text == json.dumps(document, sort_keys=True, separators=(",", ":"))
    entry = document["demo_phone-1.0"]
    assert set(entry) == {
        *("version", "description", "capabilities", "filename", "dsize", "sha1sum", "sha256sum"),
    }
    assert entry["dsize"] == len(files[entry["filename"]])


def test_targets_are_selected(source: Path, tmp_path: Path) -> None:
    assert run("build", "--source", source, "--destination", tmp_path / "b", "demo", "2.0")[0] == 0
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["demo_phone-2.0"]
    assert not (tmp_path / "b/demo_phone-2.0/var").exists()
    assert "has no target '3.0'; it has 1.0, 2.0" in run("build", "--source", source, "demo", "3.0")[1]
    assert "no plugin family 'none'" in run("build", "--source", source, "none")[1]
    assert run("build", "--source", tmp_path / "b")[0] == 1


def test_a_failing_target_leaves_no_output_and_a_status(source: Path, tmp_path: Path) -> None:
    assert run("build", "--source", source, "--destination", tmp_path / "b")[0] == 0
    script = source / "demo/build.py"
    script.write_text(BUILD.replace('fill(path, "1.0")', 'fill(path, "0.9")'))
    status, output = run("build", "--source", source, "--destination", tmp_path / "b")
    assert status == 1
    assert "demo, target 1.0: the build function raises FileNotFoundError" in output
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["demo_phone-2.0"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (BUILD.replace('target("2.0"', 'target("1.0"'), "declared twice"),
        (BUILD.replace("demo_phone-2.0", "../out"), "cannot be the id"),
        (BUILD.replace("demo_phone-2.0", "demo_phone-1.0"), "is made twice"),
        ("raise RuntimeError('broken')", "build.py raises RuntimeError: broken"),
        ("def", "build.py raises SyntaxError"),
    ],
)
def test_scripts_that_cannot_be_built(source: Path, tmp_path: Path, script: str, said: str) -> None:
    (source / "demo/build.py").write_text(script)
    assert said in "\n".join(build(source, tmp_path / "b").problems)


def test_a_build_of_everything_removes_plugins_that_are_no_longer_made(source: Path, tmp_path: Path) -> None:
    build(source, tmp_path / "b")
    (source / "demo/build.py").write_text(BUILD[: BUILD.index('@target("2.0"')])
    build(source, tmp_path / "b", "demo")
    assert (tmp_path / "b/demo_phone-2.0").is_dir()
    build(source, tmp_path / "b")
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["demo_phone-1.0"]


def test_existing_scripts_with_rsync_work(source: Path, tmp_path: Path) -> None:
    (source / "demo/build.py").write_text(
        """
from subprocess import check_call

@target("1.0", "demo")
def build_demo(path):
    check_call(["rsync", "-rlp", "--exclude", ".*", "common/", path])
    check_call(["rsync", "-rlp", "--exclude", ".*", "1.0/", path])
"""
    )
    assert build(source, tmp_path / "b").problems == []
    assert json.loads((tmp_path / "b/demo/plugin-info").read_text())["version"] == "1.0"
    assert list(read_targets(source / "demo")) == ["1.0"]


def test_packing_replaces_other_versions_and_leaves_foreign_plugins(source: Path, tmp_path: Path) -> None:
    channel = tmp_path / "channel"
    channel.mkdir()
    (channel / "demo-phone-1.0-9.9.tar.bz2").write_bytes(plugin_archive("demo_phone-1.0", "9.9"))
    (channel / "foreign-1.tar.bz2").write_bytes(plugin_archive("foreign", "1"))
    (channel / "broken.tar.bz2").write_bytes(b"x")
    build(source, tmp_path / "b")
    report = package(tmp_path / "b", channel)
    assert report.removed == ["demo-phone-1.0-9.9.tar.bz2"]
    assert (channel / "foreign-1.tar.bz2").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"version": 1, "description": "", "capabilities": {}}', None])
def test_a_plugin_without_a_right_manifest_is_not_packed(source: Path, tmp_path: Path, content: str | None) -> None:
    build(source, tmp_path / "b")
    path = tmp_path / "b/demo_phone-1.0/plugin-info"
    path.unlink()
    if content is None:
        path.symlink_to("/dev/null")
    else:
        path.write_text(content)
    report = package(tmp_path / "b", tmp_path / "c")
    assert [archive.name for archive in report.archives] == ["demo-phone-2.0-2.0.tar.bz2"]
    assert report.problems[0].startswith("demo_phone-1.0: plugin-info")


def test_links_out_and_pipes_are_not_packed(source: Path, tmp_path: Path) -> None:
    build(source, tmp_path / "b")
    os.mkfifo(tmp_path / "b/demo_phone-1.0/pipe")
    (tmp_path / "b/demo_phone-2.0/link").symlink_to("/etc/passwd")
    problems = package(tmp_path / "b", tmp_path / "c").problems
    assert "neither a file" in problems[0]
    assert "does not lead to a file inside" in problems[1]
    assert list((tmp_path / "c").iterdir()) == []


@pytest.mark.parametrize("version", ["", "1/2", ".1", "1\n2"])
def test_versions_that_cannot_stand_in_a_name(version: str) -> None:
    with pytest.raises(PackageProblem):
        archive_name("demo", version)


def test_the_greater_version_is_listed_with_a_warning(tmp_path: Path) -> None:
    for version in ("1.9", "1.10"):
        (tmp_path / f"demo-{version}.tar.bz2").write_bytes(plugin_archive("demo", version))
    report = index(tmp_path)
    assert report.entries["demo"]["version"] == "1.10"
    assert report.warnings == ["demo-1.9.tar.bz2 is not listed: demo-1.10.tar.bz2 is of a greater or equal version"]


def test_a_broken_archive_keeps_the_old_index(tmp_path: Path) -> None:
    (tmp_path / "demo-1.tar.bz2").write_bytes(plugin_archive("demo", "1"))
    index(tmp_path)
    before = (tmp_path / "plugins.db").read_bytes()
    (tmp_path / "other-1.tar.bz2").write_bytes(plugin_archive("other", "1")[:100])
    status, output = run("index", tmp_path)
    assert status == 1
    assert "other-1.tar.bz2" in output
    assert (tmp_path / "plugins.db").read_bytes() == before
    assert run("index", tmp_path / "nothing")[0] == 1


def test_the_shipped_plugins_build_and_index(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[3] / "plugins"
    files = whole_way(shipped, tmp_path)
    assert "aastra-3.3.1-SP2" in json.loads(files["plugins.db"])
