"""Check 17 of the firmware contract: what a plugin's archive must be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.plugin_packages import link, member, plugin_archive, tar_bytes

from provisiond.errors import PackageProblem
from provisiond.packages.archives import PLUGIN_LIMITS, Usage
from provisiond.packages.plugin_archive import read_archive, unpack_plugin

INFO = json.dumps({"version": "1.0", "description": "d", "capabilities": {}}).encode()


def unpacked(tmp_path: Path, data: bytes, plugin_id: str = "demo", version: str = "1.0") -> Path:
    (tmp_path / "archive").write_bytes(data)
    (tmp_path / "staging").mkdir()
    return unpack_plugin(tmp_path / "archive", tmp_path / "staging", plugin_id, version, Usage(PLUGIN_LIMITS))


def test_a_link_between_two_files_of_tftpboot_is_kept(tmp_path: Path) -> None:
    members = [member("demo"), member("demo/plugin-info", INFO), member("demo/var/tftpboot/a", b"x")]
    tree = unpacked(tmp_path, tar_bytes([*members, link("demo/var/tftpboot/b", "a")]))
    assert (tree / "var/tftpboot/b").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (tar_bytes([member("other"), member("other/plugin-info", INFO)]), "must hold the directory demo"),
        (tar_bytes([member("demo"), member("demo/plugin-info", INFO), member("zoo", b"")]), "nothing else"),
        (tar_bytes([member("demo", b"")]), "no plugin-info"),
        (tar_bytes([member("demo"), link("demo/plugin-info", "info"), member("demo/info", INFO)]), "no plugin-info"),
        (tar_bytes([member("demo"), member("demo/plugin-info", b"{")]), "not valid JSON"),
        (tar_bytes([member("demo"), member("demo/plugin-info", b"[" * 100_000)]), "not valid JSON"),
        (tar_bytes([member("demo"), member("demo/plugin-info", b"[]")]), "JSON object"),
        (plugin_archive("demo", "2.0"), "holds version '2.0' instead of '1.0'"),
        (tar_bytes([]), "it holds nothing"),
    ],
)
def test_archives_that_are_not_the_plugin(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(PackageProblem, match=said):
        unpacked(tmp_path, data)


@pytest.mark.parametrize("packing", ["gz", "xz", "bz2"])
def test_the_packing_does_not_matter(tmp_path: Path, packing: str) -> None:
    assert unpacked(tmp_path, plugin_archive("demo", packing=packing)).name == "demo"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (tar_bytes([member("demo/plugin-info", INFO)]), "must be the plugin's directory"),
        (tar_bytes([member("demo"), member("demo/plugin-info", INFO), member("zoo", b"")]), "'zoo' besides"),
        (tar_bytes([member("demo")]), "no plugin-info"),
        (tar_bytes([]), "empty"),
        (tar_bytes([member("demo"), member("demo/plugin-info", b"x" * (1 << 20) + b"x")]), "larger than 1 MiB"),
    ],
)
def test_archives_that_cannot_be_indexed(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "archive").write_bytes(data)
    with pytest.raises(PackageProblem, match=said):
        read_archive(tmp_path / "archive")


def test_reading_an_archive_gives_id_and_info(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(plugin_archive("demo_1", "3"))
    plugin_id, info = read_archive(tmp_path / "archive")
    assert (plugin_id, info["version"]) == ("demo_1", "3")
