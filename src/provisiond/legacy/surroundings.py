"""What a child process tells the plugins that it runs, and what they ask of the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from jinja2 import BytecodeCache


class Bridge(Protocol):
    """The way from a plugin to the server."""

    def blocking(self, kind: str, /, **members: Any) -> Any:
        """Ask the server from a thread and wait for its answer."""

    def deferred(self, kind: str, /, **members: Any) -> Any:
        """Ask the server from the reactor thread; returns a Deferred."""


class Surroundings:
    """Of one process; changed in place, because plugins keep references.

    :ivar proxies: the live mapping that plugins read at each download.
    :ivar compiled: keeps compiled templates; None to keep none.
    """

    def __init__(self) -> None:
        self.proxies: dict[str, str] = {}
        self.locale: str | None = None
        self.bridge: Bridge | None = None
        self.sync_service: Any = None
        self.compiled: BytecodeCache | None = None
        self._homes: dict[Path, Path] = {}

    def follow(self, proxies: Mapping[str, str], locale: str | None) -> None:
        """Take these parameters from now on."""
        if self.proxies != proxies:
            self.proxies.clear()
            self.proxies.update(proxies)
        self.locale = locale

    def add_home(self, shown: Path, home: Path) -> None:
        """Remember that the directory a plugin was given stands for its installed one."""
        self._homes[shown] = home

    def forget_home(self, shown: Path) -> None:
        """Forget a directory that a plugin was given."""
        self._homes.pop(shown, None)

    def at_home(self, path: str) -> Path:
        """Return where a file lies that shall outlive the process: in the installed plugin's directory."""
        wanted = Path(path)
        for shown, home in tuple(self._homes.items()):
            if wanted.is_relative_to(shown):
                return home / wanted.relative_to(shown)
        return wanted

    def home_of(self, directory: str) -> Path:
        """Return the installed directory of the plugin that was given ``directory``."""
        return self._homes.get(Path(directory), Path(directory))

    def var_of(self, path: str) -> Path | None:
        """Return the ``var`` directory that a path lies in, if it lies in that of a plugin; None else."""
        wanted = Path(path)
        for shown in tuple(self._homes):
            if wanted.is_relative_to(shown):
                return shown / "var"
        return None


Ask = Callable[..., Any]

# Plugins call module-level functions that need it, so there is one for the process; only child processes use it.
HERE: Final = Surroundings()
