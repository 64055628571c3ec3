"""Points 1 and 2 of the administrator: repositories and plugins of a real daemon, while a phone is served."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.server import RestError
from tests.support.file_server import cut_after, stall_after, status
from tests.support.package_daemon import PLUGIN, PackageDaemon, demo_archive, package_daemon, until

from provisiond.packages.signatures import new_private_key, public_half, sign


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackageDaemon]:
    general = {
        "plugin_server": "{web}/stable",
        "repositories": [
            {"name": "testing", "url": "http://user:geheim@localhost:{port}/testing", "priority": 400},
            {"name": "broken", "url": "{web}/broken", "priority": 900},
            {"name": "pinned", "url": "{web}/pinned", "priority": 100},
        ],
        "plugin_pins": {"other-1": "pinned"},
    }
    with package_daemon(tmp_path_factory.mktemp("daemon"), {"general": general}) as made:
        yield made


@pytest.fixture(autouse=True)
def fresh(daemon: PackageDaemon) -> None:
    """Offer 1.0 in stable, 2.0 in testing, and nothing is installed."""
    daemon.offer_demo("1.0")
    daemon.offer(
        "testing", ("demo-1-2.0.tar.bz2", demo_archive("2.0")), ("other.tar.bz2", demo_archive("7", "other-1"))
    )
    daemon.offer("pinned", ("other.tar.bz2", demo_archive("3", "other-1")))
    daemon.web.behaviours.clear()
    daemon.update()
    if daemon.installed_version() is not None:
        daemon.running.rest.call("POST", "/pg_mgr/install/uninstall", {"id": PLUGIN})


def states(daemon: PackageDaemon) -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in daemon.running.rest.get("/pg_mgr/repositories")["repositories"]}


class TestRepositories:
    def test_a_broken_one_leaves_the_others_in_use_and_is_shown(self, daemon: PackageDaemon) -> None:
        shown = states(daemon)
        assert list(shown) == ["broken", "default", "testing", "pinned"]
        assert {name: row["state"] for name, row in shown.items()} == {
            "broken": "broken",
            "default": "ok",
            "testing": "ok",
            "pinned": "ok",
        }
        assert "404" in str(shown["broken"]["problem"])
        assert shown["testing"]["url"] == f"http://localhost:{daemon.web.port}/testing"
        assert "geheim" not in json.dumps(shown)
        assert "geheim" not in daemon.running.server.log_text()
        assert shown["pinned"]["pinned"] == ["other-1"]

    def test_an_index_that_breaks_later_is_stale_and_stays_in_use(self, daemon: PackageDaemon) -> None:
        before = states(daemon)["testing"]["updated"]
        daemon.web.behaviours["/testing/plugins.db"] = [lambda exchange: exchange.send(200, b"<html>oops</html>")]
        daemon.update()
        row = states(daemon)["testing"]
        assert (row["state"], row["updated"], row["entries"]) == ("stale", before, 2)
        assert "not valid JSON" in str(row["problem"])
        versions = daemon.running.rest.get("/pg_mgr/install/versions")["pkgs"][PLUGIN]["versions"]
        assert ("2.0", "testing") in [(each["version"], each["repository"]) for each in versions]

    def test_when_all_break_the_update_fails_and_nothing_is_lost(self, daemon: PackageDaemon) -> None:
        offered = daemon.running.rest.get("/pg_mgr/install/installable")
        for channel in ("stable", "testing", "pinned"):
            daemon.web.behaviours[f"/{channel}/plugins.db"] = [status(404)]
        said = daemon.refused("/pg_mgr/install/update")
        assert "default: " in said
        assert "404" in said
        assert daemon.running.rest.get("/pg_mgr/install/installable") == offered

    def test_an_unchanged_index_is_not_sent_again(self, daemon: PackageDaemon) -> None:
        daemon.web.requests.clear()
        text = daemon.running.rest.finish("/pg_mgr/install/update", {})
        assert text in ("update|success", "update|success;0")
        assert daemon.web.asked("/stable/plugins.db")[0]["if-none-match"].startswith('"')

    def test_priorities_and_pins_choose(self, daemon: PackageDaemon) -> None:
        offered = daemon.running.rest.get("/pg_mgr/install/installable")["pkgs"]
        assert (offered[PLUGIN]["version"], offered["other-1"]["version"]) == ("1.0", "3")
        assert "filename" not in offered[PLUGIN]
        said = daemon.refused("/pg_mgr/install/install", id="other-1", repository="testing")
        assert "the repository testing does not offer the plugin other-1" in said

    def test_address_and_proxy_are_parameters_that_count_at_once(self, daemon: PackageDaemon) -> None:
        put = daemon.running.rest.call
        put("PUT", "/configure/plugin_server", {"param": {"value": "http://plugins.invalid/stable/"}})
        put("PUT", "/configure/http_proxy", {"param": {"value": f"http://127.0.0.1:{daemon.web.port}"}})
        try:
            daemon.web.requests.clear()
            daemon.offer_demo("4.0")
            daemon.update()
            asked = [path for _, path, _ in daemon.web.requests]
            assert "http://plugins.invalid/stable/plugins.db" in asked
            assert states(daemon)["default"]["url"] == "http://plugins.invalid/stable/"
            assert daemon.running.rest.get("/pg_mgr/install/installable")["pkgs"][PLUGIN]["version"] == "4.0"
        finally:
            put("PUT", "/configure/http_proxy", {"param": {"value": None}})
            put("PUT", "/configure/plugin_server", {"param": {"value": f"{daemon.web.url}/stable"}})
        daemon.update()
        assert states(daemon)["default"]["url"] == f"{daemon.web.url}/stable"


class TestPlugins:
    def test_the_whole_life_of_a_plugin(self, daemon: PackageDaemon) -> None:
        archive = daemon.web.files["/stable/demo-1-1.0.tar.bz2"]
        assert daemon.do("install") in (
            "install|success",
            f"install|success(download|success;{len(archive)}/{len(archive)})",
        )
        assert daemon.phone() == "version 1.0\n"
        (daemon.plugin / "var/tftpboot/fw.bin").write_bytes(b"firmware")
        (daemon.plugin / "var/templates/base.cfg.tpl").write_text("mine {{ version }}\n")
        daemon.running.rest.call("POST", "/pg_mgr/reload", {"id": PLUGIN})
        assert daemon.phone() == "mine 1.0\n"
        daemon.do("upgrade", repository="testing")
        assert daemon.installed_version() == "2.0"
        assert daemon.phone() == "mine 2.0\n"
        assert (daemon.plugin / "var/tftpboot/fw.bin").read_bytes() == b"firmware"
        assert "demo" in (daemon.refused("/pg_mgr/install/install", id=PLUGIN))
        daemon.do("downgrade")
        assert daemon.phone() == "mine 1.0\n"
        daemon.running.rest.call("POST", "/pg_mgr/install/uninstall", {"id": PLUGIN})
        assert not daemon.plugin.exists()
        [device] = daemon.running.rest.get("/dev_mgr/devices?q=%7B%22mac%22:%2200:d0:de:00:00:01%22%7D")["devices"]
        assert (device["plugin"], device["configured"]) == (PLUGIN, False)
        assert daemon.phone() == ""
        assert daemon.leftovers() == []

    def test_devices_are_rendered_again_before_their_phones_ask(self, daemon: PackageDaemon) -> None:
        daemon.do("install")
        daemon.phone("00d0de000002")
        daemon.do("upgrade", version="2.0")
        [device] = daemon.running.rest.get("/dev_mgr/devices?q=%7B%22mac%22:%2200:d0:de:00:00:02%22%7D")["devices"]
        files = daemon.running.rest.get(f"/dev_mgr/devices/{device['id']}/files")
        assert [(file["name"], file["fetched_is_current"]) for file in files["files"]] == [("00d0de000002.cfg", False)]
        assert files["current"] is False
        assert daemon.phone("00d0de000002") == "version 2.0\n"

    def test_a_kept_archive_is_checked_every_time(self, daemon: PackageDaemon) -> None:
        daemon.do("install")
        kept = daemon.root / "server/cache/demo-1-1.0.tar.bz2"
        right = kept.read_bytes()
        assert (
            hashlib.sha1(right).hexdigest() == hashlib.sha1(daemon.web.files["/stable/demo-1-1.0.tar.bz2"]).hexdigest()
        )
        daemon.web.requests.clear()
        assert daemon.do("upgrade") == "install|success"
        assert daemon.web.asked("/stable/demo-1-1.0.tar.bz2") == []
        stat = kept.stat()
        kept.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
        os.utime(kept, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert daemon.do("upgrade") == f"install|success(download|success;{len(right)}/{len(right)})"
        assert kept.read_bytes() == right

    def test_a_download_goes_on_where_it_was_cut(self, daemon: PackageDaemon) -> None:
        noise = hashlib.shake_256(b"noise").digest(300_000)
        daemon.offer_demo("1.5", big=noise)
        daemon.update()
        name = "/stable/demo-1-1.5.tar.bz2"
        daemon.web.once(name, cut_after(100_000))
        daemon.web.requests.clear()
        daemon.do("install")
        first, second = daemon.web.asked(name)
        assert "range" not in first
        assert second["range"] == "bytes=100000-"
        assert (daemon.plugin / "big").read_bytes() == noise

    @pytest.mark.parametrize("broken", ["load", "archive", "digest"])
    def test_an_upgrade_that_fails_leaves_the_old_version_working(self, daemon: PackageDaemon, broken: str) -> None:
        daemon.do("install")
        assert daemon.phone() == "version 1.0\n"
        archive = demo_archive("1.8", entry_py=b"") if broken == "archive" else demo_archive("1.8")
        if broken == "load":
            archive = demo_archive("1.8", **{"entry.py": b"1 / 0\n"})
        daemon.offer("stable", ("demo-1-1.8.tar.bz2", archive))
        if broken == "archive":
            truncated = archive[: len(archive) // 2]
            index = json.loads(daemon.web.files["/stable/plugins.db"])
            index[PLUGIN].update(dsize=len(truncated), sha1sum=hashlib.sha1(truncated).hexdigest())
            index[PLUGIN].pop("sha256sum", None)
            daemon.web.files["/stable/plugins.db"] = json.dumps(index).encode()
            daemon.web.files["/stable/demo-1-1.8.tar.bz2"] = truncated
        if broken == "digest":
            changed = bytearray(archive)
            changed[-1] ^= 1
            daemon.web.files["/stable/demo-1-1.8.tar.bz2"] = bytes(changed)
        daemon.update()
        said = daemon.refused("/pg_mgr/install/upgrade", id=PLUGIN)
        assert {"load": "ZeroDivisionError", "archive": "broken", "digest": "digest"}[broken] in said
        assert daemon.installed_version() == "1.0"
        assert daemon.phone() == "version 1.0\n"
        assert PLUGIN in daemon.running.rest.get("/pg_mgr/plugins")["plugins"]
        assert daemon.leftovers() == []

    def test_two_installs_at_once_and_uninstalling_while_installing(self, daemon: PackageDaemon) -> None:
        name = "/stable/demo-1-1.0.tar.bz2"
        (daemon.root / "server/cache/demo-1-1.0.tar.bz2").unlink(missing_ok=True)
        daemon.web.once(name, stall_after(0))
        location = daemon.running.rest.call("POST", "/pg_mgr/install/install", {"id": PLUGIN})[2]
        assert location is not None
        for word in ("install", "upgrade", "uninstall"):
            with pytest.raises(RestError, match=" 400 "):
                daemon.running.rest.call("POST", f"/pg_mgr/install/{word}", {"id": PLUGIN})
        daemon.web.released.set()
        path = location.removeprefix("/0.2")
        until(lambda: "|progress" not in daemon.running.rest.get(path)["status"])
        daemon.web.released.clear()
        assert daemon.running.rest.get(path)["error"] is None
        assert daemon.installed_version() == "1.0"


def test_with_keys_only_signed_indexes_count(tmp_path: Path) -> None:
    key = new_private_key()
    general = {"plugin_server": "{web}/stable", "repository_keys": [public_half(key)]}
    with package_daemon(tmp_path, {"general": general}) as daemon:
        daemon.offer_demo("1.0")
        assert "the index is not signed" in daemon.refused("/pg_mgr/install/update")
        assert daemon.running.rest.get("/pg_mgr/install/installable")["pkgs"] == {}
        index = daemon.web.files["/stable/plugins.db"]
        daemon.web.files["/stable/plugins.db.sig"] = sign(index, new_private_key())
        assert "not signed with a key" in daemon.refused("/pg_mgr/install/update")
        daemon.web.files["/stable/plugins.db.sig"] = sign(index, key)
        daemon.update()
        daemon.do("install")
        daemon.offer_demo("1.1")
        daemon.web.files["/stable/plugins.db.sig"] = sign(index, key)
        assert "not signed with a key" in daemon.refused("/pg_mgr/install/update")
        assert daemon.running.rest.get("/pg_mgr/install/installable")["pkgs"][PLUGIN]["version"] == "1.0"
        assert daemon.phone() == "version 1.0\n"
