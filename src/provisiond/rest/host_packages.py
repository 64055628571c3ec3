"""Packages of this host, in the form that Domogik's clients know (package contract)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final

from twisted.logger import Logger

from provisiond import __version__
from provisiond.errors import InvalidInput, NotFound, ProvisiondError, Unauthorized, Unavailable
from provisiond.logs import redacted
from provisiond.packages.catalog.entries import EXTENSION, FORMER_TYPES, TYPES, is_package_id, is_package_version
from provisiond.packages.catalog.identity import PackageFile
from provisiond.provisioning.host_packages import HostPackages
from provisiond.provisioning.package_values import Begun
from provisiond.rest.answers import Answer, encoded
from provisiond.rest.bodies import UploadBody
from provisiond.rest.problems import HttpProblem, answer_for, sentence_of
from provisiond.rest.routing import Call, acl_word, route

log = Logger()
READ: Final = "provd.package.read"
INSTALL: Final = "provd.package.install.create"
UNINSTALL: Final = "provd.package.uninstall.create"
UPLOADS: Final = (b"/package/install_from_path/", b"/api/provd/package/install_from_path/")
METHODS: Final = ("POST", "PUT")
OPERATIONS: Final = frozenset(
    {"get-mode", "list-repo", "update-cache", "available", "installed", "dependency"}
    | {"install", "install_from_path", "uninstall", "icon", "download"}
)
_HEADERS: Final = {"Expires": "-1", "Cache-Control": "no-cache"}
_JSON: Final = "application/json"
_READING: Final[Mapping[str, Any]] = {"media_type": _JSON, "prefixed": False, "also": METHODS}
_CHANGING: Final[Mapping[str, Any]] = {**_READING, "head": False}
_WAITING: Final[Mapping[str, Any]] = {**_CHANGING, "query": ("wait",)}


def success(key: str, rows: list[Any], headers: Mapping[str, str] | None = None) -> Answer:
    """Return the envelope of a success."""
    document = {"status": "OK", "code": 0, "description": "None", key: rows}
    return Answer(content=encoded(document), content_type=_JSON, headers={**_HEADERS, **(headers or {})})


class HostPackageResources:
    """What programs can do with the packages of this host."""

    def __init__(self, packages: HostPackages) -> None:
        self._packages = packages
        self._started = datetime.datetime.now(datetime.UTC)

    def refusal(self, error: BaseException, accept: str) -> Answer:
        """Return the error envelope: status 200 but for what HTTP itself refuses."""
        status, sentence, headers = 200, "", dict[str, str]()
        if isinstance(error, HttpProblem):
            # what is wrong with an address is an error like any other here
            status, sentence, headers = 200 if error.status == 400 else error.status, error.sentence, error.headers
        elif isinstance(error, Unauthorized):
            status, sentence = 401, "unauthorized"
        elif isinstance(error, _Missing):
            status, sentence = 404, error.sentence
        elif isinstance(error, ProvisiondError):
            sentence = sentence_of(error)
            status = 503 if isinstance(error, Unavailable) else 200
        else:
            sentence = answer_for(error, "").body().decode()
        return self._envelope(status, sentence, headers)

    def _envelope(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Answer:
        code = self._packages.rules.error_code
        document = {"status": "ERROR", "code": code, "description": f"Error : {redacted(sentence)}"}
        return Answer(
            status=status, content=encoded(document), content_type=_JSON, headers={**_HEADERS, **(headers or {})}
        )

    # The server and its nodes

    @route("GET", "/", READ, "What this server is (package API)", media_type=_JSON, prefixed=False, also=METHODS)
    async def server(self, call: Call) -> Answer:
        """Return versions and host name."""
        info = {
            "SSL": "False",
            "REST API release": "0.1",
            "Domogik release": __version__,
            "REST_API_release": "0.1",
            "Domogik_release": __version__,
            "REST_API_version": "0.1",
            "Domogik_version": __version__,
            "Host": self._packages.rules.node,
        }
        return success("rest", [{"info": info}])

    @route("GET", "/host", READ, "List the nodes of this server (package API)", **_READING)
    async def hosts(self, call: Call) -> Answer:
        """Return every node."""
        return success("host", [{"id": self._packages.rules.node, "primary": "True"}])

    @route("GET", "/host/<host>", READ, "Get a node of this server (package API)", **_READING)
    async def host(self, call: Call) -> Answer:
        """Return one node."""
        self._check_host(call)
        node = {
            "id": self._packages.rules.node,
            "primary": "True",
            "status": "on",
            "ip": self._packages.rules.address,
            "last_seen": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        return success("host", [node])

    # Repositories

    @route("GET", "/package/get-mode", READ, "Whether packages come from repositories", **_READING)
    async def mode(self, call: Call) -> Answer:
        """Return the mode."""
        return success("mode", [self._packages.mode])

    @route("GET", "/package/list-repo", READ, "List the package repositories", **_READING)
    async def repositories(self, call: Call) -> Answer:
        """Return every repository, the one that counts most first."""
        found = await self._packages.repositories()
        return success("repository", [{"url": url, "priority": str(priority)} for url, priority in found])

    @route("GET", "/package/update-cache", "provd.package.cache.update", "Ask the package repositories", **_CHANGING)
    async def update(self, call: Call) -> Answer:
        """Fetch every repository."""
        await self._packages.update()
        return success("cache", [])

    # Packages

    @route("GET", "/package/available/<host>/<type>", READ, "List packages that are not installed", **_READING)
    async def available(self, call: Call) -> Answer:
        """Return what the cache holds."""
        kind = self._checked(call)
        return success("package", [entry.shown() for entry in self._packages.inventory.available(kind)])

    @route("GET", "/package/installed/<host>/<type>", READ, "List the installed packages and their updates", **_READING)
    async def installed(self, call: Call) -> Answer:
        """Return what is installed."""
        kind = self._checked(call)
        return success("package", self._packages.inventory.installed(kind))

    @route("GET", "/package/dependency/<host>/<type>/<id>/<version>", READ, "Check what a package needs", **_READING)
    async def dependency(self, call: Call) -> Answer:
        """Return a row for each dependency."""
        kind = self._checked(call)
        found = await self._packages.inventory.dependencies(kind, call.arguments["id"], call.arguments["version"])
        return success("dependency", [finding.shown() for finding in found])

    @route("GET", "/package/install/<host>/<type>/<id>/<version>", INSTALL, "Install or update a package", **_WAITING)
    async def install(self, call: Call) -> Answer:
        """Install a package and wait a while for the end."""
        kind, package_id = self._checked(call), call.arguments["id"]
        self._check_extension(call, kind, "plugind.plugins.create")
        log.info("{who} installs {kind}-{id}", who=call.principal.name, kind=kind, id=package_id)
        begun = await self._packages.install(kind, package_id, call.arguments["version"], _seconds(call))
        return self._told("install", begun)

    @route(
        "GET",
        "/package/install_from_path/<host>",
        INSTALL,
        "Install a package file that is sent",
        upload=True,
        **{**_CHANGING, "query": ("filename", "wait")},
    )
    async def install_file(self, call: Call) -> Answer:
        """Install the file in the body."""
        self._check_host(call)

        def check(package: PackageFile) -> None:
            self._check_extension(call, package.type, "plugind.plugins.create")

        content = call.body_as(UploadBody).content
        begun = await self._packages.install_file(call.query.get("filename", ""), content, check, _seconds(call))
        return self._told("install", begun)

    @route("GET", "/package/uninstall/<host>/<type>/<id>", UNINSTALL, "Uninstall a package", **_WAITING)
    async def uninstall(self, call: Call) -> Answer:
        """Remove a package, named by id or full name."""
        kind, name = self._checked(call), call.arguments["id"]
        package_id = self._packages.inventory.package_id_of(kind, name)
        namespace, _, extension = package_id.partition("-")
        log.info("{who} uninstalls {kind}-{id}", who=call.principal.name, kind=kind, id=package_id)
        self._check_extension(call, kind, f"plugind.plugins.{acl_word(namespace)}.{acl_word(extension)}.delete")
        return self._told("uninstall", await self._packages.uninstall(kind, name, _seconds(call)))

    # Files

    @route("GET", "/package/icon/available/<type>/<id>/<version>", READ, "Icon of a package in the cache", **_READING)
    async def available_icon(self, call: Call) -> Answer:
        """Return a PNG file."""
        kind = self._checked(call, host=False)
        named = call.arguments["id"], call.arguments["version"]
        return _png(await self._packages.inventory.available_icon(kind, *named))

    @route("GET", "/package/icon/installed/<type>/<id>", READ, "Icon of an installed package", **_READING)
    async def installed_icon(self, call: Call) -> Answer:
        """Return a PNG file."""
        kind = self._checked(call, host=False)
        return _png(await self._packages.inventory.installed_icon(kind, call.arguments["id"]))

    @route("GET", "/package/download/<type>/<id>/<version>", READ, "Archive of a package in the cache", **_READING)
    async def download(self, call: Call) -> Answer:
        """Return the archive."""
        kind = self._checked(call, host=False)
        try:
            content = await self._packages.archive(kind, call.arguments["id"], call.arguments["version"])
        except NotFound as missing:
            raise _Missing(f"{missing.sentence} is not in the cache") from None
        return Answer(content=content, content_type="application/gzip", headers=_HEADERS)

    # Whatever else is asked for

    @route(
        "GET",
        "/package/<path:rest>",
        READ,
        "Anything else below /package: an error envelope",
        media_type=_JSON,
        prefixed=False,
        also=(*METHODS, "DELETE", "PATCH"),
    )
    async def other(self, call: Call) -> Answer:
        """Say what is wrong with the address or the method."""
        if call.method not in ("GET", "HEAD", *METHODS):
            raise HttpProblem(405, "this method is not offered here", {"Allow": "GET, POST, PUT"})
        word = call.arguments["rest"].partition("/")[0]
        known = word in OPERATIONS
        raise InvalidInput(f"wrong number of parts for {word}" if known else "bad operation for /package")

    @route("GET", "/package", READ, "An error envelope", **_READING)
    async def nothing(self, call: Call) -> Answer:
        """Say what is wrong with the address."""
        raise InvalidInput("bad operation for /package")

    # Inside

    def _check_host(self, call: Call) -> None:
        if call.arguments["host"] != self._packages.rules.node:
            raise InvalidInput(f"unknown host {call.arguments['host'][:64]}")

    def _checked(self, call: Call, *, host: bool = True) -> str:
        """Return the type in the address, after its other parts were checked."""
        if host:
            self._check_host(call)
        kind = call.arguments["type"]
        if kind not in (*TYPES, *FORMER_TYPES):
            raise InvalidInput(f"unknown package type {kind[:64]}")
        package_id, version = call.arguments.get("id"), call.arguments.get("version")
        if package_id is not None and not is_package_id(package_id):
            raise InvalidInput(f"{package_id[:64]!a} cannot be the id of a package")
        if version is not None and not is_package_version(version):
            raise InvalidInput(f"{version[:64]!a} cannot be a version")
        return kind

    def _check_extension(self, call: Call, kind: str, acl: str) -> None:
        """Ask for what the extension contract asks for besides."""
        if kind != EXTENSION:
            return
        if call.principal.tenant_uuid != call.scope.master or not call.principal.may(acl):
            raise Unauthorized("Unauthorized")

    def _told(self, key: str, begun: Begun | None) -> Answer:
        headers = {"X-Operation": begun.path} if begun else {}
        if begun is not None and begun.error:
            return self._envelope(200, begun.error, headers)
        if begun is not None and not begun.done:
            return self._envelope(200, f"still running, see {begun.path}", headers)
        return success(key, [], headers)


def _seconds(call: Call) -> float | None:
    """Return how long the caller wants to wait at most; None for as long as the settings say."""
    text = call.query.get("wait")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise InvalidInput("wait is a number of seconds")
    return float(text)


class _Missing(NotFound):
    """An icon or an archive that is not there."""


def _png(content: bytes | None) -> Answer:
    if content is None:
        raise _Missing("there is no icon")
    return Answer(content=content, content_type="image/png", headers=_HEADERS)
