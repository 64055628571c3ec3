"""The packages of a host without a network: repositories are pages of a stand-in for the web."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.api import Api, Got
from tests.support.plugin_packages import member, plugin_archive, publish, run_inline, tar_bytes
from tests.support.provisioning import FakeHost, InlineThreads, World
from twisted.internet.task import Clock

from provisiond.errors import PluginProblem
from provisiond.metrics import Metrics
from provisiond.package_composition import Packaging, packaging
from provisiond.packages.downloads import Downloads
from provisiond.packages.kept_archives import KeptArchives
from provisiond.packages.network_problems import RefusedByServer
from provisiond.packages.plugins import PluginPackages
from provisiond.packages.repositories import Repositories, Repository
from provisiond.packages.web import Answer
from provisiond.plugins.manifest import check_api, read_manifest
from provisiond.provisioning.package_values import node_name
from provisiond.rest.application import extension_resources
from provisiond.rest.front import Front
from provisiond.rest.gate import TokenGate
from provisiond.rest.host_packages import UPLOADS, HostPackageResources
from provisiond.rest.operations import OperationListResource, OperationResource
from provisiond.rest.plugins import PluginResources
from provisiond.rest.routing import Router
from provisiond.rest.site import ApiSite
from provisiond.settings import ExtensionSettings, PackageSettings

NODE = node_name(os.uname().nodename)
ICON = b"\x89PNG\r\n\x1a\n" + b"picture"


class FakeWeb:
    """Addresses and what is there: bytes, or an exception."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | Exception] = {}
        self.asked: list[str] = []

    def proxies(self) -> Mapping[str, str]:
        return {}

    async def get(self, url: str, opener: Any, **_: Any) -> Answer:
        self.asked.append(url)
        page = self.pages.get(url)
        if page is None:
            raise RefusedByServer(f"{url} answers with status 404", 404)
        if isinstance(page, Exception):
            raise page
        answer = Answer(url, 200, {}, len(page))
        writer = await opener(answer)
        await writer(page)
        return answer


class DiskHost(FakeHost):
    """A plugin host whose plugins are what lies on the disk."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.directory = directory

    async def load(self, plugin_id: str) -> Any:
        info = read_manifest(self.directory / plugin_id)
        if (self.directory / plugin_id / "broken").exists():
            self.plugins.pop(plugin_id, None)
            self.on_disk[plugin_id] = info
            raise PluginProblem(f"{plugin_id} does not load")
        loaded = await super().load(plugin_id)
        self.on_disk[plugin_id] = info
        return loaded

    async def check(self, directory: Path, plugin_id: str) -> None:
        check_api(read_manifest(directory))
        if (directory / "broken").exists():
            raise PluginProblem(f"{plugin_id} does not load")


class FewRoutes(Api):
    """The part of the API that is about packages: the whole takes long to put together."""

    def __init__(self, world: World) -> None:
        house, self.world = world.house, world
        router = Router(TokenGate(house.tokens, house.tenants, world.clock.seconds), Metrics())
        assert house.host_side is not None
        router.add(HostPackageResources(house.host_side.packages))
        router.add(extension_resources(house.host_side))
        router.add(PluginResources(house.plugins, house.packages))
        router.add(OperationListResource(house.operations))
        for word in ("install", "upgrade"):
            for each, endpoint in OperationResource(house.operations, f"/pg_mgr/install/{word}").routes():
                router.put(each, endpoint)
        uploads = dict.fromkeys(UPLOADS, house.host_side.packages.rules.max_upload)
        self.site = ApiSite(Front(router), world.clock, max_body=1 << 20, uploads=uploads)
        self.token = self.made_token("#")


class LateClock:
    """The clock of a world that is being made."""

    def __init__(self, packages: PackageWorld) -> None:
        self._packages = packages

    def seconds(self) -> float:
        return float(self._packages.world.clock.seconds())

    def callLater(self, *arguments: Any) -> Any:  # noqa: N802
        return self._packages.world.clock.callLater(*arguments)


class PackageWorld:
    """A server on stand-ins that installs real archives.

    :param extensions: settings of section ``extensions``.
    :param around: settings of section ``packages``.
    """

    def __init__(
        self, root: Path, *, channel: bool = False, extensions: Mapping[str, Any] | None = None, **around: Any
    ) -> None:
        self.root = root
        self.web = FakeWeb()
        self.list = root / "sources.list"
        self.channel = root / "channel"
        self.plugins_dir = root / "plugins"
        self.cache_dir = root / "cache"
        self.plugins_dir.mkdir()
        (root / "state").mkdir()
        self.pins: dict[str, str] = {}
        self.settings = PackageSettings(sources_list=self.list, **around)
        self.extension_settings = ExtensionSettings(**(extensions or {}))
        self.host = DiskHost(self.plugins_dir)
        self._sources = [Repository(name="default", url=self.channel.as_uri() if channel else None)]
        self.world: World = self._world()
        self.packages = self.world.house.host_side.packages
        self.world.start()
        self.api = FewRoutes(self.world)

    def _world(self) -> World:
        clock = Clock()
        repositories = Repositories(
            directory=self.root / "repositories",
            sources=lambda: self._sources,
            web=self.web,  # type: ignore[arg-type]
            run=run_inline,
            now=clock.seconds,
            pins=lambda: self.pins,
        )
        downloads = Downloads(self.web, run_inline, clock, pauses=())  # type: ignore[arg-type]
        archives = PluginPackages(
            plugins_dir=self.plugins_dir,
            cache_dir=self.cache_dir,
            repositories=repositories,
            kept=KeptArchives(self.root / "kept", self.cache_dir, signed=False),
            downloads=downloads,
            check=self.host.check,
            load=self.host.load,
            run=run_inline,
            now=clock.seconds,
        )
        self.made: Packaging = packaging(
            settings=self.settings,
            directory=self.root / "packages",
            channels=repositories,
            channel_urls=lambda: {each.name: each.url for each in self._sources if each.url},
            downloads=downloads,
            web=self.web,  # type: ignore[arg-type]
            run=run_inline,
            now=clock.seconds,
            pins=lambda: self.pins,
            keys=(),
            plugins_dir=self.plugins_dir,
            cache_dir=self.cache_dir,
            address="192.0.2.1",
            extensions=self.extension_settings,
            root=self.root / "host",
        )
        return World(
            self.root / "state",
            host=self.host,
            archives=archives,
            host_side=self._host_side,
        )

    def _host_side(self, *made: Any) -> Any:
        return self.made.host_side(*made, InlineThreads(), LateClock(self))

    def get(self, path: str, **more: Any) -> dict[str, Any]:
        """Return the document that ``GET /package/<path>`` answers, or another method's."""
        return dict(self.call("GET", path, **more).document)

    def call(self, method: str, path: str, body: bytes | None = None, **more: Any) -> Got:
        """Return the answer to a request below ``/package``."""
        return self.api.call(method, path if path.startswith("/") else f"/package/{path}", body, prefix="", **more)

    def serve(self, url: str, *packages: Mapping[str, Any], icons: Mapping[str, bytes] | None = None) -> None:
        """Put a package repository at an address."""
        head = {"json_version": 1, "id": "r", "name": "R", "generated": "2012-05-08 13:39:35.862026"}
        info = {**head, "count": len(packages)}
        data = [member("repo.info", json.dumps({**info, "packages": list(packages)}).encode())]
        if icons:
            data += [member("images"), *(member(f"images/{name}", content) for name, content in icons.items())]
        self.web.pages[url] = json.dumps(info).encode()
        self.web.pages[f"{url}/data"] = tar_bytes(data, "gz")

    def offer(self, url: str, version: str = "1.0", *, name: str = "diskfree", **more: Any) -> dict[str, Any]:
        """Return the entry of a plugin whose archive is served too."""
        archive_url = f"{url}/download/plugin/{name}/{version}"
        self.web.pages[archive_url] = package_file(name, version)
        return {"type": "plugin", "id": name, "version": version, "archive_url": archive_url, **more}

    def update(self) -> dict[str, Any]:
        return self.get("update-cache")

    def install(self, version: str, name: str = "diskfree") -> dict[str, Any]:
        return self.get(f"install/{NODE}/plugin/{name}/{version}")

    def publish(self, *archives: bytes) -> None:
        """Put archives of plugins into the plugin channel of the settings."""
        publish(self.channel, {f"p{number}.tar.bz2": data for number, data in enumerate(archives)})


def package_file(name: str, version: str, files: Mapping[str, bytes] | None = None, **info: Any) -> bytes:
    """Return a package file of a plugin; ``info`` goes into ``plugin-info``."""
    document = {"version": version, "description": name, "capabilities": {}, "api": 1, **info}
    content = {"plugin-info": json.dumps(document).encode(), "version": version.encode(), **(files or {})}
    return plugin_archive(name, version, content, "gz")


def packed(*members: Any) -> bytes:
    """Return a gzip tar of members."""
    return tar_bytes(members, "gz")
