"""A process that is killed at any file operation leaves a whole plugin, old or new, and no leftovers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from tests.support import firmware_deaths
from tests.support.plugin_deaths import NEW, OLD

ROOT = Path(__file__).parents[3]


def loop(module: str, scenario: str, directory: Path) -> dict[str, Any]:
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() and os.access(memory, os.W_OK) else directory) as root:
        return looped(module, scenario, Path(root))


def looped(module: str, scenario: str, directory: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.kill_loop", module, scenario, str(directory)],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def holds(tree: dict[str, str], files: dict[str, bytes], foreign: str) -> bool:
    return foreign not in tree and all(tree[name] == content.decode() for name, content in files.items())


def is_old(tree: dict[str, str] | None) -> bool:
    return tree is not None and holds(tree, OLD, "only_new") and kept(tree)


def is_new(tree: dict[str, str] | None) -> bool:
    return tree is not None and holds(tree, NEW, "only_old") and kept(tree)


def kept(tree: dict[str, str]) -> bool:
    return tree["var/templates/base.tpl"] == "mine" and tree["var/tftpboot/fw.bin"] == "f" * 5000


def test_upgrade(tmp_path: Path) -> None:
    report = loop("tests.support.plugin_deaths", "upgrade", tmp_path)
    whole, *dead = report["found"]
    assert is_new(whole["tree"])
    assert len(dead) > 30
    assert [one["leftovers"] for one in report["found"] if one["leftovers"]] == []
    assert all(is_old(one["tree"]) or is_new(one["tree"]) for one in dead)
    assert sum(is_old(one["tree"]) for one in dead) > 20
    assert any(is_new(one["tree"]) for one in dead)
    assert {one["then"] for one in report["found"]} == {"1.1"}


@pytest.mark.parametrize(("scenario", "version"), [("install", "1.0"), ("uninstall", "1.1")])
def test_install_and_uninstall(tmp_path: Path, scenario: str, version: str) -> None:
    report = loop("tests.support.plugin_deaths", scenario, tmp_path)
    whole, *dead = report["found"]
    assert (whole["tree"] is None) == (scenario == "uninstall")
    assert dead
    for one in report["found"]:
        assert one["leftovers"] == []
        assert one["tree"] is None or holds(one["tree"], OLD, "only_new")
        assert one["then"] == version


@pytest.mark.parametrize("scenario", ["install", "upgrade"])
def test_firmware(tmp_path: Path, scenario: str) -> None:
    report = loop("tests.support.firmware_deaths", scenario, tmp_path)
    old = {} if scenario == "install" else text(firmware_deaths.OLD)
    new = text(firmware_deaths.NEW)
    seen = set()
    assert report["deaths"] > 20
    for one in report["found"]:
        assert one["leftovers"] == []
        assert one["missing"] == {}
        assert one["then"] == new
        whole = {"2": new, "1": old, None: {}}[one["version"]]
        assert one["served"] == whole
        seen.add(one["version"])
    assert seen == {"2", None if scenario == "install" else "1"}


def test_firmware_uninstall_can_be_done_again(tmp_path: Path) -> None:
    report = loop("tests.support.firmware_deaths", "uninstall", tmp_path)
    for one in report["found"]:
        # files go first and the record last, so that the removal can be repeated
        assert one["version"] == "1" or one["served"] == {}
        assert one["leftovers"] == []
        assert one["then"] == text(firmware_deaths.NEW)


def text(files: dict[str, bytes]) -> dict[str, str]:
    return {name: content.decode() for name, content in files.items()}
