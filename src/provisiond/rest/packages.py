"""Firmware and languages of one plugin (REST contract, section 5.6)."""

from __future__ import annotations

from urllib.parse import quote

from provisiond.provisioning.packages import Packages
from provisiond.rest.answers import NO_CONTENT, Answer, links
from provisiond.rest.bodies import AnyBody, IdBody
from provisiond.rest.documents import Links, PackageList
from provisiond.rest.operations import begun
from provisiond.rest.routing import Call, route

WORDS = ("install", "uninstall", "installed", "installable", "upgrade")
PATH = "/pg_mgr/plugins/<plugin>/install"
ACL = "provd.pg_mgr.plugins.{plugin}.install"
UNKNOWN = {404: "The plugin is not loaded, or has no packages."}
BEGUN = {201: "Begun; Location is the operation.", **UNKNOWN}


class PackageResources:
    """What programs can do with the packages of a plugin."""

    def __init__(self, packages: Packages) -> None:
        self._packages = packages

    @route(
        "GET",
        PATH,
        f"{ACL}.read",
        "Links of a plugin's package service",
        statuses=UNKNOWN,
        response=Links,
    )
    async def entry(self, call: Call) -> Answer:
        """Return the links."""
        plugin = call.arguments["plugin"]
        await self._packages.check_offered(plugin)
        path = f"/pg_mgr/plugins/{quote(plugin, safe='')}/install"
        return Answer(document=links(call.prefix, *((f"srv.install.{word}", f"{path}/{word}") for word in WORDS)))

    @route(
        "POST",
        f"{PATH}/install",
        f"{ACL}.install.create",
        "Install a package of a plugin",
        body=IdBody,
        statuses={**BEGUN, 400: "Unknown package, or in progress."},
    )
    async def install(self, call: Call) -> Answer:
        """Begin to install a package, also one that is installed."""
        return begun(call, await self._packages.install(call.arguments["plugin"], call.body_as(IdBody).id))

    @route(
        "POST",
        f"{PATH}/install_all",
        f"{ACL}.install_all.create",
        "Install every package of a plugin that is not installed in its present version (ours)",
        body=AnyBody,
        statuses={**BEGUN, 400: "In progress."},
    )
    async def install_all(self, call: Call) -> Answer:
        """Begin to install all packages."""
        return begun(call, await self._packages.install_all(call.arguments["plugin"]))

    @route(
        "POST",
        f"{PATH}/upgrade",
        f"{ACL}.upgrade.create",
        "Upgrade a package of a plugin",
        body=IdBody,
        statuses={**BEGUN, 400: "Unknown package, not installed, or in progress."},
    )
    async def upgrade(self, call: Call) -> Answer:
        """Begin to install the present version of an installed package."""
        return begun(call, await self._packages.upgrade(call.arguments["plugin"], call.body_as(IdBody).id))

    @route(
        "POST",
        f"{PATH}/uninstall",
        f"{ACL}.uninstall.create",
        "Uninstall a package of a plugin",
        body=IdBody,
        statuses={204: "Removed.", 400: "Not installed, or in progress.", **UNKNOWN},
    )
    async def uninstall(self, call: Call) -> Answer:
        """Remove a package's files."""
        await self._packages.uninstall(call.arguments["plugin"], call.body_as(IdBody).id)
        return NO_CONTENT

    @route(
        "GET",
        f"{PATH}/installed",
        f"{ACL}.installed.read",
        "List a plugin's installed packages",
        statuses=UNKNOWN,
        response=PackageList,
    )
    async def installed(self, call: Call) -> Answer:
        """Return the installed packages."""
        return Answer(document={"pkgs": await self._packages.installed(call.arguments["plugin"])})

    @route(
        "GET",
        f"{PATH}/installable",
        f"{ACL}.installable.read",
        "List a plugin's packages",
        statuses=UNKNOWN,
        response=PackageList,
    )
    async def installable(self, call: Call) -> Answer:
        """Return the packages that can be installed."""
        return Answer(document={"pkgs": await self._packages.installable(call.arguments["plugin"])})
