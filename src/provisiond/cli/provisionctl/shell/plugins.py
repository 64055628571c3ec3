"""``plugins`` and what ``plugins['…']`` gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from provisiond.cli.provisionctl.shell.work import Server

Rows = dict[str, dict[str, Any]]


class Plugin:
    """One installed plugin."""

    def __init__(self, server: Server, plugin_id: str) -> None:
        self._server = server
        self.id = plugin_id

    def __repr__(self) -> str:
        """Return how it was got."""
        return f"plugins[{self.id!r}]"

    def installed(self) -> Rows:
        """Return its installed packages."""
        return self._server.client.packages.installed(self.id)

    def installable(self) -> Rows:
        """Return the packages that it offers."""
        return self._server.client.packages.installable(self.id)

    def install(self, package: str) -> None:
        """Install a package."""
        self._server.finish(package, lambda: self._server.client.packages.install(self.id, package))

    def upgrade(self, package: str) -> None:
        """Install the present version of an installed package."""
        self._server.finish(package, lambda: self._server.client.packages.upgrade(self.id, package))

    def install_all(self) -> None:
        """Install every package that is not installed in its present version."""
        installed, offered = self.installed(), self.installable()
        missing = [
            name for name, row in sorted(offered.items()) if installed.get(name, {}).get("version") != row["version"]
        ]
        if missing:
            begin = self._server.client.packages.install_all
            self._server.finish(self.id, lambda: begin(self.id), tuple(missing))

    def uninstall(self, package: str) -> None:
        """Remove the files of a package."""
        self._server.client.packages.uninstall(self.id, package)

    def uninstall_all(self) -> None:
        """Remove the files of all packages."""
        for package in self.installed():
            self.uninstall(package)


class Plugins:
    """The plugins of the server; ``plugins['…']`` is one that is installed."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __repr__(self) -> str:
        """Tell how many there are."""
        return f"<{self.count_installed()} plugins; plugins.installed(), plugins.installable(), plugins.install('…')>"

    def __getitem__(self, plugin_id: str) -> Plugin:
        """Return an installed plugin by its id.

        :raises LookupError: when it is not installed.
        """
        if plugin_id not in self.installed():
            raise LookupError(f'the plugin "{plugin_id}" is not installed')
        return Plugin(self._server, plugin_id)

    def __iter__(self) -> Iterator[str]:
        """Yield the ids of the installed ones."""
        return iter(self.ids())

    def ids(self) -> list[str]:
        """Return the ids of the installed ones."""
        return sorted(self.installed())

    def installed(self) -> Rows:
        """Return the installed plugins."""
        return self._server.client.plugins.installed()

    def installable(self) -> Rows:
        """Return what the repositories offer."""
        return self._server.client.plugins.installable()

    def count_installed(self) -> int:
        """Return how many are installed."""
        return len(self.installed())

    def install(self, plugin_id: str) -> None:
        """Install a plugin."""
        self._server.finish(plugin_id, lambda: self._server.client.plugins.install(plugin_id))

    def upgrade(self, plugin_id: str) -> None:
        """Install the offered version over the installed one."""
        self._server.finish(plugin_id, lambda: self._server.client.plugins.upgrade(plugin_id))

    def uninstall(self, plugin_id: str) -> None:
        """Remove a plugin."""
        self._server.client.plugins.uninstall(plugin_id)

    def uninstall_all(self) -> None:
        """Remove every plugin."""
        for each in self.ids():
            self.uninstall(each)

    def reload(self, plugin_id: str) -> None:
        """Load a plugin again."""
        self._server.client.plugins.reload(plugin_id)

    def update(self) -> None:
        """Ask the repositories what they offer."""
        self._server.finish("update", self._server.client.plugins.update)
