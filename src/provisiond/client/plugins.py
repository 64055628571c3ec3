"""Plugins, their packages, their problems."""

from __future__ import annotations

from typing import Any, Final

from provisiond.client.faces import Asked, Resource, Way
from provisiond.client.messages import Conversation, Request, checked, path
from provisiond.client.operations import begun
from provisiond.client.parameters import parameters_of, value_of
from provisiond.client.values import Operation, Parameter

MANAGER: Final = "/pg_mgr"
SERVICE: Final = f"{MANAGER}/install"
Rows = dict[str, dict[str, Any]]


class Plugins(Resource[Way]):
    """Plugins: offered, installed, loaded."""

    @Asked
    def loaded(self) -> Conversation[list[str]]:
        """Return the ids of the plugins that work."""
        answer = yield Request(method="GET", path=f"{MANAGER}/plugins")
        return sorted(checked(answer).member("plugins"))

    @Asked
    def info(self, plugin_id: str) -> Conversation[dict[str, Any]]:
        """Return what a loaded plugin says of itself: ``version``, ``description``, ``capabilities``.

        :raises NotFound: when it is not loaded.
        """
        answer = yield Request(method="GET", path=f"{MANAGER}/plugins" + path(plugin_id, "info"))
        return dict(checked(answer).member("plugin_info"))

    @Asked
    def installed(self) -> Conversation[Rows]:
        """Return every plugin on disk by id; the member ``problem`` tells what does not work."""
        answer = yield Request(method="GET", path=f"{SERVICE}/installed")
        return dict(checked(answer).member("pkgs"))

    @Asked
    def installable(self) -> Conversation[Rows]:
        """Return every plugin that the repositories offer, by id."""
        answer = yield Request(method="GET", path=f"{SERVICE}/installable")
        return dict(checked(answer).member("pkgs"))

    @Asked
    def problems(self) -> Conversation[list[dict[str, Any]]]:
        """Return what is wrong with plugins."""
        answer = yield Request(method="GET", path=f"{MANAGER}/problems")
        return list(checked(answer).member("problems"))

    @Asked
    def update(self) -> Conversation[Operation]:
        """Begin to ask the repositories what they offer.

        :raises Refused: when no repository is set, or an update is running.
        """
        return begun((yield Request(method="POST", path=f"{SERVICE}/update", document={})))

    @Asked
    def repositories(self) -> Conversation[list[dict[str, Any]]]:
        """Return the repositories and how each is doing, the one that counts most first (ours)."""
        answer = yield Request(method="GET", path=f"{MANAGER}/repositories")
        return list(checked(answer).member("repositories"))

    @Asked
    def versions(self) -> Conversation[Rows]:
        """Return every version of each plugin that can be installed, by id (ours)."""
        answer = yield Request(method="GET", path=f"{SERVICE}/versions")
        return dict(checked(answer).member("pkgs"))

    @Asked
    def install(
        self, plugin_id: str, *, version: str | None = None, repository: str | None = None
    ) -> Conversation[Operation]:
        """Begin to install a plugin.

        :param version: None for the greatest (ours).
        :param repository: name of the one to take it from (ours).
        :raises Refused: when it is not offered, installed already, or being installed.
        """
        return begun((yield _versioned("install", plugin_id, version, repository)))

    @Asked
    def upgrade(
        self, plugin_id: str, *, version: str | None = None, repository: str | None = None
    ) -> Conversation[Operation]:
        """Begin to install the offered version over the installed one.

        :param version: None for the greatest (ours).
        :param repository: name of the one to take it from (ours).
        :raises Refused: when it is not offered, not installed, or being installed.
        """
        return begun((yield _versioned("upgrade", plugin_id, version, repository)))

    @Asked
    def downgrade(
        self, plugin_id: str, *, version: str | None = None, repository: str | None = None
    ) -> Conversation[Operation]:
        """Begin to install a lower version over the installed one (ours).

        :param version: None for the next lower one.
        :raises Refused: when it is not installed, there is no such version, or it is being installed.
        """
        return begun((yield _versioned("downgrade", plugin_id, version, repository)))

    @Asked
    def uninstall(self, plugin_id: str) -> Conversation[None]:
        """Remove a plugin; its devices keep its name.

        :raises Refused: when it is not installed, or being installed.
        """
        checked((yield Request(method="POST", path=f"{SERVICE}/uninstall", document={"id": plugin_id})))

    @Asked
    def reload(self, plugin_id: str) -> Conversation[None]:
        """Load an installed plugin again.

        :raises Refused: when it is not installed, or does not load.
        """
        checked((yield Request(method="POST", path=f"{MANAGER}/reload", document={"id": plugin_id})))

    @Asked
    def parameters(self, plugin_id: str) -> Conversation[list[Parameter]]:
        """Return the parameters of a plugin.

        :raises NotFound: when it is not loaded, or has none.
        """
        answer = yield Request(method="GET", path=f"{MANAGER}/plugins" + path(plugin_id, "configure"))
        return parameters_of(answer)

    @Asked
    def parameter(self, plugin_id: str, name: str) -> Conversation[Any]:
        """Return the value of a parameter of a plugin; None when it is unset.

        :raises NotFound: when the plugin is not loaded, or has no such parameter.
        """
        answer = yield Request(method="GET", path=f"{MANAGER}/plugins" + path(plugin_id, "configure", name))
        return value_of(answer)

    @Asked
    def set_parameter(self, plugin_id: str, name: str, value: Any) -> Conversation[None]:
        """Set a parameter of a plugin; None unsets it.

        :raises Refused: when the value is.
        """
        place = f"{MANAGER}/plugins" + path(plugin_id, "configure", name)
        checked((yield Request(method="PUT", path=place, document={"param": {"value": value}})))


class Packages(Resource[Way]):
    """Firmware and languages of one plugin."""

    @Asked
    def installed(self, plugin_id: str) -> Conversation[Rows]:
        """Return the installed packages of a plugin, by id.

        :raises NotFound: when the plugin is not loaded, or has no packages.
        """
        answer = yield Request(method="GET", path=_service(plugin_id, "installed"))
        return dict(checked(answer).member("pkgs"))

    @Asked
    def installable(self, plugin_id: str) -> Conversation[Rows]:
        """Return the packages that a plugin offers, by id.

        :raises NotFound: when the plugin is not loaded, or has no packages.
        """
        answer = yield Request(method="GET", path=_service(plugin_id, "installable"))
        return dict(checked(answer).member("pkgs"))

    @Asked
    def install(self, plugin_id: str, package: str) -> Conversation[Operation]:
        """Begin to install a package, also one that is installed.

        :raises Refused: when there is no such package, or it is being installed.
        """
        return begun((yield Request(method="POST", path=_service(plugin_id, "install"), document={"id": package})))

    @Asked
    def upgrade(self, plugin_id: str, package: str) -> Conversation[Operation]:
        """Begin to install the present version of an installed package.

        :raises Refused: when it is not installed, or being installed.
        """
        return begun((yield Request(method="POST", path=_service(plugin_id, "upgrade"), document={"id": package})))

    @Asked
    def uninstall(self, plugin_id: str, package: str) -> Conversation[None]:
        """Remove the files of a package.

        :raises Refused: when it is not installed.
        """
        checked((yield Request(method="POST", path=_service(plugin_id, "uninstall"), document={"id": package})))

    @Asked
    def install_all(self, plugin_id: str) -> Conversation[Operation]:
        """Begin to install every package that is not installed in its present version, in order of their ids (ours).

        A package that fails does not stop the others.

        :raises Refused: when this is being done already.
        """
        return begun((yield Request(method="POST", path=_service(plugin_id, "install_all"), document={})))

    @Asked
    def details(self, plugin_id: str) -> Conversation[Rows]:
        """Return the packages of a plugin with their files, digests and problems, by id (ours)."""
        answer = yield Request(method="GET", path=_service(plugin_id, "details"))
        return dict(checked(answer).member("pkgs"))

    @Asked
    def bring(self, plugin_id: str, name: str, content: bytes) -> Conversation[None]:
        """Bring a file that the server cannot download (ours).

        :raises Refused: when no package wants a file of this name, or it is another file.
        """
        place = _service(plugin_id, "files") + path(name)
        request = Request(method="PUT", path=place, content=content, content_type="application/octet-stream")
        checked((yield request))

    @Asked
    def check(self, plugin_id: str, *, whole: bool = False) -> Conversation[Operation]:
        """Begin to check whether the links of a plugin's files still work (ours).

        :param whole: download everything and compare the digests.
        """
        return begun((yield Request(method="POST", path=_service(plugin_id, "check"), document={"whole": whole})))

    @Asked
    def checked(self, plugin_id: str) -> Conversation[dict[str, Any]]:
        """Return what the last check of the links found: ``ended``, ``whole``, ``files`` (ours)."""
        answer = yield Request(method="GET", path=_service(plugin_id, "check"))
        return checked(answer).document


def _versioned(word: str, plugin_id: str, version: str | None, repository: str | None) -> Request:
    wanted = {"id": plugin_id, "version": version, "repository": repository}
    document = {name: value for name, value in wanted.items() if value is not None}
    return Request(method="POST", path=f"{SERVICE}/{word}", document=document)


def _service(plugin_id: str, word: str) -> str:
    return f"{MANAGER}/plugins" + path(plugin_id, "install", word)
