"""Importing and exporting devices and configs (ours, beyond the contract)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from attrs import asdict

from provisiond.errors import InvalidInput
from provisiond.model.query import Query, parse_query
from provisiond.provisioning.bulk import CREATE, LINES, MODES, TABLE, Bulk, Import, Imported
from provisiond.rest.answers import Answer
from provisiond.rest.bodies import RowsBody
from provisiond.rest.devices import recurses
from provisiond.rest.media import accepts
from provisiond.rest.our_documents import ImportedRows
from provisiond.rest.problems import HttpProblem
from provisiond.rest.routing import Call, route

CSV: Final = "text/csv"
JSON_LINES: Final = "application/x-ndjson"
TAKES: Final = (JSON_LINES, "application/jsonl", CSV)
FORMATS: Final = {"jsonl": LINES, "csv": TABLE}
_PREFERRED: Final = (
    (LINES, (JSON_LINES, "application/jsonl")),
    (TABLE, (CSV,)),
    (LINES, ("application/*", "*/*")),
    (TABLE, ("text/*",)),
)
IMPORT_QUERY: Final = ("mode", "dry_run")
EXPORT_QUERY: Final = ("format", "excel", "q", "q64")
IMPORTED: Final = {
    200: "All rows are stored; how many were created, replaced, and as they are already.",
    400: "Rows are wrong, each is named with its number; nothing is stored.",
}
EXPORTED: Final = {200: "Every object, as JSON lines or as a table.", 400: "A query argument is wrong."}


class BulkResources:
    """What programs can do with many devices or configs at once."""

    def __init__(self, bulk: Bulk) -> None:
        self._bulk = bulk

    @route(
        "POST",
        "/dev_mgr/import",
        "provd.dev_mgr.import.create",
        "Import devices as JSON lines or CSV, all rows or none",
        takes=TAKES,
        query=IMPORT_QUERY,
        statuses=IMPORTED,
        response=ImportedRows,
    )
    async def import_devices(self, call: Call) -> Answer:
        """Store devices."""
        wanted = _import(call)
        return _imported(await self._bulk.import_devices(wanted, call.scope), wanted)

    @route(
        "POST",
        "/cfg_mgr/import",
        "provd.cfg_mgr.import.create",
        "Import configs as JSON lines or CSV, all rows or none",
        takes=TAKES,
        query=IMPORT_QUERY,
        statuses=IMPORTED,
        response=ImportedRows,
    )
    async def import_configs(self, call: Call) -> Answer:
        """Store configs."""
        wanted = _import(call)
        return _imported(await self._bulk.import_configs(wanted), wanted)

    @route(
        "GET",
        "/dev_mgr/export",
        "provd.dev_mgr.export.read",
        "Export devices as JSON lines or CSV",
        media_type=None,
        answers=(JSON_LINES, CSV),
        query=(*EXPORT_QUERY, "recurse"),
        statuses=EXPORTED,
    )
    async def export_devices(self, call: Call) -> Answer:
        """Return every device of the tenant, streamed."""
        form, query, recurse = _form(call), _query(call), recurses(call.query)
        if call.method == "HEAD":
            return _exported(form, "devices")
        if form == LINES:
            chunks = self._bulk.device_lines(query, call.scope, recurse=recurse)
        else:
            chunks = await self._bulk.device_table(query, call.scope, recurse=recurse, excel=flag(call, "excel"))
        return _exported(form, "devices", chunks)

    @route(
        "GET",
        "/cfg_mgr/export",
        "provd.cfg_mgr.export.read",
        "Export configs as JSON lines or CSV",
        media_type=None,
        answers=(JSON_LINES, CSV),
        query=EXPORT_QUERY,
        statuses=EXPORTED,
    )
    async def export_configs(self, call: Call) -> Answer:
        """Return every config, streamed."""
        form, query = _form(call), _query(call)
        if call.method == "HEAD":
            return _exported(form, "configs")
        if form == LINES:
            chunks = self._bulk.config_lines(query)
        else:
            chunks = await self._bulk.config_table(query, excel=flag(call, "excel"))
        return _exported(form, "configs", chunks)


def _import(call: Call) -> Import:
    body = call.body_as(RowsBody)
    mode = call.query.get("mode") or CREATE
    if mode not in MODES:
        raise InvalidInput(f"mode: there are {', '.join(MODES)}")
    form = TABLE if body.media_type == CSV else LINES
    return Import(content=body.content, form=form, mode=mode, dry_run=flag(call, "dry_run"))


def _imported(done: Imported, wanted: Import) -> Answer:
    return Answer(document={**asdict(done), "dry_run": wanted.dry_run})


def flag(call: Call, name: str) -> bool:
    """Return a query argument that is true or false; false when it is missing.

    :raises InvalidInput: when it is anything else.
    """
    text = call.query.get(name, "").lower()
    if text not in ("", "0", "1", "false", "true"):
        raise InvalidInput(f"{name} must be true or false")
    return text in ("1", "true")


def _query(call: Call) -> Query:
    return parse_query({name: value for name, value in call.query.items() if name in ("q", "q64")})


def _form(call: Call) -> str:
    """Return the form that the query names, else the first that Accept lets us send."""
    named = call.query.get("format")
    if named:
        if named not in FORMATS:
            raise InvalidInput(f"format: there are {', '.join(FORMATS)}")
        return FORMATS[named]
    accept = call.headers.get("accept")
    for form, kinds in _PREFERRED:
        if accept is None or accepts(accept, *kinds):
            return form
    raise HttpProblem(406, f"this resource is {JSON_LINES} or {CSV}; list one in Accept")


def _exported(form: str, name: str, chunks: AsyncIterator[bytes] | None = None) -> Answer:
    kind, suffix = (JSON_LINES, "jsonl") if form == LINES else (f"{CSV}; charset=utf-8", "csv")
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}.{suffix}"'}
    return Answer(content_type=kind, headers=headers, content=b"" if chunks is None else None, chunks=chunks)
