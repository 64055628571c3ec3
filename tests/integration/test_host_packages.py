"""Packages and extensions on a running server, with curl as the documents show it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import define
from tests.support.extension_world import (
    HELLO_CONF,
    HELLO_MAKEFILE,
    HELLO_METADATA,
    PATH,
    commit,
    git,
    program,
    stand_ins,
)
from tests.support.file_server import FileServer
from tests.support.package_daemon import demo_files
from tests.support.plugin_packages import member, plugin_archive, tar_bytes
from tests.support.servers import Running, prepared

EXTENSIONS = "/api/plugind/0.2"
OK = {"status": "OK", "code": 0, "description": "None"}


@define
class Host:
    """A server, its repository, and the directory that stands for ``/etc``."""

    running: Running
    files: FileServer
    root: Path
    node: str = ""

    @property
    def token(self) -> str:
        return (self.running.server.state / "admin-token").read_text().strip()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.running.rest_port}"

    def curl(self, path: str, *arguments: str) -> Any:
        """Return the document that curl gets."""
        command = ["curl", "--silent", "--max-time", "60", "-H", f"X-Auth-Token: {self.token}", *arguments]
        done = subprocess.run([*command, self.base + path], check=True, capture_output=True)
        return json.loads(done.stdout) if done.stdout else None

    def package(self, path: str, *arguments: str) -> Any:
        return self.curl(f"/package/{path.format(self.node)}", *arguments)

    def serve(self, *packages: dict[str, Any]) -> None:
        info = {"json_version": 1, "id": "r", "name": "R", "generated": "now", "count": len(packages)}
        self.files.files["/repo"] = json.dumps(info).encode()
        content = json.dumps({**info, "packages": packages}).encode()
        self.files.files["/repo/data"] = tar_bytes([member("repo.info", content)], "gz")

    def offer(self, version: str, **more: Any) -> dict[str, Any]:
        name = f"/repo/download/plugin/demo-1/{version}"
        self.files.files[name] = plugin_archive("demo-1", version, demo_files(version), "gz")
        return {"type": "plugin", "id": "demo-1", "version": version, "archive_url": self.files.url + name, **more}

    def ended(self, begun: dict[str, str]) -> dict[str, Any]:
        """Return an operation when it has ended."""
        path = f"{EXTENSIONS}/operations/{begun['uuid']}"
        return until(lambda: row if (row := self.curl(path))["ended"] else None)

    def install(self, method: str, **options: str) -> dict[str, Any]:
        body = json.dumps({"method": method, "options": options})
        return self.ended(self.curl(f"{EXTENSIONS}/plugins", "-X", "POST", "-d", body))

    def log_of(self, operation: dict[str, Any]) -> str:
        command = ["curl", "--silent", "-H", f"X-Auth-Token: {self.token}"]
        url = f"{self.base}{EXTENSIONS}/operations/{operation['uuid']}/log"
        return subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout

    def tree(self, name: str, files: dict[str, str]) -> Path:
        path = self.root / "sources" / name
        path.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (path / file).write_text(content)
        return path


def until(found: Callable[[], Any], seconds: float = 60) -> Any:
    """Return what is found, when it is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = found()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError("it does not happen")


def is_running(number: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    root = tmp_path_factory.mktemp("host")
    files = FileServer()
    files.start()
    for name in ("programs", "sources", "etc/asterisk/extensions_extra.d", "channel"):
        (root / name).mkdir(parents=True)
    (root / "channel/plugins.db").write_text("{}")
    (root / "sources.list").write_text(f"500 {files.url}/repo\n")
    stand_ins(root / "programs", root / "etc")
    running = prepared(root / "server", root / "channel")
    settings = yaml.safe_load(running.server.settings.read_text())
    settings["packages"] = {"sources_list": str(root / "sources.list")}
    settings["extensions"] = {
        "enabled": True,
        "allow_root": True,
        "directories": [str(root / "sources")],
        "path": f"{root}/programs:{PATH}",
    }
    running.server.settings.write_text(yaml.safe_dump(settings))
    running.server.start()
    made = Host(running, files, root)
    try:
        (node,) = made.curl("/host")["host"]
        made.node = node["id"]
        yield made
    finally:
        running.server.stop()
        files.stop()


def test_install_update_and_uninstall_a_plugin(host: Host) -> None:
    assert host.package("get-mode") == {**OK, "mode": ["normal"]}
    urls = [row["url"] for row in host.package("list-repo")["repository"]]
    assert f"{host.files.url}/repo" in urls
    host.serve(host.offer("0.9"), host.offer("0.10", changelog="better"))
    assert host.package("update-cache") == {**OK, "cache": []}
    versions = [row["version"] for row in host.package("available/{}/plugin")["package"]]
    assert versions == ["0.10", "0.9"]
    assert host.package("install/{}/plugin/demo-1/0.9") == {**OK, "install": []}
    (row,) = host.package("installed/{}/plugin")["package"]
    assert (row["id"], row["version"], row["enabled"]) == ("demo-1", "0.9", "True")
    assert [(each["version"], each["changelog"]) for each in row["updates"]] == [("0.10", "better")]
    assert host.package("install/{}/plugin/demo-1/0.10/") == {**OK, "install": []}
    assert host.running.rest.get("/pg_mgr/install/installed")["pkgs"]["demo-1"]["version"] == "0.10"
    assert "demo-1" in host.running.rest.get("/pg_mgr/plugins")["plugins"]
    assert host.package("uninstall/{}/plugin/plugin-demo-1") == {**OK, "uninstall": []}
    assert host.package("installed/{}/plugin") == {**OK, "package": []}


def test_install_a_file_that_is_sent(host: Host) -> None:
    file = host.root / "plugin-demo-1-0.1a0.dev20120525.tgz"
    noise = os.urandom(300_000)
    files = {**demo_files("0.1a0.dev20120525"), "noise": noise}
    file.write_bytes(plugin_archive("demo-1", "0.1a0.dev20120525", files, "gz"))
    answer = host.package(f"install_from_path/{{}}?filename={file.name}", "-T", str(file))
    assert answer == {**OK, "install": []}
    chunked = host.package(
        f"install_from_path/{{}}?filename={file.name}", "-T", str(file), "-H", "Transfer-Encoding: chunked"
    )
    assert chunked == {**OK, "install": []}
    installed = host.running.server.state / "plugins/demo-1/noise"
    assert installed.read_bytes() == noise
    assert host.package("uninstall/{}/plugin/demo-1")["status"] == "OK"


def test_a_dependency_is_told_and_a_server_that_is_too_old_refused(host: Host) -> None:
    needs = [{"type": "python", "id": "surely-not-there (>=1)"}, {"type": "python", "id": "twisted"}]
    host.serve(host.offer("1.0", dependencies=needs), host.offer("2.0", domogik_min_version="999"))
    host.package("update-cache")
    rows = host.package("dependency/{}/plugin/demo-1/1.0")["dependency"]
    assert [(row["installed"], bool(row["error"])) for row in rows] == [("False", True), ("True", False)]
    refused = host.package("install/{}/plugin/demo-1/2.0")
    assert refused["status"] == "ERROR"
    assert "needs version 999 or later of the server" in refused["description"]


def test_hello_world(host: Host) -> None:
    files = {"package.yml": HELLO_METADATA, "Makefile": HELLO_MAKEFILE, "helloworld.conf": HELLO_CONF}
    tree = host.tree("helloworld", files)
    git(tree, "init", "--quiet", "--initial-branch=master")
    commit(tree, "first")
    placed = host.root / "etc/asterisk/extensions_extra.d/helloworld.conf"
    failed = host.install("git", url=tree.as_uri())
    assert (failed["status"], failed["errors"]["error_id"]) == ("error", "install-error")
    assert "asterisk" in host.log_of(failed)
    assert not placed.exists()
    program(host.root / "programs", "asterisk", f'echo "$@" >> {host.root}/asterisk.log')
    done = host.install("git", url=tree.as_uri())
    assert done["status"] == "completed", host.log_of(done)
    assert placed.read_text() == HELLO_CONF
    assert oct(placed.stat().st_mode & 0o777) == "0o644"
    items = host.curl(f"{EXTENSIONS}/plugins")["items"]
    assert [(each["namespace"], each["name"], each["version"]) for each in items] == [("local", "helloworld", "0.0.1")]
    (row,) = host.package("installed/{}/extension")["package"]
    assert row["fullname"] == "extension-local-helloworld"


def test_upgrade_refusal_of_what_is_needed_and_removal(host: Host) -> None:
    (host.root / "sources/helloworld/package.yml").write_text(HELLO_METADATA.replace("0.0.1", "0.0.2"))
    commit(host.root / "sources/helloworld", "second")
    upgraded = host.install("git", url=(host.root / "sources/helloworld").as_uri())
    assert (upgraded["status"], upgraded["version"]) == ("completed", "0.0.2")
    metadata = "name: user\nversion: 1\ndescription: d\ndepends: [{namespace: local, name: helloworld}]\n"
    tree = host.tree("user", {"package.yml": metadata, "Makefile": "install uninstall:\n\ttrue\n"})
    assert host.install("directory", path=str(tree))["status"] == "completed"
    refused = host.curl(f"{EXTENSIONS}/plugins/local/helloworld", "-X", "DELETE")
    assert refused["error_id"] == "dependency-required"
    for name in ("user", "helloworld"):
        removed = host.ended(host.curl(f"{EXTENSIONS}/plugins/local/{name}", "-X", "DELETE"))
        assert removed["status"] == "completed"
    assert host.curl(f"{EXTENSIONS}/plugins") == {"items": [], "total": 0}
    assert not (host.root / "etc/asterisk/extensions_extra.d/helloworld.conf").exists()


def test_progress_as_server_sent_events(host: Host) -> None:
    command = ["curl", "--silent", "--no-buffer", "--max-time", "60", "-H", f"X-Auth-Token: {host.token}"]
    url = f"{host.base}/0.2/events?kinds=extension_progress"
    with subprocess.Popen([*command, url], stdout=subprocess.PIPE, text=True) as stream:
        assert stream.stdout is not None
        until(lambda: "event: begin" in stream.stdout.readline())
        tree = host.tree(
            "quick", {"package.yml": "name: quick\nversion: 1\n", "Makefile": "install uninstall:\n\ttrue\n"}
        )
        operation = host.install("directory", path=str(tree))
        statuses: list[str] = []
        while "completed" not in statuses:
            line = stream.stdout.readline()
            assert line, statuses
            if line.startswith("data: {") and operation["uuid"] in line:
                statuses.append(json.loads(line[6:])["status"])
        stream.terminate()
    assert statuses[:3] == ["starting", "downloading", "extracting"]


def test_what_a_power_cut_interrupts_is_undone(host: Host) -> None:
    begin = f"echo $$$$ > {host.root}/group; touch {host.root}/placed; sleep 600"
    makefile = f"install:\n\t{begin}\nuninstall:\n\trm {host.root}/placed\n"
    tree = host.tree("slow", {"package.yml": "name: slow\nversion: 1\n", "Makefile": makefile})
    body = json.dumps({"method": "directory", "options": {"path": str(tree)}})
    begun = host.curl(f"{EXTENSIONS}/plugins", "-X", "POST", "-d", body)
    until((host.root / "placed").exists)
    host.running.server.kill()
    left = int((host.root / "group").read_text())
    os.kill(left, 0)
    host.running.server.start()
    until(lambda: not (host.root / "placed").exists())
    until(lambda: not is_running(left))
    operation = host.curl(f"{EXTENSIONS}/operations/{begun['uuid']}")
    assert (operation["status"], operation["errors"]["error_id"]) == ("error", "interrupted")
    assert "slow" not in [each["name"] for each in host.curl(f"{EXTENSIONS}/plugins")["items"]]


def test_stopping_the_server_ends_what_runs(host: Host) -> None:
    (host.root / "placed").unlink(missing_ok=True)
    body = json.dumps({"method": "directory", "options": {"path": str(host.root / "sources/slow")}})
    host.curl(f"{EXTENSIONS}/plugins", "-X", "POST", "-d", body)
    until((host.root / "placed").exists)
    began = time.monotonic()
    assert host.running.server.stop() == 0
    assert time.monotonic() - began < 15
    until(lambda: not is_running(int((host.root / "group").read_text())))
    unfinished = host.running.server.state / "extensions/unfinished"
    assert len(list(unfinished.iterdir())) == 1, "the next start undoes it"
