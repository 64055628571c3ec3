"""A daemon that is killed while it installs, upgrades and removes, and what must be true when it is started again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path

from attrs import frozen
from tests.support.firmware import file_section, package_section, zip_bytes
from tests.support.package_daemon import PLUGIN, SERVICE, PackageDaemon, prepared_daemon

FILES: Mapping[str, dict[str, bytes]] = {
    "1.0": {"d/a.bin": b"old a", "d/b.bin": b"old b", "gone/c.bin": b"old c"},
    "2.0": {"d/a.bin": b"new a", "n/e/w.bin": b"new w", "top.bin": b"new top"},
}
PACKAGE = "fw"


@frozen
class Action:
    """Something that is interrupted.

    :param before: plugin's and package's versions that it begins with, None where there is none.
    :param after: the same when it has ended.
    :param path: what is called.
    """

    name: str
    before: tuple[str | None, str | None]
    after: tuple[str | None, str | None]
    path: str


ACTIONS = (
    Action("install a plugin", (None, None), ("1.0", None), "/pg_mgr/install/install"),
    Action("install a package", ("1.0", None), ("1.0", "1.0"), f"{SERVICE}/install"),
    Action("upgrade a plugin", ("1.0", "1.0"), ("2.0", "1.0"), "/pg_mgr/install/upgrade"),
    Action("upgrade a package", ("2.0", "1.0"), ("2.0", "2.0"), f"{SERVICE}/upgrade"),
    Action("remove a package", ("2.0", "2.0"), ("2.0", None), f"{SERVICE}/uninstall"),
    Action("remove a plugin", ("2.0", None), (None, None), "/pg_mgr/install/uninstall"),
)


class Deaths:
    """The daemon, brought into states and killed in between."""

    def __init__(self, daemon: PackageDaemon, trap: Path) -> None:
        self.daemon = daemon
        self._trap = trap
        self.kills = 0

    def offer(self, version: str) -> None:
        """Let the repository have this version, whose package has this version too."""
        content = zip_bytes(FILES[version])
        self.daemon.web.files[f"/fw/{version}.zip"] = content
        url = f"{self.daemon.web.url}/fw/{version}.zip"
        name = f"{version}.zip"
        package = package_section(PACKAGE, name, "x", version=version)
        text = "\n".join([package, file_section(name, content, url), "[install_x]\na-b: unzip *\n"])
        self.daemon.offer_demo(version, **{"pkgs/pkgs.db": text.encode()})
        self.daemon.update()

    def state(self) -> tuple[str | None, str | None]:
        """Return the versions that the API tells."""
        plugin = self.daemon.installed_version()
        if plugin is None:
            return None, None
        packages = self.daemon.running.rest.get(f"{SERVICE}/installed")["pkgs"]
        return plugin, packages.get(PACKAGE, {}).get("version")

    def prepare(self, wanted: tuple[str | None, str | None]) -> None:
        """Bring the plugin and its package into a state, whatever they are in."""
        rest, (plugin, package) = self.daemon.running.rest, wanted
        if self.daemon.installed_version() is not None:
            rest.call("POST", "/pg_mgr/install/uninstall", {"id": PLUGIN})
        if plugin is None:
            self.offer("1.0")
            return
        # a package is of the version that the plugin had when it was installed
        for version in sorted({package or plugin, plugin}):
            self.offer(version)
            self.daemon.do("install" if self.daemon.installed_version() is None else "upgrade")
            if version == package:
                self.daemon.package("install", PACKAGE)
        assert self.state() == wanted

    def act(self, action: Action) -> None:
        """Do it to the end, or until the daemon is dead."""
        rest = self.daemon.running.rest
        document = {"id": PACKAGE if action.path.startswith(SERVICE) else PLUGIN}
        with suppress(OSError, HTTPException, json.JSONDecodeError):
            if "uninstall" in action.path:
                rest.call("POST", action.path, document)
            else:
                rest.finish(action.path, document)

    def steps(self, action: Action) -> int:
        """Return how many file operations it takes."""
        self._ready(action)
        self._trap.write_text("0")
        self.act(action)
        self._trap.unlink()
        assert self.state() == action.after, action
        return int(self._trap.with_suffix(".count").read_text())

    def die(self, action: Action, number: int) -> tuple[str | None, str | None]:
        """Kill the daemon before that file operation, start it again, and return the state that it is in."""
        self._ready(action)
        self._trap.write_text(str(number))
        self.act(action)
        server = self.daemon.running.server
        if server.is_alive:
            # it took fewer operations this time
            server.kill()
        server.wait()
        self._trap.unlink()
        self.kills += 1
        server.start()
        return self.check(action)

    def check(self, action: Action) -> tuple[str | None, str | None]:
        """Look at everything after a restart.

        :raises AssertionError: when something is neither as before nor as after, not listed, or left over.
        """
        daemon, state = self.daemon, self.state()
        assert daemon.leftovers() == []
        assert state in (action.before, action.after), (action, state)
        plugin, package = state
        loaded = daemon.running.rest.get("/pg_mgr/plugins")["plugins"]
        assert (PLUGIN in loaded) == daemon.plugin.is_dir() == (plugin is not None)
        assert daemon.phone() == ("" if plugin is None else f"version {plugin}\n")
        if plugin is not None:
            assert f"VERSION = '{plugin}'" in (daemon.plugin / "entry.py").read_text()
            self._check_files(action, package)
        return state

    def _check_files(self, action: Action, package: str | None) -> None:
        boot = self.daemon.plugin / "var/tftpboot"
        served = {str(path.relative_to(boot)): path.read_bytes() for path in boot.rglob("*") if path.is_file()}
        whole = FILES[package] if package is not None else {}
        if action.name == "remove a package":
            # files go first and the record last, so that the removal can be repeated
            assert served.items() <= whole.items()
        else:
            assert served == whole

    def _ready(self, action: Action) -> None:
        if self.state() != action.before or action.before[0] is None or action.name == "remove a package":
            self.prepare(action.before)
        if action.name == "upgrade a plugin":
            self.offer("2.0")


@contextmanager
def dying_daemon(directory: Path) -> Iterator[Deaths]:
    """Start a daemon that can be killed at any file operation."""
    with prepared_daemon(directory) as daemon:
        trap = directory / "trap"
        script = Path(__file__).with_name("dying_daemon.py")
        daemon.running.server.wrapper = [sys.executable, str(script), str(trap)]
        daemon.running.server.start()
        yield Deaths(daemon, trap)


def spread(steps: int, count: int) -> list[int]:
    """Return so many different numbers from 1 to ``steps``, evenly spread."""
    count = min(count, steps)
    return sorted({1 + (2 * index + 1) * steps // (2 * count) for index in range(count)} - {steps + 1})
