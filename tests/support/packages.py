"""A package service whose packages are what a test puts there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from tests.support.provisioning import Gate

from provisiond.errors import PackageProblem, UnknownReference
from provisiond.model.operation import OperationProgress
from provisiond.provisioning.packages import Work


class FakePackages:
    """Packages of plugins; a download waits at the gate."""

    def __init__(self) -> None:
        self.offers: dict[str, dict[str, dict[str, Any]]] = {}
        self.kept: dict[str, dict[str, dict[str, Any]]] = {}
        self.gate = Gate()
        self.fails: Exception | None = None
        self.files: dict[str, list[int]] = {}

    def offer(self, plugin_id: str, package: str, *sizes: int, version: str = "1.0") -> None:
        """Offer a package that is made of files of these sizes."""
        self.files[package] = list(sizes)
        members = {"version": version, "description": f"Files of {package}", "dsize": sum(sizes)}
        self.offers.setdefault(plugin_id, {})[package] = members

    async def has_packages(self, plugin_id: str) -> bool:
        return plugin_id in self.offers

    async def faults(self, plugin_id: str) -> tuple[str, ...]:
        return ()

    async def prepared(self, word: str, plugin_id: str, package: str) -> Work:
        if package not in self.offers.get(plugin_id, {}):
            raise UnknownReference(f'package "{package}" is not known')
        return partial(self.install, plugin_id, package)

    async def installable(self, plugin_id: str, locale: str | None) -> Mapping[str, Mapping[str, Any]]:
        return self.offers.get(plugin_id, {})

    async def installed(self, plugin_id: str, locale: str | None) -> Mapping[str, Mapping[str, Any]]:
        return self.kept.get(plugin_id, {})

    async def install(self, plugin_id: str, package: str, progress: OperationProgress) -> None:
        download, placing = progress.part("download"), progress.part("install", started=False)
        for size in self.files[package]:
            part = download.part(end=size, current=0)
            await self.gate()
            if self.fails is not None:
                raise self.fails
            part.advance(size)
            part.succeed()
        download.succeed()
        placing.start()
        offered = self.offers[plugin_id][package]
        members = {name: offered[name] for name in ("version", "description")}
        self.kept.setdefault(plugin_id, {})[package] = members
        placing.succeed()

    async def uninstall(self, plugin_id: str, package: str) -> None:
        if self.fails is not None:
            raise PackageProblem("it cannot be removed")
        del self.kept[plugin_id][package]
