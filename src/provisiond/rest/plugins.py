"""Plugins (REST contract, section 5.5)."""

from __future__ import annotations

from urllib.parse import quote

from provisiond.provisioning.packages import Packages
from provisiond.provisioning.plugins import Plugins
from provisiond.rest.answers import NO_CONTENT, Answer, links
from provisiond.rest.bodies import AnyBody, IdBody, VersionBody
from provisiond.rest.documents import Links, PackageList, PluginInfoAnswer, PluginLinks, PluginProblems
from provisiond.rest.operations import begun
from provisiond.rest.routing import Call, route

INSTALL_LINKS = ("install", "uninstall", "installed", "installable", "upgrade", "update")
UNKNOWN = {404: "The plugin is not loaded."}


class PluginResources:
    """What programs can do with plugins."""

    def __init__(self, plugins: Plugins, packages: Packages) -> None:
        self._plugins = plugins
        self._packages = packages

    @route(
        "GET",
        "/pg_mgr",
        "provd.pg_mgr.read",
        "Links of the plugin manager",
        response=Links,
    )
    async def entry(self, call: Call) -> Answer:
        """Return the links."""
        return Answer(
            document=links(
                call.prefix,
                ("srv.install", "/pg_mgr/install"),
                ("pg.plugins", "/pg_mgr/plugins"),
                ("pg.reload", "/pg_mgr/reload"),
            )
        )

    @route(
        "GET",
        "/pg_mgr/plugins",
        "provd.pg_mgr.plugins.read",
        "List the loaded plugins",
        response=PluginLinks,
    )
    async def list_plugins(self, call: Call) -> Answer:
        """Return a link for each loaded plugin."""
        rows = {
            name: links(call.prefix, ("pg.plugin", f"/pg_mgr/plugins/{quote(name, safe='')}"))
            for name in sorted(self._plugins.loaded())
        }
        return Answer(document={"plugins": rows})

    @route(
        "GET",
        "/pg_mgr/plugins/<plugin>",
        "provd.pg_mgr.plugins.{plugin}.read",
        "Get a plugin",
        statuses=UNKNOWN,
        response=Links,
    )
    async def get(self, call: Call) -> Answer:
        """Return the links of a plugin."""
        plugin = self._plugins.get(call.arguments["plugin"])
        path = f"/pg_mgr/plugins/{quote(plugin.id, safe='')}"
        found = [("pg.info", f"{path}/info")]
        if await self._packages.offered(plugin.id):
            found.append(("srv.install", f"{path}/install"))
        if plugin.parameters:
            found.append(("srv.configure", f"{path}/configure"))
        return Answer(document=links(call.prefix, *found))

    @route(
        "GET",
        "/pg_mgr/plugins/<plugin>/info",
        "provd.pg_mgr.plugins.{plugin}.info.read",
        "Get what a plugin says of itself",
        statuses=UNKNOWN,
        response=PluginInfoAnswer,
    )
    async def info(self, call: Call) -> Answer:
        """Return plugin-info in the language of the parameter locale."""
        return Answer(document={"plugin_info": self._plugins.info(call.arguments["plugin"])})

    @route(
        "POST",
        "/pg_mgr/reload",
        "provd.pg_mgr.reload.create",
        "Load a plugin again",
        body=IdBody,
        statuses={204: "Loaded.", 400: "Not installed, or it does not load."},
    )
    async def reload(self, call: Call) -> Answer:
        """Load a plugin again; its devices follow."""
        await self._plugins.reload(call.body_as(IdBody).id)
        return NO_CONTENT

    @route(
        "GET",
        "/pg_mgr/problems",
        "provd.pg_mgr.problems.read",
        "List what is wrong with plugins",
        response=PluginProblems,
    )
    async def problems(self, call: Call) -> Answer:
        """Return every problem of plugins: which, why, how often, since when."""
        return Answer(document={"problems": [problem.row() for problem in self._plugins.problems(call.scope)]})

    @route(
        "GET",
        "/pg_mgr/install",
        "provd.pg_mgr.install.read",
        "Links of the installation service",
        response=Links,
    )
    async def install_entry(self, call: Call) -> Answer:
        """Return the links."""
        pairs = ((f"srv.install.{name}", f"/pg_mgr/install/{name}") for name in INSTALL_LINKS)
        return Answer(document=links(call.prefix, *pairs))

    @route(
        "POST",
        "/pg_mgr/install/install",
        "provd.pg_mgr.install.install.create",
        "Install a plugin",
        body=VersionBody,
        statuses={201: "Begun; Location is the operation.", 400: "Not offered, installed already, or in progress."},
    )
    async def install(self, call: Call) -> Answer:
        """Begin to install a plugin."""
        body = call.body_as(VersionBody)
        return begun(call, await self._plugins.install(body.id, body.version, body.repository))

    @route(
        "POST",
        "/pg_mgr/install/upgrade",
        "provd.pg_mgr.install.upgrade.create",
        "Upgrade a plugin",
        body=VersionBody,
        statuses={201: "Begun; Location is the operation.", 400: "Not offered, not installed, or in progress."},
    )
    async def upgrade(self, call: Call) -> Answer:
        """Begin to upgrade a plugin."""
        body = call.body_as(VersionBody)
        return begun(call, await self._plugins.upgrade(body.id, body.version, body.repository))

    @route(
        "POST",
        "/pg_mgr/install/uninstall",
        "provd.pg_mgr.install.uninstall.create",
        "Uninstall a plugin",
        body=IdBody,
        statuses={204: "Removed.", 400: "Not installed, or in progress."},
    )
    async def uninstall(self, call: Call) -> Answer:
        """Remove a plugin."""
        await self._plugins.uninstall(call.body_as(IdBody).id)
        return NO_CONTENT

    @route(
        "POST",
        "/pg_mgr/install/update",
        "provd.pg_mgr.install.update.create",
        "Ask the repositories what they offer",
        body=AnyBody,
        statuses={201: "Begun; Location is the operation.", 400: "No plugin_server, or an update is running."},
    )
    async def update(self, call: Call) -> Answer:
        """Begin to fetch the indexes."""
        return begun(call, await self._plugins.update())

    @route(
        "GET",
        "/pg_mgr/install/installed",
        "provd.pg_mgr.install.installed.read",
        "List the installed plugins",
        response=PackageList,
    )
    async def installed(self, call: Call) -> Answer:
        """Return every plugin on disk, loaded or not."""
        return Answer(document={"pkgs": self._plugins.installed(call.scope)})

    @route(
        "GET",
        "/pg_mgr/install/installable",
        "provd.pg_mgr.install.installable.read",
        "List what repositories offer",
        response=PackageList,
    )
    async def installable(self, call: Call) -> Answer:
        """Return every plugin of the indexes."""
        return Answer(document={"pkgs": self._plugins.installable()})
