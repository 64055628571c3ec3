"""The packages of plugins, as tests of the use cases and of the API want them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, BinaryIO

from tests.support.provisioning import Gate

from provisiond.errors import PackageProblem, UnknownReference
from provisiond.model.operation import OperationProgress
from provisiond.packages.firmware.inspection import LinkState
from provisiond.provisioning.packages import Work


class FakeFirmware:
    """Packages of every plugin; those of ``broken`` cannot be installed. Work waits at the gate."""

    def __init__(self, *names: str) -> None:
        self.gate = Gate()
        self.there: dict[str, dict[str, str]] = {}
        self.offers = {name: {"version": "3.3.1", "description": "firmware"} for name in names or ("6731i-fw",)}
        self.broken: set[str] = set()
        self.wrong: list[str] = []

    async def has_packages(self, plugin_id: str) -> bool:
        return bool(self.offers)

    async def faults(self, plugin_id: str) -> Sequence[str]:
        return self.wrong

    async def prepared(self, word: str, plugin_id: str, package: str) -> Work:
        if package not in self.offers:
            raise UnknownReference("package not found")
        return partial(self.install, plugin_id, package)

    async def installable(self, plugin_id: str, locale: str | None) -> Mapping[str, Mapping[str, Any]]:
        return self.offers

    async def installed(self, plugin_id: str, locale: str | None) -> Mapping[str, Mapping[str, Any]]:
        return self.there

    async def install(self, plugin_id: str, package: str, progress: OperationProgress) -> None:
        await self.gate()
        if package in self.broken:
            raise PackageProblem(f"{package} cannot be downloaded")
        self.there[package] = self.offers[package]

    async def uninstall(self, plugin_id: str, package: str) -> None:
        del self.there[package]


class FakeFiles:
    """One file ``fw.bin`` of every plugin, whose link is dead."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.taken: dict[str, bytes] = {}
        self.asked_whole: list[bool] = []
        self.fails: Exception | None = None

    async def details(self, plugin_id: str, locale: str | None) -> Mapping[str, Mapping[str, Any]]:
        return {"fw": {"version": "1", "files": [{"name": "fw.bin", "manual": True, "cached": bool(self.taken)}]}}

    async def take_manual_file(self, plugin_id: str, name: str, content: BinaryIO) -> None:
        if name != "fw.bin":
            raise UnknownReference(f"no package of {plugin_id} wants a file named {name!r}")
        self.taken[name] = content.read()

    async def check_links(
        self,
        plugin_id: str,
        *,
        whole: bool,
        begin: Callable[[int], None],
        tell: Callable[[LinkState], None],
    ) -> Sequence[LinkState]:
        self.asked_whole.append(whole)
        begin(1)
        await self.gate()
        if self.fails is not None:
            raise self.fails
        state = LinkState(
            file="fw", name="fw.bin", url="http://192.0.2.1/fw.bin", state="dead", sentence="it answers with 404"
        )
        tell(state)
        return [state]
