"""Host extensions, in the form of the public plugind API 0.2 (extension contract, section 5)."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from provisiond.errors import NotFound, ProvisiondError, Unauthorized, Unavailable
from provisiond.extensions.market import MarketUnavailable, WrongOrder, boolean
from provisiond.extensions.problems import Disabled, InvalidRequest, NotInstalled, StillNeeded
from provisiond.logs import redacted
from provisiond.provisioning.extensions import BASE, Extensions
from provisiond.provisioning.market import Market
from provisiond.rest.answers import NO_CONTENT, Answer, encoded
from provisiond.rest.bodies import UploadBody
from provisiond.rest.problems import HttpProblem, answer_for, sentence_of, status_of
from provisiond.rest.routing import Call, check_master, route

JSON: Final = "application/json"
MAX_REQUEST: Final = 1 << 20
_ANSWER: Final[Mapping[str, Any]] = {"media_type": JSON, "prefixed": False}
_STATUS: Final[Mapping[type[ProvisiondError], tuple[int, str]]] = {
    Unauthorized: (401, "unauthorized"),
    InvalidRequest: (400, "invalid-data"),
    WrongOrder: (400, "invalid-sort-params"),
    Disabled: (403, "extensions-disabled"),
    NotInstalled: (404, "plugin-not-found"),
    StillNeeded: (409, "dependency-required"),
    MarketUnavailable: (503, "market-service-unavailable"),
    NotFound: (404, "operation-not-found"),
    Unavailable: (503, "unavailable"),
}
_HTTP_IDS: Final = {405: "method-not-allowed", 413: "body-too-large", 404: "not-found"}


class ExtensionResources:
    """What programs can do with the extensions of this host.

    :param shown_settings: the settings of this part, without secrets.
    """

    def __init__(self, extensions: Extensions, market: Market, shown_settings: Mapping[str, Any]) -> None:
        self._extensions = extensions
        self._market = market
        self._settings = shown_settings

    def refusal(self, error: BaseException, accept: str) -> Answer:
        """Return an error in the form of this API."""
        if isinstance(error, HttpProblem):
            error_id = _HTTP_IDS.get(error.status, "invalid-data")
            return _error(error.status, error.sentence, error_id, headers=error.headers)
        if isinstance(error, ProvisiondError):
            for kind in type(error).__mro__:
                if kind in _STATUS:
                    status, error_id = _STATUS[kind]
                    return _error(status, _sentence(error), error_id, getattr(error, "details", None))
            if status_of(error) != 500:
                return _error(status_of(error), _sentence(error), error.code)
        return _error(500, answer_for(error, "").body().decode(), "internal-error")

    # Extensions

    @route("GET", f"{BASE}/plugins", "plugind.plugins.read", "List the installed extensions", **_ANSWER)
    async def list_extensions(self, call: Call) -> Answer:
        """Return the metadata of each."""
        check_master(call)
        items = [each.shown() for each in self._extensions.installed()]
        return _answer({"items": items, "total": len(items)})

    @route(
        "POST",
        f"{BASE}/plugins",
        "plugind.plugins.create",
        "Install an extension",
        upload=True,
        query=("reinstall",),
        **_ANSWER,
    )
    async def install(self, call: Call) -> Answer:
        """Begin to install an extension."""
        check_master(call)
        document = _document(call)
        reinstall = boolean("reinstall", call.query["reinstall"]) if call.query.get("reinstall") else False
        if "method" not in document:
            raise InvalidRequest("method", "is missing", "required", "required")
        operation = await self._extensions.install(document["method"], document.get("options"), reinstall=reinstall)
        return _begun(call, operation.uuid)

    @route(
        "GET",
        f"{BASE}/plugins/<namespace>/<name>",
        "plugind.plugins.{namespace}.{name}.read",
        "Get an installed extension",
        **_ANSWER,
    )
    async def get(self, call: Call) -> Answer:
        """Return its metadata."""
        check_master(call)
        return _answer(self._extensions.get(call.arguments["namespace"], call.arguments["name"]).shown())

    @route(
        "DELETE",
        f"{BASE}/plugins/<namespace>/<name>",
        "plugind.plugins.{namespace}.{name}.delete",
        "Uninstall an extension",
        query=("force",),
        **_ANSWER,
    )
    async def uninstall(self, call: Call) -> Answer:
        """Begin to uninstall an extension; the answer has a body, that the public client reads."""
        check_master(call)
        force = boolean("force", call.query["force"]) if call.query.get("force") else False
        operation = await self._extensions.uninstall(call.arguments["namespace"], call.arguments["name"], force=force)
        return _begun(call, operation.uuid)

    # The market

    @route(
        "GET",
        f"{BASE}/market",
        "plugind.market.read",
        "Search the market",
        query=("search", "limit", "offset", "order", "direction", "installed"),
        **_ANSWER,
    )
    async def search(self, call: Call) -> Answer:
        """Return a page of the market."""
        check_master(call)
        return _answer(await self._market.search(call.query))

    @route(
        "GET", f"{BASE}/market/<namespace>/<name>", "plugind.market.read", "Get an extension of the market", **_ANSWER
    )
    async def offer(self, call: Call) -> Answer:
        """Return one entry of the market."""
        check_master(call)
        return _answer(await self._market.get(call.arguments["namespace"], call.arguments["name"]))

    # The server

    @route("GET", f"{BASE}/config", "plugind.config.read", "Settings of this part, without secrets", **_ANSWER)
    async def config(self, call: Call) -> Answer:
        """Return the settings."""
        check_master(call)
        return _answer(self._settings)

    @route("GET", f"{BASE}/status", "plugind.status.read", "State of this part", **_ANSWER)
    async def status(self, call: Call) -> Answer:
        """Return the state."""
        master = "ok" if call.scope.master else "fail"
        return _answer({"rest_api": {"status": "ok"}, "master_tenant": {"status": master}})

    @route("GET", f"{BASE}/api/api.yml", None, "Description of this part", media_type=None, prefixed=False)
    async def description(self, call: Call) -> Answer:
        """Return the description."""
        content = files("provisiond.rest").joinpath("plugind-api.yml").read_bytes()
        return Answer(content=content, content_type="application/yaml")

    # Operations

    @route("GET", f"{BASE}/operations", "plugind.operations.read", "List installations and uninstallations", **_ANSWER)
    async def operations(self, call: Call) -> Answer:
        """Return every operation, newest first."""
        check_master(call)
        items = [_operation(row) for row in self._extensions.operations.all()]
        return _answer({"items": items, "total": len(items)})

    @route("GET", f"{BASE}/operations/<uuid>", "plugind.operations.read", "Get an operation", **_ANSWER)
    async def operation(self, call: Call) -> Answer:
        """Return one operation."""
        check_master(call)
        return _answer(_operation(self._extensions.operations.get(call.arguments["uuid"])))

    @route(
        "GET",
        f"{BASE}/operations/<uuid>/log",
        "plugind.operations.read",
        "What the commands of an operation have printed",
        media_type="text/plain",
        prefixed=False,
    )
    async def log(self, call: Call) -> Answer:
        """Return the log."""
        check_master(call)
        text = await self._extensions.operations.log_of(call.arguments["uuid"])
        return Answer(content=text.encode("utf-8", "replace"), content_type="text/plain; charset=utf-8")

    @route("DELETE", f"{BASE}/operations/<uuid>", "plugind.operations.delete", "Forget an operation", **_ANSWER)
    async def forget(self, call: Call) -> Answer:
        """Forget an operation; its work goes on."""
        check_master(call)
        await self._extensions.operations.delete(call.arguments["uuid"])
        return NO_CONTENT

    @route(
        "GET",
        f"{BASE}/<path:rest>",
        "plugind.status.read",
        "Anything else: an error",
        also=("POST", "PUT", "DELETE", "PATCH"),
        **_ANSWER,
    )
    async def other(self, call: Call) -> Answer:
        """Say what is wrong with the address or the method."""
        first = call.arguments["rest"].partition("/")[0]
        if first in ("plugins", "market", "config", "status", "operations") and call.method not in ("GET", "HEAD"):
            raise HttpProblem(405, "this method is not offered here")
        raise HttpProblem(404, "No such resource")


def _document(call: Call) -> dict[str, Any]:
    content = call.body_as(UploadBody).content.read(MAX_REQUEST + 1)
    try:
        document = json.loads(content) if len(content) <= MAX_REQUEST else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InvalidRequest("body", "must be a JSON object", "type", "object")
    return document


def _answer(document: Any, **members: Any) -> Answer:
    return Answer(content=encoded(document), content_type=JSON, **members)


def _begun(call: Call, operation_id: str) -> Answer:
    return _answer({"uuid": operation_id}, location=f"{BASE}/operations/{operation_id}")


def _sentence(error: ProvisiondError) -> str:
    return "Unauthorized" if isinstance(error, Unauthorized) else error.sentence or sentence_of(error)


def _error(
    status: int,
    message: str,
    error_id: str,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    document = {
        "message": redacted(message),
        "error_id": error_id,
        "details": dict(details or {}),
        "timestamp": time.time(),
        "resource": "plugins",
    }
    return Answer(status=status, content=encoded(document), content_type=JSON, headers=headers or {})


def _operation(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "created": _moment(row["created"]), "ended": _moment(row["ended"])}


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
