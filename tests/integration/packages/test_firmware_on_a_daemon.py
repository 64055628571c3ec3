"""Points 3 and 4 of the administrator: firmware of a real daemon, from the vendor's server to the phone."""

from __future__ import annotations

import hashlib
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.phones import fetch_http, fetch_tftp
from tests.support import file_server as serving
from tests.support.file_server import cut_after, status
from tests.support.firmware import file_section, package_section, zip_bytes
from tests.support.package_daemon import (
    PLUGIN,
    SERVICE,
    PackageDaemon,
    package_daemon,
    pkgs_db,
    prepared_daemon,
    until,
)

AGENT = "DemoPhone D10 1.0 00d0de000009"
LARGE = 300 << 20


def noise(name: str, size: int = 200_000) -> bytes:
    return hashlib.shake_256(name.encode()).digest(size)


def firmware(daemon: PackageDaemon, *, version: str = "1.0", **contents: bytes) -> None:
    """Offer a plugin with a package for each file; what begins with ``manual`` has no URL."""
    files = {}
    for name, content in contents.items():
        url = "" if name.startswith("manual") else f"{daemon.web.url}/fw/{name}.bin"
        files[f"{name}.bin"] = (content, url)
        daemon.web.files[f"/fw/{name}.bin"] = content
    daemon.offer_demo(version, **{"pkgs/pkgs.db": pkgs_db(files)})
    daemon.update()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackageDaemon]:
    directory = tmp_path_factory.mktemp("daemon")
    (directory / "mirror").mkdir()
    with package_daemon(
        directory, {"general": {"plugin_server": "{web}/stable", "firmware_mirror": str(directory / "mirror")}}
    ) as made:
        yield made


@pytest.fixture
def daemon(shared: PackageDaemon) -> PackageDaemon:
    """No plugin is installed, nothing is in the mirror, and the servers behave."""
    shared.web.behaviours.clear()
    shared.web.requests.clear()
    for path in (shared.root / "mirror").iterdir():
        path.unlink()
    if shared.installed_version() is not None:
        shared.running.rest.call("POST", "/pg_mgr/install/uninstall", {"id": PLUGIN})
    return shared


def states(daemon: PackageDaemon, **body: bool) -> dict[str, tuple[str, str]]:
    daemon.running.rest.finish(f"{SERVICE}/check", body)
    rows = daemon.running.rest.get(f"{SERVICE}/check")["files"]
    return {row["name"]: (row["state"], row["sentence"]) for row in rows}


def test_bytes_are_told_while_a_slow_server_sends_and_phones_see_whole_files_only(daemon: PackageDaemon) -> None:
    content = noise("slow")
    firmware(daemon, slow=content)
    daemon.do("install")
    assert daemon.phone("00d0de000009")
    gate = threading.Event()

    def slow(exchange: serving.Exchange) -> None:
        exchange.head(200, Content_Length=len(content))
        exchange.body(content[:150_000])
        gate.wait(60)
        exchange.body(content[150_000:])

    daemon.web.once("/fw/slow.bin", slow)
    location = daemon.running.rest.call("POST", f"{SERVICE}/install", {"id": "slow"})[2]
    assert location is not None
    path = location.removeprefix("/0.2")
    expected = r"install_pkg\|progress\(download\|progress\(progress;[1-9]\d*/200000\)\)\(install\|waiting\)"
    until(lambda: re.fullmatch(expected, daemon.running.rest.get(path)["status"]))
    assert fetch_http(daemon.running.http, "/slow.bin", address="127.0.5.1", user_agent=AGENT) is None
    assert "400" in daemon.refused(f"{SERVICE}/install", id="slow")
    assert "400" in daemon.refused("/pg_mgr/install/upgrade", id=PLUGIN)
    assert "400" in daemon.refused("/pg_mgr/install/uninstall", id=PLUGIN)
    gate.set()
    ended = "install_pkg|success(download|success(success;200000/200000))(install|success)"
    until(lambda: daemon.running.rest.get(path)["status"] == ended)
    assert fetch_http(daemon.running.http, "/slow.bin", address="127.0.5.1", user_agent=AGENT) == content
    assert fetch_tftp(daemon.running.tftp, "slow.bin", address="127.0.5.1") == content
    assert ended in daemon.running.server.log_text()


def test_firmware_survives_upgrades_of_its_plugin_and_goes_exactly(daemon: PackageDaemon) -> None:
    firmware(daemon, a=noise("a"), b=noise("b"))
    daemon.do("install")
    for package in "ab":
        daemon.package("install", package)
    firmware(daemon, version="2.0", a=noise("new a"), b=noise("b"))
    daemon.do("upgrade")
    assert list(daemon.running.rest.get(f"{SERVICE}/installed")["pkgs"]) == ["a", "b"]
    boot = daemon.plugin / "var/tftpboot"
    assert (boot / "a.bin").read_bytes() == noise("a")
    daemon.package("upgrade", "a")
    assert (boot / "a.bin").read_bytes() == noise("new a")
    daemon.running.rest.call("POST", f"{SERVICE}/uninstall", {"id": "a"})
    assert sorted(path.name for path in boot.iterdir()) == ["b.bin"]
    assert "400" in daemon.refused(f"{SERVICE}/uninstall", id="a")
    assert daemon.leftovers() == []


def test_dead_links_and_wrong_digests_are_told(daemon: PackageDaemon) -> None:
    firmware(daemon, good=noise("g"), dead=noise("d"), other=noise("o"), longer=noise("l"), manual=noise("m"))
    daemon.do("install")
    daemon.web.behaviours["/fw/dead.bin"] = [status(404)]
    daemon.web.files["/fw/other.bin"] = noise("changed")
    daemon.web.files["/fw/longer.bin"] = noise("l") + b"x"
    assert daemon.running.rest.get(f"{SERVICE}/check")["ended"] is None
    found = states(daemon)
    assert {name: state for name, (state, _) in found.items()} == {
        "good.bin": "ok",
        "dead.bin": "dead",
        "other.bin": "ok",
        "longer.bin": "differs",
        "manual.bin": "manual",
    }
    assert "status 404" in found["dead.bin"][1]
    whole = states(daemon, whole=True)
    assert whole["other.bin"][0] == "differs"
    assert hashlib.sha1(noise("changed")).hexdigest() in whole["other.bin"][1]
    assert whole["good.bin"] == ("ok", "")
    assert daemon.leftovers() == []


def test_all_packages_at_once_and_one_that_cannot_be(daemon: PackageDaemon) -> None:
    firmware(daemon, a=noise("a"), dead=noise("d"), z=noise("z"))
    daemon.do("install")
    daemon.web.behaviours["/fw/dead.bin"] = [status(404)]
    said = daemon.refused(f"{SERVICE}/install_all")
    assert "1 of 3 packages could not be installed: dead: " in said
    assert "404" in said
    assert list(daemon.running.rest.get(f"{SERVICE}/installed")["pkgs"]) == ["a", "z"]
    daemon.web.behaviours.clear()
    daemon.web.requests.clear()
    assert daemon.running.rest.finish(f"{SERVICE}/install_all", {}).count("install_pkg|success") == 1
    assert [path for _, path, _ in daemon.web.requests] == ["/fw/dead.bin"]


def test_a_manual_file_is_asked_for_brought_and_checked(daemon: PackageDaemon) -> None:
    firmware(daemon, manual=noise("m"))
    daemon.do("install")
    said = daemon.refused(f"{SERVICE}/install", id="manual")
    for part in ("manual.bin", "200,000 bytes", hashlib.sha1(noise("m")).hexdigest(), f"{PLUGIN}/var/cache"):
        assert part in said
    details = daemon.running.rest.get(f"{SERVICE}/details")["pkgs"]["manual"]
    assert [(file["name"], file["manual"], file["cached"]) for file in details["files"]] == [
        ("manual.bin", True, False)
    ]
    code, text = daemon.put(f"{SERVICE}/files/manual.bin", noise("wrong"))
    assert code == 400
    assert hashlib.sha1(noise("wrong")).hexdigest() in text
    assert daemon.put(f"{SERVICE}/files/ghost.bin", b"x")[0] == 400
    assert daemon.put(f"{SERVICE}/files/..%2Fx", b"x")[0] in (400, 404)
    assert daemon.put(f"{SERVICE}/files/manual.bin", noise("m")) == (204, "")
    daemon.package("install", "manual")
    assert (daemon.plugin / "var/tftpboot/manual.bin").read_bytes() == noise("m")


def test_the_mirror_is_asked_first_and_the_vendor_when_it_has_not_the_right_file(daemon: PackageDaemon) -> None:
    firmware(daemon, there=noise("t"), missing=noise("m"), wrong=noise("w"))
    (daemon.root / "mirror/there.bin").write_bytes(noise("t"))
    (daemon.root / "mirror/wrong.bin").write_bytes(noise("x"))
    daemon.do("install")
    daemon.web.requests.clear()
    daemon.running.rest.finish(f"{SERVICE}/install_all", {})
    assert sorted(path for _, path, _ in daemon.web.requests) == ["/fw/missing.bin", "/fw/wrong.bin"]
    assert (daemon.plugin / "var/tftpboot/wrong.bin").read_bytes() == noise("w")


def test_conflicts_between_packages_are_refused(daemon: PackageDaemon) -> None:
    zips = {"a.zip": zip_bytes({"x.ld": b"a"}), "b.zip": zip_bytes({"x.ld": b"b"})}
    sections = []
    for name, content in zips.items():
        daemon.web.files[f"/fw/{name}"] = content
        sections += [package_section(name[0], name, "x"), file_section(name, content, f"{daemon.web.url}/fw/{name}")]
    text = "\n".join([*sections, "[install_x]\na-b: unzip $FILE1\n"])
    daemon.offer_demo("1.0", **{"pkgs/pkgs.db": text.encode()})
    daemon.update()
    daemon.do("install")
    daemon.package("install", "a")
    assert "x.ld of b is another file than that of the installed package a" in daemon.refused(
        f"{SERVICE}/install", id="b"
    )
    assert (daemon.plugin / "var/tftpboot/x.ld").read_bytes() == b"a"
    assert daemon.leftovers() == []


def peak_memory(daemon: PackageDaemon) -> int:
    text = Path(f"/proc/{daemon.running.server.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("VmHWM"))


def test_large_firmware_is_streamed_with_ranges_over_http(daemon: PackageDaemon, tmp_path: Path) -> None:
    firmware(daemon, a=noise("a"))
    daemon.do("install")
    assert daemon.phone("00d0de000009")
    middle = 123_456_789
    with (daemon.plugin / "var/tftpboot/large.bin").open("wb") as file:
        file.truncate(LARGE)
        file.seek(middle)
        file.write(b"in the middle")
    before = peak_memory(daemon)
    url = f"http://127.0.0.1:{daemon.running.http}/large.bin"
    curl = ["curl", "-sf", "--interface", "127.0.5.1", "--user-agent", AGENT]
    whole = tmp_path / "whole"
    subprocess.run([*curl, "-o", str(whole), url], check=True, timeout=120)
    assert whole.stat().st_size == LARGE
    done = subprocess.run(
        [*curl, "-i", "-r", f"{middle}-{middle + 12}", url], check=True, capture_output=True, timeout=60
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    assert b" 206 " in head.splitlines()[0]
    assert f"bytes {middle}-{middle + 12}/{LARGE}".encode() in head
    assert body == b"in the middle"
    with whole.open("r+b") as file:
        file.truncate(LARGE - 1000)
    subprocess.run([*curl, "-C", "-", "-o", str(whole), url], check=True, timeout=120)
    assert whole.stat().st_size == LARGE
    assert peak_memory(daemon) - before < 64 << 20


def test_a_phone_that_is_loading_firmware_gets_all_of_it_while_its_plugin_is_removed(
    daemon: PackageDaemon, tmp_path: Path
) -> None:
    firmware(daemon, big=noise("big", 40 << 20))
    daemon.do("install")
    daemon.package("install", "big")
    assert daemon.phone("00d0de000009")
    url, target = f"http://127.0.0.1:{daemon.running.http}/big.bin", tmp_path / "big"
    curl = ["curl", "-sf", "--limit-rate", "20M", "--interface", "127.0.5.1", "--user-agent", AGENT]
    with subprocess.Popen([*curl, "-o", str(target), url]) as loading:
        until(lambda: target.exists() and target.stat().st_size > 1 << 20)
        daemon.running.rest.call("POST", "/pg_mgr/install/uninstall", {"id": PLUGIN})
        assert not daemon.plugin.exists()
        assert loading.poll() is None
        assert loading.wait(60) == 0
    assert target.read_bytes() == noise("big", 40 << 20)


def test_a_download_goes_on_after_a_cut_and_after_a_kill(tmp_path: Path) -> None:
    with prepared_daemon(tmp_path) as daemon:
        content = noise("cut", 2_000_000)
        daemon.running.server.start()
        firmware(daemon, cut=content)
        daemon.do("install")
        daemon.web.once("/fw/cut.bin", cut_after(500_000), serving.stall_after(1_000_000))
        daemon.web.requests.clear()
        daemon.running.rest.call("POST", f"{SERVICE}/install", {"id": "cut"})
        until(lambda: len(daemon.web.asked("/fw/cut.bin")) == 2)
        part = daemon.plugin / "var/cache/cut.bin.part"
        until(lambda: part.stat().st_size >= 500_000)
        daemon.running.server.kill()
        size = part.stat().st_size
        daemon.running.server.start()
        assert daemon.leftovers() == []
        daemon.package("install", "cut")
        asked = [headers.get("range") for headers in daemon.web.asked("/fw/cut.bin")]
        assert asked == [None, "bytes=500000-", f"bytes={size}-"]
        assert (daemon.plugin / "var/tftpboot/cut.bin").read_bytes() == content


def test_a_wrong_section_is_a_problem_of_the_plugin_and_disables_its_package_only(daemon: PackageDaemon) -> None:
    right = pkgs_db({"a.bin": (noise("a"), f"{daemon.web.url}/fw/a.bin")}).decode()
    daemon.web.files["/fw/a.bin"] = noise("a")
    wrong = package_section("wrong", "nothing", "x")
    daemon.offer_demo("1.0", **{"pkgs/pkgs.db": f"{right}\n{wrong}".encode()})
    daemon.update()
    daemon.do("install")
    assert daemon.phone("00d0de000009") == "version 1.0\n"
    [problem] = daemon.running.rest.get("/pg_mgr/problems")["problems"]
    assert (problem["plugin"], problem["kind"]) == (PLUGIN, "package")
    assert "pkgs.db, section [pkg_wrong]" in problem["sentence"]
    assert list(daemon.running.rest.get(f"{SERVICE}/installable")["pkgs"]) == ["a"]
    assert "cannot be installed" in daemon.refused(f"{SERVICE}/install", id="wrong")
    assert "nothing" in daemon.running.rest.get(f"{SERVICE}/details")["pkgs"]["wrong"]["problem"]
    daemon.package("install", "a")


def test_a_manual_file_may_be_larger_than_other_bodies(daemon: PackageDaemon, tmp_path: Path) -> None:
    content = noise("large", 40 << 20)
    firmware(daemon, manual=content)
    daemon.do("install")
    before = peak_memory(daemon)
    assert daemon.put(f"{SERVICE}/files/manual.bin", content) == (204, "")
    assert peak_memory(daemon) - before < 32 << 20
    daemon.package("install", "manual")
    assert (daemon.plugin / "var/tftpboot/manual.bin").read_bytes() == content
    (tmp_path / "too-large").write_bytes(bytes(65 << 20))
    url = f"{daemon.running.rest.base}{SERVICE}/files/manual.bin"
    header = f"X-Auth-Token: {(daemon.running.server.state / 'admin-token').read_text().strip()}"
    done = subprocess.run(
        [
            "curl",
            "-s",
            "-w",
            "%{http_code}",
            "-o",
            str(tmp_path / "said"),
            "-H",
            header,
            "-T",
            str(tmp_path / "too-large"),
            url,
        ],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == b"413"
    assert (daemon.plugin / "var/cache/manual.bin").read_bytes() == content
