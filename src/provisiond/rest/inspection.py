"""What phones get, and what a change would do (ours, beyond the contract)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from attrs import asdict

from provisiond.model.query import parse_query
from provisiond.provisioning.devices import Devices
from provisiond.provisioning.inspection import Inspection
from provisiond.rest.answers import Answer, moment
from provisiond.rest.bodies import ConfigBody
from provisiond.rest.routing import Call, acl_word, route

DEVICE: Final = "/dev_mgr/devices/<device_id>"
ACL: Final = "provd.dev_mgr.devices.{device_id}"
SECRETS_ACL: Final = "provd.dev_mgr.devices.{device_id}.secrets.read"
UNKNOWN = {404: "No such device in the tenant's tree, or no such file."}
DRY_RUN_SECONDS: Final = 8.0
DRY_RUN_DEVICES: Final = 1_000


class Row(Protocol):
    """An event of the journal."""

    def row(self) -> dict[str, Any]: ...


class Journal(Protocol):
    """Remembers the last requests of phones (``phones.journal``)."""

    def of_device(self, device_id: str) -> Sequence[Row]: ...


class InspectionResources:
    """Shows what phones get."""

    def __init__(self, inspection: Inspection, devices: Devices, journal: Journal) -> None:
        self._inspection = inspection
        self._devices = devices
        self._journal = journal

    @route("GET", f"{DEVICE}/files", f"{ACL}.files.read", "List what a device is served", statuses=UNKNOWN)
    async def files(self, call: Call) -> Answer:
        """Return the files of a device: name, size, revision, when rendered, when fetched."""
        served = await self._inspection.files(call.arguments["device_id"], call.scope)
        rows = []
        for each in served:
            row = asdict(each)
            row.update(rendered=moment(each.rendered), fetched=moment(each.fetched), protocols=["http", "tftp"])
            rows.append(row)
        return Answer(document={"files": rows})

    @route(
        "GET",
        f"{DEVICE}/files/<path:name>",
        f"{ACL}.files.read",
        "Preview a file of a device: rendered now, nothing stored; secrets are struck out",
        media_type=None,
        query=("preview",),
        statuses={200: "The file.", 400: "It cannot be made.", **UNKNOWN},
    )
    async def preview(self, call: Call) -> Answer:
        """Return a file as it would be rendered now."""
        device_id = call.arguments["device_id"]
        file = await self._inspection.preview(device_id, call.arguments["name"], call.scope, reveal=_reveals(call))
        return Answer(content=file.content, content_type=file.content_type, headers={"Cache-Control": "no-store"})

    @route(
        "GET",
        f"{DEVICE}/files/<path:name>/diff",
        f"{ACL}.files.read",
        "Show what would change against what the phone fetched last, as a unified diff",
        media_type=None,
        statuses={200: "The difference; empty when there is none.", 400: "It cannot be made.", **UNKNOWN},
    )
    async def difference(self, call: Call) -> Answer:
        """Return a unified diff."""
        device_id = call.arguments["device_id"]
        text = await self._inspection.difference(device_id, call.arguments["name"], call.scope, reveal=_reveals(call))
        return Answer(content=text.encode("utf-8"), content_type="text/x-diff; charset=utf-8")

    @route(
        "POST",
        "/cfg_mgr/configs/<config_id>/dry-run",
        "provd.cfg_mgr.configs.{config_id}.dry-run.create",
        "Tell what a changed config would do, without storing it",
        body=ConfigBody,
        statuses={
            200: "Devices with the files that would change; partial tells whether there may be more.",
            400: "A member is wrong.",
            404: "No such config.",
        },
    )
    async def dry_run(self, call: Call) -> Answer:
        """Return the devices and files that would change."""
        deadline = time.monotonic() + DRY_RUN_SECONDS
        rows: list[Mapping[str, Any]] = []
        partial = False
        effects = self._inspection.dry_run(call.arguments["config_id"], call.body_as(ConfigBody).config, call.scope)
        async for effect in effects:
            row = asdict(effect)
            rows.append({"id": row.pop("device_id"), **row})
            if len(rows) >= DRY_RUN_DEVICES or time.monotonic() > deadline:
                partial = True
                break
        return Answer(document={"devices": rows, "partial": partial})

    @route("GET", f"{DEVICE}/journal", f"{ACL}.journal.read", "List the last requests of a phone", statuses=UNKNOWN)
    async def journal(self, call: Call) -> Answer:
        """Return the last requests with the reason of each answer, newest first."""
        device = await self._devices.get(call.arguments["device_id"], call.scope)
        rows = [event.row() for event in self._journal.of_device(device.id)]
        return Answer(document={"journal": [{**row, "time": moment(row["time"])} for row in rows]})

    @route(
        "GET",
        "/dev_mgr/behind",
        "provd.dev_mgr.behind.read",
        "List the configured devices whose phone has not fetched its present files",
        query=("limit", "recurse"),
        statuses={200: "Ids, and how many devices were looked at.", 400: "limit is wrong."},
    )
    async def behind(self, call: Call) -> Answer:
        """Return the devices that would get other files than they have fetched."""
        limit = parse_query({name: value for name, value in call.query.items() if name == "limit"}).limit
        deadline = time.monotonic() + DRY_RUN_SECONDS
        found: list[dict[str, Any]] = []
        partial = False
        async for state in self._inspection.behind(call.scope):
            found.append(asdict(state))
            if (limit and len(found) >= limit) or time.monotonic() > deadline:
                partial = True
                break
        return Answer(document={"devices": found, "partial": partial})


def _reveals(call: Call) -> bool:
    return call.principal.may(SECRETS_ACL.format(device_id=acl_word(call.arguments["device_id"])))
