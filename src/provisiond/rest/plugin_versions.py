"""Repositories and versions of plugins: ours, beyond the contract."""

from __future__ import annotations

from provisiond.provisioning.plugin_versions import PluginVersions, RepositoryState
from provisiond.rest.answers import Answer, moment
from provisiond.rest.bodies import VersionBody
from provisiond.rest.operations import begun
from provisiond.rest.our_documents import RepositoryList, VersionList
from provisiond.rest.routing import Call, route


class PluginVersionResources:
    """What programs can learn of repositories, and the way back to a lower version."""

    def __init__(self, versions: PluginVersions) -> None:
        self._versions = versions

    @route(
        "GET",
        "/pg_mgr/repositories",
        "provd.pg_mgr.repositories.read",
        "List the repositories and how each is doing (ours)",
        response=RepositoryList,
    )
    async def repositories(self, call: Call) -> Answer:
        """Return each repository, the one that counts most first."""
        return Answer(document={"repositories": [_row(state) for state in self._versions.repositories()]})

    @route(
        "GET",
        "/pg_mgr/install/versions",
        "provd.pg_mgr.install.versions.read",
        "List every version of each plugin that can be installed (ours)",
        response=VersionList,
    )
    async def versions(self, call: Call) -> Answer:
        """Return the installed version of each plugin and those that can be had."""
        return Answer(document={"pkgs": self._versions.versions()})

    @route(
        "POST",
        "/pg_mgr/install/downgrade",
        "provd.pg_mgr.install.downgrade.create",
        "Go back to a lower version of a plugin (ours)",
        body=VersionBody,
        statuses={
            201: "Begun; Location is the operation.",
            400: "Not installed, no such version, not a lower one, or in progress.",
        },
    )
    async def downgrade(self, call: Call) -> Answer:
        """Begin to install a lower version over the installed one; without ``version`` the next lower one."""
        body = call.body_as(VersionBody)
        return begun(call, await self._versions.downgrade(body.id, body.version, body.repository))


def _row(state: RepositoryState) -> dict[str, object]:
    return {
        "name": state.name,
        "url": state.url,
        "priority": state.priority,
        "state": state.state,
        "updated": moment(state.updated),
        "entries": state.entries,
        "problem": state.problem,
        "left_out": list(state.left_out),
        "pinned": list(state.pinned),
    }
