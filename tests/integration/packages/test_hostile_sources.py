"""Bad input for a real daemon: broken, mislabelled and hostile archives, indexes and servers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from bench.server import RestError
from tests.support.firmware import file_section, package_section
from tests.support.hostile import (
    VERSION,
    answers,
    bad_entries,
    broken_indexes,
    damaged,
    entry,
    firmware_archives,
    plugin_archives,
)
from tests.support.package_daemon import PLUGIN, SERVICE, PackageDaemon, demo_archive, package_daemon
from tests.support.plugin_packages import publish_as

FAULT = "fault of the server"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackageDaemon]:
    settings = {
        "general": {
            "plugin_server": "{web}/stable",
            "repositories": [{"name": "hostile", "url": "{web}/hostile", "priority": 600}],
        },
        "packages": {"max_unpacked_size": 20 << 20},
    }
    with package_daemon(tmp_path_factory.mktemp("daemon"), settings) as made:
        made.offer_demo("1.0")
        made.update()
        made.do("install")
        assert made.phone() == "version 1.0\n"
        yield made
        made.running.server.stop()
        made.running.server.start()
        assert made.leftovers() == []
        assert made.phone() == "version 1.0\n"


@pytest.fixture(autouse=True)
def unharmed(daemon: PackageDaemon) -> Iterator[None]:
    """Nothing that happens in a test changes what phones get, leaves anything, or is the server's own fault."""
    offset = len(daemon.running.server.log_text())
    yield
    daemon.web.behaviours.clear()
    assert daemon.installed_version() == "1.0"
    assert daemon.phone() == "version 1.0\n"
    assert daemon.leftovers() == []
    assert "Traceback" not in daemon.running.server.log_text(offset)


def offer(daemon: PackageDaemon, archive: bytes, name: str = "demo.tar.bz2") -> None:
    """Offer an archive, whatever it is, under an index that fits it."""
    for file, content in publish_as(PLUGIN, VERSION, name, archive).items():
        daemon.web.files[f"/hostile/{file}"] = content
    daemon.update()


def checked(said: str) -> None:
    assert FAULT not in said
    assert len(said) < 1200
    assert "/state/" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", plugin_archives())
def test_archives_of_plugins(daemon: PackageDaemon, name: str) -> None:
    offer(daemon, plugin_archives()[name])
    checked(daemon.refused("/pg_mgr/install/upgrade", id=PLUGIN))


def test_archives_with_one_wrong_bit(daemon: PackageDaemon) -> None:
    for archive in damaged(12):
        offer(daemon, archive)
        try:
            daemon.do("upgrade")
        except RestError as refusal:
            checked(str(refusal))
            assert daemon.installed_version() in ("1.0", VERSION)
    daemon.do("upgrade", version="1.0")


def test_a_hostile_archive_installs_nothing(daemon: PackageDaemon) -> None:
    archive = demo_archive(VERSION, "other-1")
    files = publish_as("another-1", VERSION, "another.tar.bz2", archive)
    daemon.web.files |= {f"/hostile/{file}": content for file, content in files.items()}
    daemon.update()
    checked(daemon.refused("/pg_mgr/install/install", id="another-1"))
    assert list(daemon.running.rest.get("/pg_mgr/install/installed")["pkgs"]) == [PLUGIN]


@pytest.mark.parametrize("name", firmware_archives())
def test_archives_of_firmware(daemon: PackageDaemon, name: str) -> None:
    step, archive = firmware_archives()[name]
    daemon.web.files["/fw/x"] = archive
    url = f"{daemon.web.url}/fw/x"
    install = f"[install_x]\na-b: {step}\n"
    text = "\n".join([package_section("fw", "x.fw", "x"), file_section("x.fw", archive, url), install])
    (daemon.plugin / "pkgs").mkdir(exist_ok=True)
    (daemon.plugin / "pkgs/pkgs.db").write_text(text)
    boot = daemon.plugin / "var/tftpboot"
    try:
        daemon.package("install", "fw")
    except RestError as refusal:
        checked(str(refusal))
        assert list(boot.rglob("*")) == []
        return
    # what could be read in spite of everything is what vendors' archives hold: plain files below one directory
    assert name in (
        "zip, nothing inside",
        "zip, packed size that lies",
        "zip, only rubbish",
        "tar, link out",
        "tar, parent",
    )
    for path in boot.rglob("*"):
        assert path.is_file()
        assert not path.is_symlink()
        assert path.name in ("a.bin", "b", "evil")
    assert [path for path in daemon.root.rglob("evil") if path.parent != boot] == []
    daemon.running.rest.call("POST", f"{SERVICE}/uninstall", {"id": "fw"})
    assert list(boot.rglob("*")) == []


@pytest.mark.parametrize("name", broken_indexes())
def test_indexes(daemon: PackageDaemon, name: str) -> None:
    daemon.web.files["/hostile/plugins.db"] = json.dumps({"good-1": entry()}).encode()
    daemon.update()
    daemon.web.files["/hostile/plugins.db"] = broken_indexes()[name]
    daemon.update()
    [state] = [
        row for row in daemon.running.rest.get("/pg_mgr/repositories")["repositories"] if row["name"] == "hostile"
    ]
    assert (state["state"], state["entries"]) == ("stale", 1)
    checked(state["problem"])
    assert {"good-1", PLUGIN} <= set(daemon.running.rest.get("/pg_mgr/install/installable")["pkgs"])


def test_entries_of_indexes(daemon: PackageDaemon) -> None:
    bad = {plugin_id.replace("bad-1", f"bad-{name}"): each for name, (plugin_id, each) in bad_entries().items()}
    daemon.web.files["/hostile/plugins.db"] = json.dumps({**bad, "good-1": entry()}).encode()
    daemon.update()
    rows = daemon.running.rest.get("/pg_mgr/repositories")["repositories"]
    [state] = [row for row in rows if row["name"] == "hostile"]
    assert set(daemon.running.rest.get("/pg_mgr/install/installable")["pkgs"]) == {"good-1", PLUGIN}
    assert (state["state"], state["entries"], len(state["left_out"])) == ("ok", 1, len(bad))
    assert max(len(sentence) for sentence in state["left_out"]) < 300


@pytest.mark.parametrize("name", answers())
def test_servers(daemon: PackageDaemon, name: str) -> None:
    daemon.web.files["/hostile/plugins.db"] = json.dumps({"good-1": entry(description=name)}).encode()
    daemon.update()
    daemon.web.behaviours["/hostile/plugins.db"] = [answers()[name]]
    daemon.update()
    rows = daemon.running.rest.get("/pg_mgr/repositories")["repositories"]
    [state] = [row for row in rows if row["name"] == "hostile"]
    assert state["entries"] == 1
    if name != "not modified":
        assert state["state"] == "stale"
        checked(state["problem"])
    assert PLUGIN in daemon.running.rest.get("/pg_mgr/install/installable")["pkgs"]
