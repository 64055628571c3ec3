"""A real provisiond with repositories and firmware servers of its own on the loopback."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from attrs import define, field
from bench.phones import fetch_http
from bench.server import RestError
from tests.support.file_server import FileServer
from tests.support.firmware import file_section, package_section
from tests.support.plugin_packages import plugin_archive, publish
from tests.support.servers import Running, prepared

ENTRY = b"""
from provisiond.sdk import File, Plugin, Rule, Support, Where


class Demo(Plugin):
    rules = (
        Rule(
            where=Where.USER_AGENT,
            literal="DemoPhone",
            pattern=r"^DemoPhone (?P<model>D\\d+) (?P<version>[\\d.]+) (?P<mac>[0-9a-f]{12})$",
            vendor="Demo",
        ),
    )

    def associate(self, info):
        return Support.EXACT if info.vendor == "Demo" else Support.NONE

    def device_files(self, device, raw_config):
        yield File(name=device.mac.replace(":", "") + ".cfg", templates="base.cfg.tpl", context={"version": VERSION})


PLUGIN = Demo
"""
PLUGIN = "demo-1"
SERVICE = f"/pg_mgr/plugins/{PLUGIN}/install"
COPY = "[install_x]\na-b: cp * ./\n"


def demo_files(version: str, plugin_id: str = PLUGIN, **more: bytes) -> dict[str, bytes]:
    """Return the files of a plugin that writes its version into its phones' files."""
    capabilities = {"Demo, D10, 1.0": {"lines": 2}}
    info = {"api": 1, "version": version, "description": f"Phones of {plugin_id}", "capabilities": capabilities}
    return {
        "plugin-info": json.dumps(info).encode(),
        "entry.py": f"VERSION = {version!r}\n".encode() + ENTRY,
        "templates/base.cfg.tpl": b"version {{ version }}\n",
        **{name.replace("__", "/"): content for name, content in more.items()},
    }


def demo_archive(version: str, plugin_id: str = PLUGIN, **more: bytes) -> bytes:
    """Return the archive of such a plugin."""
    return plugin_archive(plugin_id, version, demo_files(version, plugin_id, **more))


def pkgs_db(files: Mapping[str, tuple[bytes, str]], install: str = COPY) -> bytes:
    """Return definitions with one package for each file.

    :param files: name -> content and URL; an empty URL makes a manual file.
    """
    packages = [package_section(name.partition(".")[0], name, "x") for name in files]
    sections = [file_section(name, content, url) for name, (content, url) in files.items()]
    return "\n".join([*packages, *sections, install]).encode()


@define
class PackageDaemon:
    """A server and where its packages come from; channels are directories of ``web``."""

    root: Path
    web: FileServer
    running: Running
    channels: dict[str, dict[str, bytes]] = field(factory=dict)

    def offer(self, channel: str, *archives: tuple[str, bytes]) -> None:
        """Publish archives, by their names, in place of what a channel had."""
        directory = self.root / "channels" / channel
        for former in directory.glob("*") if directory.is_dir() else ():
            former.unlink()
        publish(directory, dict(archives))
        for name in [name for name in self.web.files if name.startswith(f"/{channel}/")]:
            del self.web.files[name]
        for path in directory.iterdir():
            self.web.files[f"/{channel}/{path.name}"] = path.read_bytes()

    def offer_demo(self, version: str, channel: str = "stable", plugin_id: str = PLUGIN, **more: bytes) -> None:
        """Publish one version of the demo plugin."""
        self.offer(channel, (f"{plugin_id}-{version}.tar.bz2", demo_archive(version, plugin_id, **more)))

    def update(self) -> None:
        self.running.rest.finish("/pg_mgr/install/update", {})

    def do(self, word: str, **body: Any) -> str:
        """Install, upgrade or downgrade the demo plugin and return the text of the ended operation."""
        return self.running.rest.finish(f"/pg_mgr/install/{word}", {"id": PLUGIN, **body})

    def package(self, word: str, package: str) -> str:
        """Install or upgrade a package of it."""
        return self.running.rest.finish(f"{SERVICE}/{word}", {"id": package})

    def refused(self, path: str, **body: Any) -> str:
        """Return why a call is refused, or why its operation fails."""
        try:
            self.running.rest.finish(path, body)
        except RestError as refusal:
            return str(refusal)
        raise AssertionError("nobody refused it")

    def phone(self, mac: str = "00d0de000001") -> str:
        """Return what a phone of the plugin is served."""
        content = fetch_http(
            self.running.http, f"/{mac}.cfg", address="127.0.5.1", user_agent=f"DemoPhone D10 1.0 {mac}"
        )
        return "" if content is None else content.decode()

    def installed_version(self) -> str | None:
        """Return the version that is installed, None when none is."""
        row = self.running.rest.get("/pg_mgr/install/installed")["pkgs"].get(PLUGIN)
        return None if row is None else str(row["version"])

    def put(self, path: str, content: bytes) -> tuple[int, str]:
        """Send bytes and return status and text."""
        request = urllib.request.Request(f"{self.running.rest.base}{path}", data=content, method="PUT")
        request.add_header("X-Auth-Token", (self.running.server.state / "admin-token").read_text().strip())
        request.add_header("Content-Type", "application/octet-stream")
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    @property
    def plugin(self) -> Path:
        return self.running.server.state / "plugins" / PLUGIN

    def leftovers(self) -> list[str]:
        """Return what only interrupted work leaves; pieces that a download goes on from are not such."""
        state = self.running.server.state
        found = [*state.glob("plugins/.work/*/*"), *state.glob("plugins/*/var/.staging/*")]
        found += [*state.glob("plugins/*/var/.journal/*"), *state.glob("link-check/*")]
        for directory in (state, self.root / "server" / "cache"):
            found += directory.rglob("*.tmp")
            found += [path for path in directory.rglob("*.part") if not _resumable(path)]
        return sorted(str(path.relative_to(self.root)) for path in found)


def _resumable(path: Path) -> bool:
    other = path.name[1:] if path.name.startswith(".") else f".{path.name}"
    return path.with_name(other).exists()


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """Return the first true value of a condition."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
    return value


@contextmanager
def prepared_daemon(directory: Path, settings: Mapping[str, Any] | None = None) -> Iterator[PackageDaemon]:
    """Prepare a server, which is ended afterwards.

    :param settings: ``{web}`` in its texts is the address of the web server, ``{port}`` the port of that.
    """
    web = FileServer()
    web.start()
    running = prepared(directory / "server", directory)
    daemon = PackageDaemon(directory, web, running)
    conf = running.server.settings.parent / "conf.d"
    conf.mkdir()
    chosen = {"general": {"plugin_server": "{web}/stable"}, **(settings or {})}
    (conf / "10.yml").write_text(yaml.safe_dump(chosen).replace("{web}", web.url).replace("{port}", str(web.port)))
    try:
        yield daemon
    finally:
        web.stop()
        if running.server.is_started:
            running.server.stop()


@contextmanager
def package_daemon(directory: Path, settings: Mapping[str, Any] | None = None) -> Iterator[PackageDaemon]:
    """Start such a server."""
    with prepared_daemon(directory, settings) as daemon:
        daemon.running.server.start()
        yield daemon
