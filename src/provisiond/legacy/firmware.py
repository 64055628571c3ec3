"""The packages of a plugin, as its own code sees them; the work is done by the server."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from provisiond.errors import ProvisiondError
from provisiond.legacy.surface.operation import OperationInProgress, operation_in_progres_from_deferred
from provisiond.legacy.surface.proxy import DynProxyHandler
from provisiond.legacy.surface.services import AbstractInstallationService
from provisiond.legacy.surroundings import HERE
from provisiond.packages.firmware.definitions import Definitions, read_definitions
from provisiond.packages.firmware.records import read_records

logger = logging.getLogger("plugin.packages")
Password = tuple[str | None, str | None]


class Downloader:
    """Stands for one way of downloading; the server downloads."""

    def __init__(self, handlers: list[Any]) -> None:
        self.handlers = handlers


class AuthDownloader(Downloader):
    """Stands for downloads with a password, which it keeps by the beginning of their URLs."""

    def __init__(self, handlers: list[Any]) -> None:
        super().__init__(handlers)
        self.passwords: dict[str, Password] = {}

    def add_password(self, realm: str | None, uri: str, user: str | None, passwd: str | None) -> None:
        """Use this user and password for everything whose URL begins with ``uri``."""
        self.passwords[uri] = (user, passwd)


class FetchfwPluginHelper(AbstractInstallationService):
    """The packages that ``pkgs/`` defines.

    What is wrong there is a warning: the packages that are right stay usable, and so does the plugin.
    """

    PKG_DIR: ClassVar[str] = "pkgs"
    CACHE_DIR: ClassVar[str] = "var/cache"
    INSTALLED_DIR: ClassVar[str] = "var/installed"
    TFTPBOOT_DIR: ClassVar[str] = "var/tftpboot"

    @classmethod
    def new_handlers(cls, proxies: Mapping[str, str] | None = None) -> list[Any]:
        """Return handlers of urllib that follow the mapping of proxies."""
        return [DynProxyHandler(proxies)]

    @classmethod
    def new_downloaders_from_handlers(cls, handlers: list[Any] | None = None) -> dict[str, Any]:
        """Return the two ways of downloading."""
        return {"default": Downloader(handlers or []), "auth": AuthDownloader(handlers or [])}

    @classmethod
    def new_downloaders(cls, proxies: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the two ways of downloading, by proxies that may change."""
        return cls.new_downloaders_from_handlers(cls.new_handlers(proxies))

    def __init__(
        self,
        plugin_dir: str,
        downloaders: dict[str, Any] | None = None,
        filter_builder: Callable[..., Any] | None = None,
    ) -> None:
        self.plugin_dir = plugin_dir
        self.root_dir = os.path.join(plugin_dir, self.TFTPBOOT_DIR)
        self.downloaders = downloaders if downloaders is not None else self.new_downloaders()
        self.problems = tuple(str(fault) for fault in self._definitions().faults)
        for problem in self.problems:
            logger.warning("%s", problem)

    @property
    def passwords(self) -> dict[str, Password]:
        """User and password by the beginning of a URL."""
        auth = self.downloaders.get("auth")
        return dict(auth.passwords) if isinstance(auth, AuthDownloader) else {}

    def services(self) -> dict[str, Any]:
        """Return the services of a plugin that has packages and nothing else."""
        return {"install": self}

    def install(self, pkg_id: str) -> tuple[Deferred[None], OperationInProgress]:
        """Begin to install a package."""
        if pkg_id not in self._definitions().packages:
            raise Exception(f"package not found: {pkg_id}")
        return self._begun("install", pkg_id)

    def upgrade(self, pkg_id: str) -> tuple[Deferred[None], OperationInProgress]:
        """Begin to install the present version of an installed package."""
        if pkg_id not in self.list_installed():
            raise Exception(f"package not installed: {pkg_id}")
        return self._begun("upgrade", pkg_id)

    def uninstall(self, pkg_id: str) -> None:
        """Remove a package; blocks."""
        if pkg_id not in self.list_installed():
            raise Exception(f"package not installed: {pkg_id}")
        if HERE.bridge is None:
            raise Exception("there is no server that could remove packages")
        HERE.bridge.blocking("package", word="uninstall", plugin=self._plugin_id(), package=pkg_id)

    def list_installable(self) -> dict[str, dict[str, Any]]:
        """Return what can be installed."""
        return {
            package.id: {
                "version": package.version,
                "description": package.localized(HERE.locale),
                "dsize": package.size,
            }
            for package in self._definitions().packages.values()
        }

    def list_installed(self) -> dict[str, dict[str, Any]]:
        """Return what is installed."""
        records = read_records(HERE.home_of(self.plugin_dir))
        return {
            package.id: {"version": package.version, "description": package.localized(HERE.locale)}
            for package in records.packages.values()
        }

    def _begun(self, word: str, pkg_id: str) -> tuple[Deferred[None], OperationInProgress]:
        if HERE.bridge is None:
            raise Exception("there is no server that could install packages")
        done = HERE.bridge.deferred("package", word=word, plugin=self._plugin_id(), package=pkg_id)
        return done, operation_in_progres_from_deferred(done, "install_pkg")

    def _plugin_id(self) -> str:
        return HERE.home_of(self.plugin_dir).name

    def _definitions(self) -> Definitions:
        try:
            return read_definitions(HERE.home_of(self.plugin_dir))
        except (OSError, ProvisiondError) as error:
            logger.warning("pkgs cannot be read: %s", type(error).__name__)
            return Definitions({}, {}, (), ())
