"""What phones get, and what a change would do (ours, beyond the contract)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from attrs import asdict

from provisiond.errors import InvalidInput
from provisiond.model.query import parse_query
from provisiond.provisioning.currency import FALSE, TRUE, UNKNOWN, Currencies, Currency
from provisiond.provisioning.devices import Devices
from provisiond.provisioning.inspection import Effect, Inspection
from provisiond.provisioning.surveys import MAX_SHOWN, Bounds, Survey
from provisiond.rest.answers import Answer, moment
from provisiond.rest.bodies import ConfigBody
from provisiond.rest.devices import recurses
from provisiond.rest.our_documents import Behind, DeviceState, DryRun, JournalAnswer, ServedFiles
from provisiond.rest.routing import Call, acl_word, route

DEVICE: Final = "/dev_mgr/devices/<device_id>"
ACL: Final = "provd.dev_mgr.devices.{device_id}"
SECRETS_ACL: Final = "provd.dev_mgr.devices.{device_id}.secrets.read"
STATES: Final = (TRUE, FALSE, UNKNOWN)
UNKNOWN_FILE: Final = {404: "No such device in the tenant's tree, or no such file."}
UNKNOWN_DEVICE: Final = {404: "No such device in the tenant's tree."}
PLAIN_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Disposition": "attachment",
    "X-Content-Type-Options": "nosniff",
}


class Row(Protocol):
    """An event of the journal."""

    def row(self) -> dict[str, Any]: ...


class Journal(Protocol):
    """Remembers the last requests of phones (``phones.journal``)."""

    def of_device(self, device_id: str) -> Sequence[Row]: ...


class InspectionResources:
    """Shows what phones get."""

    def __init__(self, inspection: Inspection, currencies: Currencies, devices: Devices, journal: Journal) -> None:
        self._inspection = inspection
        self._currencies = currencies
        self._devices = devices
        self._journal = journal

    @route(
        "GET",
        f"{DEVICE}/files",
        f"{ACL}.files.read",
        "List what a device is served",
        statuses=UNKNOWN_DEVICE,
        response=ServedFiles,
    )
    async def files(self, call: Call) -> Answer:
        """Return the files of a device: name, size, revision, when rendered, when fetched; and how current it is."""
        device = await self._devices.get(call.arguments["device_id"], call.scope)
        rows = []
        for each in await self._inspection.files(device.id, call.scope):
            times = {"rendered": moment(each.rendered), "fetched": moment(each.fetched)}
            rows.append({**asdict(each), **times, "protocols": ["http", "tftp"]})
        return Answer(document={"files": rows, **_state(await self._currencies.of(device))})

    @route(
        "GET",
        f"{DEVICE}/status",
        f"{ACL}.status.read",
        "Tell whether a phone runs its present configuration",
        statuses=UNKNOWN_DEVICE,
        response=DeviceState,
    )
    async def status(self, call: Call) -> Answer:
        """Return how current a phone is."""
        device = await self._devices.get(call.arguments["device_id"], call.scope)
        return Answer(document={"configured": device.configured, **_state(await self._currencies.of(device))})

    @route(
        "GET",
        f"{DEVICE}/files/<path:name>",
        f"{ACL}.files.read",
        "Preview a file of a device: rendered now, nothing stored; secrets are struck out",
        media_type=None,
        answers=("*/*",),
        query=("preview",),
        statuses={200: "The file.", 400: "It cannot be made.", **UNKNOWN_FILE},
    )
    async def preview(self, call: Call) -> Answer:
        """Return a file as it would be rendered now."""
        device_id = call.arguments["device_id"]
        file = await self._inspection.preview(
            device_id, call.arguments["name"], call.scope, reveal=_reveals(call, device_id)
        )
        return Answer(content=file.content, content_type=file.content_type, headers=PLAIN_HEADERS)

    @route(
        "GET",
        f"{DEVICE}/files/<path:name>/diff",
        f"{ACL}.files.read",
        "Show what would change against what the phone fetched last, as a unified diff",
        media_type=None,
        answers=("text/x-diff",),
        statuses={200: "The difference; empty when there is none.", 400: "It cannot be made.", **UNKNOWN_FILE},
    )
    async def difference(self, call: Call) -> Answer:
        """Return a unified diff."""
        device_id = call.arguments["device_id"]
        text = await self._inspection.difference(
            device_id, call.arguments["name"], call.scope, reveal=_reveals(call, device_id)
        )
        return Answer(content=text.encode("utf-8"), content_type="text/x-diff; charset=utf-8", headers=PLAIN_HEADERS)

    @route(
        "POST",
        "/cfg_mgr/configs/<config_id>/dry-run",
        "provd.cfg_mgr.configs.{config_id}.dry-run.create",
        "Tell what a changed config would do, without storing it",
        body=ConfigBody,
        query=("diff", "skip", "limit"),
        statuses={
            200: "Devices with the files that would change; partial tells whether there may be more.",
            400: "A member is wrong.",
            404: "No such config.",
        },
        response=DryRun,
    )
    async def dry_run(self, call: Call) -> Answer:
        """Return the devices and files that would change."""
        diffs = call.query.get("diff", "").lower() in ("true", "1")
        found = await self._inspection.dry_run(
            call.arguments["config_id"],
            call.body_as(ConfigBody).config,
            call.scope,
            _bounds(call),
            reveal=(lambda device_id: _reveals(call, device_id)) if diffs else None,
        )
        return _surveyed(found, [_effect(effect, diffs) for effect in found.shown])

    @route(
        "GET",
        f"{DEVICE}/journal",
        f"{ACL}.journal.read",
        "List the last requests of a phone",
        statuses=UNKNOWN_DEVICE,
        response=JournalAnswer,
    )
    async def journal(self, call: Call) -> Answer:
        """Return the last requests with the reason of each answer, newest first."""
        device = await self._devices.get(call.arguments["device_id"], call.scope)
        rows = [event.row() for event in self._journal.of_device(device.id)]
        return Answer(document={"journal": [{**row, "time": moment(row["time"])} for row in rows]})

    @route(
        "GET",
        "/dev_mgr/behind",
        "provd.dev_mgr.behind.read",
        "List the configured devices whose phone fetched other files than it would get now",
        query=("state", "skip", "limit", "recurse"),
        statuses={200: "The devices; partial tells whether there may be more.", 400: "A query argument is wrong."},
        response=Behind,
    )
    async def behind(self, call: Call) -> Answer:
        """Return the devices that would get other files than they have fetched."""
        states = tuple(filter(None, call.query.get("state", FALSE).split(",")))
        if not set(states) <= set(STATES):
            raise InvalidInput(f"state: there are {', '.join(STATES)}")
        scope = call.scope
        tenants = scope.tree if recurses(call.query) else frozenset({scope.tenant_uuid})
        found = await self._currencies.behind(tenants, states, _bounds(call))
        return _surveyed(found, [{"id": each.id, **_state(each)} for each in found.shown])


def _reveals(call: Call, device_id: str) -> bool:
    return call.principal.may(SECRETS_ACL.format(device_id=acl_word(device_id)))


def _bounds(call: Call) -> Bounds:
    query = parse_query({name: value for name, value in call.query.items() if name in ("skip", "limit")})
    return Bounds(skip=query.skip, limit=min(query.limit or MAX_SHOWN, MAX_SHOWN))


def _state(currency: Currency) -> dict[str, Any]:
    return {
        "current": {TRUE: True, FALSE: False}.get(currency.current, "unknown"),
        "behind": list(currency.files),
        "last_fetched": moment(currency.fetched),
        "problem": currency.problem,
    }


def _effect(effect: Effect, diffs: bool) -> dict[str, Any]:
    row = asdict(effect)
    if not diffs:
        del row["diffs"]
    return {"id": row.pop("device_id"), **row}


def _surveyed(found: Survey[Any], rows: Sequence[Mapping[str, Any]]) -> Answer:
    return Answer(
        document={
            "devices": rows,
            "total": found.total,
            "looked": found.looked,
            "found": found.found,
            "partial": found.partial,
        }
    )
