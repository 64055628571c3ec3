"""Publishing: a whole round from the sources to a server, over a directory and over an rsync server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.authors import ROOT, make
from tests.support.file_server import file_server
from tests.support.firmware import file_section, package_section
from tests.support.plugin_packages import plugin_archive
from tests.support.plugin_packages import publish as published
from tests.support.rsync_daemon import rsync_daemon

from provisiond.errors import PackageProblem
from provisiond.packages.authoring import publish as publishing
from provisiond.packages.authoring.index import index
from provisiond.packages.authoring.publish import LOCK_NAME, fetch, publish, publish_files
from provisiond.packages.authoring.rsync import Rsync

FAR = """#!/bin/sh
# stands for ssh: the host is this one
[ "$1" = far.example.org ] || exit 9
shift
exec "$@"
"""


@pytest.fixture(params=["directory", "rsync", "ssh"])
def destination(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Path]]:
    """What to publish to, and the directory that it is."""
    if request.param != "rsync":
        (tmp_path / "published").mkdir()
        (tmp_path / "far").write_text(FAR)
        (tmp_path / "far").chmod(0o755)
        monkeypatch.setenv("RSYNC_RSH", str(tmp_path / "far"))
        host = "far.example.org:" if request.param == "ssh" else ""
        yield f"{host}{tmp_path}/published", tmp_path / "published"
    else:
        with rsync_daemon(tmp_path) as address:
            yield address, tmp_path / "published"


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def offer(directory: Path, **versions: str) -> Path:
    archives = {f"{key}-{value}.tar.bz2": plugin_archive(key, value) for key, value in versions.items()}
    published(directory, archives)
    index(directory)
    return directory


def test_a_first_and_a_second_publication(destination: tuple[str, Path], tmp_path: Path) -> None:
    address, there = destination
    local = offer(tmp_path / "local", a="1", b="1")
    channel = f"{address}/testing"
    plan = publish(local, channel, dry_run=True)
    assert (plan.sent, plan.vanished) == (["a-1.tar.bz2", "b-1.tar.bz2", "plugins.db"], [])
    assert not (there / "testing").exists()
    publish(local, channel)
    assert names(there / "testing") == ["a-1.tar.bz2", "b-1.tar.bz2", "plugins.db"]
    assert publish(local, channel).sent == []
    (local / "a-1.tar.bz2").unlink()
    offer(local, a="2", b="1")
    plan = publish(local, channel, dry_run=True)
    assert plan.sent == ["a-2.tar.bz2", "plugins.db"]
    assert plan.vanished == ["a-1.tar.bz2"]
    assert "a-1.tar.bz2" in names(there / "testing")
    publish(local, channel)
    assert names(there / "testing") == ["a-2.tar.bz2", "b-1.tar.bz2", "plugins.db"]


def test_fetching_and_publishing_changes_nothing_and_keeps_what_others_published(
    destination: tuple[str, Path], tmp_path: Path
) -> None:
    address, there = destination
    offer(there / "stable", a="1", foreign="1")
    before = {name: (there / "stable" / name).stat().st_mtime_ns for name in names(there / "stable")}
    local = tmp_path / "local"
    assert fetch(f"{address}/stable", local) is True
    assert publish(local, f"{address}/stable").sent == []
    assert {name: (there / "stable" / name).stat().st_mtime_ns for name in names(there / "stable")} == before
    assert fetch(f"{address}/none", tmp_path / "empty") is False


def test_a_channel_that_was_not_fetched_or_has_changed_since_is_not_overwritten(
    destination: tuple[str, Path], tmp_path: Path
) -> None:
    address, there = destination
    channel = f"{address}/stable"
    offer(there / "stable", a="1")
    local = offer(tmp_path / "local", a="2")
    with pytest.raises(PackageProblem, match=r"fetch .* first"):
        publish(local, channel)
    fetch(channel, local)
    offer(there / "stable", a="1", theirs="1")
    (local / "a-1.tar.bz2").unlink()
    offer(local, a="2")
    with pytest.raises(PackageProblem, match="changed since it was fetched"):
        publish(local, channel)
    assert "theirs-1.tar.bz2" in names(there / "stable")


@pytest.mark.parametrize("name", ["theirs-1.tar.bz2", "b-1.tar.bz2"])
def test_nothing_that_came_since_the_channel_was_fetched_is_removed(
    destination: tuple[str, Path], tmp_path: Path, name: str
) -> None:
    address, there = destination
    channel = f"{address}/stable"
    local = offer(tmp_path / "local", a="1", b="1")
    publish(local, channel)
    late = there / "stable" / name
    late.write_bytes(plugin_archive("theirs", "1"))
    os.utime(late, (late.stat().st_mtime + 60,) * 2)
    (local / "b-1.tar.bz2").unlink()
    os.utime(local / "a-1.tar.bz2", (4_000_000_000, 4_000_000_000))
    index(local)
    for dry_run in (True, False):
        with pytest.raises(PackageProblem, match=f"{name} at the destination is newer than what was fetched"):
            publish(local, channel, dry_run=dry_run)
    assert late.exists()


def test_two_publishers_do_not_mix(destination: tuple[str, Path], tmp_path: Path) -> None:
    address, there = destination
    local = offer(tmp_path / "local", a="1")
    (there / "stable").mkdir()
    (there / "stable" / LOCK_NAME).write_text("0123 alice 2026-01-01 10:00\n")
    with pytest.raises(PackageProblem, match="alice 2026-01-01 10:00 is publishing"):
        publish(local, f"{address}/stable")
    assert names(there / "stable") == [LOCK_NAME]


def test_the_index_follows_the_archives_and_deletions_follow_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "published").mkdir()
    there = tmp_path / "published" / "stable"
    local = offer(tmp_path / "local", a="1")
    publish(local, str(there))
    (local / "a-1.tar.bz2").unlink()
    offer(local, a="2")
    seen = []
    real_push, real_remove = Rsync.push, Rsync.remove

    def note() -> None:
        listed = json.loads((there / "plugins.db").read_text())["a"]["filename"]
        assert (there / listed).is_file()
        seen.append((listed, "a-1.tar.bz2" in names(there)))

    def push(self: Rsync, *arguments: object, **members: object) -> None:
        real_push(self, *arguments, **members)  # type: ignore[arg-type]
        note()

    def remove(self: Rsync, files: list[str]) -> None:
        note()
        real_remove(self, files)

    monkeypatch.setattr(Rsync, "push", push)
    monkeypatch.setattr(Rsync, "remove", remove)
    publish(local, str(there))
    assert list(dict.fromkeys(seen)) == [
        ("a-1.tar.bz2", True),
        ("a-2.tar.bz2", True),
        ("a-2.tar.bz2", False),
    ]


@pytest.mark.parametrize("damage", ["missing", "foreign", "edited"])
def test_an_index_that_does_not_fit_is_not_published(tmp_path: Path, damage: str) -> None:
    local = offer(tmp_path / "local", a="1")
    if damage == "missing":
        (local / "plugins.db").unlink()
    elif damage == "foreign":
        (local / "b-1.tar.bz2").write_bytes(plugin_archive("b", "1"))
    else:
        (local / "a-1.tar.bz2").write_bytes(plugin_archive("a", "1", {"more": b"x"}))
    with pytest.raises(PackageProblem, match="index it"):
        publish(local, str(tmp_path / "published"))
    assert not (tmp_path / "published").exists()


def test_hosted_firmware_is_only_ever_added(destination: tuple[str, Path], tmp_path: Path) -> None:
    address, there = destination
    local = tmp_path / "firmwares"
    (local / "snom").mkdir(parents=True)
    (local / "snom/a.bin").write_bytes(b"a")
    assert publish_files(local, f"{address}/firmwares", dry_run=True) == ["snom/a.bin"]
    assert names(there) == []
    assert publish_files(local, f"{address}/firmwares") == ["snom/a.bin"]
    assert publish_files(local, f"{address}/firmwares") == []
    (local / "snom/a.bin").rename(local / "snom/b.bin")
    publish_files(local, f"{address}/firmwares")
    assert names(there / "firmwares/snom") == ["a.bin", "b.bin"]


@pytest.mark.parametrize("address", ["", " ", "--rsh=touch x"])
def test_destinations_that_are_none(tmp_path: Path, address: str) -> None:
    with pytest.raises(PackageProblem, match="name a destination"):
        fetch(address, tmp_path / "x")


def test_a_failing_rsync_is_told(tmp_path: Path) -> None:
    with pytest.raises(PackageProblem, match="rsync fails with status"):
        publish(offer(tmp_path / "local", a="1"), "rsync://127.0.0.1:1/none")


def test_the_lock_goes_when_publishing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "published").mkdir()
    local = offer(tmp_path / "local", a="1")

    def fail(self: object) -> None:
        raise PackageProblem("broken")

    monkeypatch.setattr(publishing._StillOurs, "__call__", lambda self: None)
    real = Rsync.push
    calls = []

    def push(self: Rsync, *arguments: object, **members: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise PackageProblem("broken")
        real(self, *arguments, **members)  # type: ignore[arg-type]

    monkeypatch.setattr(Rsync, "push", push)
    with pytest.raises(PackageProblem, match="broken"):
        publish(local, str(tmp_path / "published"))
    assert names(tmp_path / "published") == []


def test_the_top_level_hands_the_authors_targets_on(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    (tmp_path / "plugins").mkdir()
    told = '@echo "$@ $(PLUGIN) to $(DESTINATION)"'
    targets = "build upload upload-stable upload-archive download-stable download-archive promote archive check lint"
    (tmp_path / "plugins/Makefile").write_text(f"{targets}:\n\t{told}\n.PHONY: {targets}\n")
    stamp = tmp_path / "venv/.installed-from-locks"
    stamp.parent.mkdir()
    for name in ("requirements/runtime.txt", "requirements/dev.txt", "pyproject.toml", "venv/.installed-from-locks"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    for target in targets.split()[:-2]:
        assert make(tmp_path, target, "VENV=venv", "DESTINATION=out", "PLUGIN=x") == f"{target} x to {tmp_path}/out\n"
    assert make(tmp_path, "upload", "VENV=venv", "DESTINATION=h:/p") == "upload  to h:/p\n"
    assert make(tmp_path, "plugin-check", "plugin-lint", "VENV=venv").splitlines() == ["check  to ", "lint  to "]


def plugin_tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "provisiond.packages.authoring", *arguments]
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)


def test_check_fw_takes_addresses(tmp_path: Path) -> None:
    content = b"hello world"
    digest = "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"
    with file_server() as server:
        server.files["/dir/fw.bin"] = content
        done = plugin_tool("check-fw", f"{server.url}/dir/fw.bin")
        assert done.stdout == f"[fw.bin]\nurl: {server.url}/dir/fw.bin\nsize: 11\nsha1sum: {digest}\n"
        assert done.returncode == 0
        definitions = tmp_path / "pkgs.db"
        good = file_section("fw.bin", b"old", f"{server.url}/dir/fw.bin")
        gone = file_section("gone.bin", b"old", f"{server.url}/gone.bin")
        definitions.write_text(package_section("fw", "fw.bin gone.bin") + good + gone)
        done = plugin_tool("check-fw", "--update", str(definitions))
        assert done.returncode == 1
        assert "gone.bin" in done.stderr
        assert "404" in done.stderr
        text = definitions.read_text()
        assert digest in text
        assert gone in text
        done = plugin_tool("check-fw", "--update", str(definitions), "file_fw.bin")
        assert (done.returncode, done.stdout) == (0, "")
        done = plugin_tool("check-fw", f"{server.url}/none")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("Error: ")
        assert "Traceback" not in done.stderr


def test_two_real_publishers_at_once(tmp_path: Path) -> None:
    """Of two that begin together at most one changes the channel, and what is there then is whole."""
    (tmp_path / "published").mkdir()
    there = tmp_path / "published" / "stable"
    publish(offer(tmp_path / "first", a="1"), str(there))
    locals_ = []
    for name in ("one", "two"):
        fetch(str(there), tmp_path / name)
        locals_.append(offer(tmp_path / name, a="1", **{name: "1"}))
    start = threading.Barrier(2)
    outcomes: dict[str, str] = {}

    def work(local: Path) -> None:
        start.wait(10)
        try:
            publish(local, str(there))
            outcomes[local.name] = "done"
        except PackageProblem as problem:
            outcomes[local.name] = problem.sentence

    threads = [threading.Thread(target=work, args=(local,)) for local in locals_]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    listed = json.loads((there / "plugins.db").read_text())
    assert all((there / entry["filename"]).is_file() for entry in listed.values())
    winners = [name for name, outcome in outcomes.items() if outcome == "done"]
    assert len(winners) <= 1
    assert set(listed) == {"a", *winners}
