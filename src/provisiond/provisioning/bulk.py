"""Many devices or configs at once: imports that take all rows or none, and exports as long as the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, TypeVar

from attrs import field, frozen

from provisiond.errors import InvalidInput
from provisiond.model.config import Config
from provisiond.model.device import Device
from provisiond.model.documents import check_config, check_device, new_id
from provisiond.model.query import Condition, Query, Selector, Test
from provisiond.provisioning.bulk_csv import (
    BOM,
    MAX_COLUMNS,
    Texts,
    config_texts,
    device_texts,
    ordered,
    paths_of,
    rows_of_table,
    written_header,
    written_rows,
)
from provisiond.provisioning.bulk_rows import (
    Row,
    WrongRow,
    WrongRows,
    rows_of_lines,
    same_content,
    shown_id,
    written_lines,
)
from provisiond.provisioning.config_tree import ConfigTree
from provisiond.provisioning.configs import Configs
from provisiond.provisioning.devices import Devices, with_tenant
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.ports import Document, StoredConfigs, StoredDevices, Threads
from provisiond.provisioning.serial import Key, Serial
from provisiond.provisioning.sightings import Sightings
from provisiond.provisioning.tenants import Scope

T = TypeVar("T")
Batches = AsyncIterator[Sequence[Document]]
CREATE, REPLACE, UPSERT = "create", "replace", "upsert"
MODES: Final = (CREATE, REPLACE, UPSERT)
LINES, TABLE = "lines", "table"
SLICE: Final = 100
_ONE_IMPORT: Final = ("bulk", "import")


@frozen(kw_only=True)
class Import:
    """What is to be imported, and how.

    :param form: ``lines`` for JSON lines, ``table`` for CSV.
    :param mode: ``create`` refuses ids that are used, ``replace`` those that are not, ``upsert`` neither.
    :param dry_run: True to check everything and store nothing.
    """

    content: bytes
    form: str = LINES
    mode: str = CREATE
    dry_run: bool = False


@frozen(kw_only=True)
class Imported:
    """What an import did, or would do."""

    rows: int
    created: int
    replaced: int
    unchanged: int


@frozen
class _Plan:
    """What an import will write: new objects, and changed ones with those they replace."""

    new: list[Any] = field(factory=list)
    changed: list[tuple[Any, Any]] = field(factory=list)
    unchanged: list[str] = field(factory=list)
    wrong: list[WrongRow] = field(factory=list)

    def counted(self, rows: int) -> Imported:
        """Return the figures, or raise what is wrong."""
        if self.wrong:
            raise WrongRows(self.wrong)
        return Imported(rows=rows, created=len(self.new), replaced=len(self.changed), unchanged=len(self.unchanged))


class Bulk:
    """Imports and exports. Imports come one at a time; none blocks the reactor.

    :param breathe: gives the reactor its turn.
    """

    def __init__(
        self,
        *,
        device_store: StoredDevices,
        config_store: StoredConfigs,
        devices: Devices,
        configs: Configs,
        directory: Directory,
        tree: ConfigTree,
        sightings: Sightings,
        serial: Serial,
        threads: Threads,
        breathe: Callable[[], Awaitable[None]],
    ) -> None:
        self._device_store = device_store
        self._config_store = config_store
        self._devices = devices
        self._configs = configs
        self._directory = directory
        self._tree = tree
        self._sightings = sightings
        self._serial = serial
        self._threads = threads
        self._breathe = breathe

    async def import_devices(self, wanted: Import, scope: Scope) -> Imported:
        """Store devices: all rows, or none. Their files are made in the background afterwards.

        A new device gets the tenant that its row names, inside the scope's tree, else the scope's own; a known one
        keeps its tenant, except that one of the master tenant moves to the scope's.

        :raises WrongRows: naming every row that cannot be imported.
        """
        async with self._serial.holding(_ONE_IMPORT):
            rows, wrong = await self._threads.run(_checked_rows, wanted, device_texts, check_device)
            async with AsyncExitStack() as held:
                await self._hold(held, _device_keys(rows))
                plan = _Plan(wrong=wrong)
                await self._sliced(rows, lambda row: self._plan_device(row, wanted.mode, scope, plan))
                imported = plan.counted(len(rows))
                if wanted.dry_run:
                    return imported
                for former, _ in plan.changed:
                    await held.enter_async_context(self._sightings.superseding(former.id))
                await self._device_store.write_many(plan.new, [device for _, device in plan.changed])
                await self._sliced(plan.new, lambda device: self._devices.took(device, "created"))
                await self._sliced(plan.changed, lambda pair: self._devices.took(pair[1], "replaced"))
            for config_id in {former.config for former, device in plan.changed if former.config != device.config}:
                await self._configs.delete_unused(config_id)
            return imported

    async def import_configs(self, wanted: Import) -> Imported:
        """Store configs: all rows, or none. Files of devices that use them are made in the background afterwards.

        :raises WrongRows: naming every row that cannot be imported.
        """
        async with self._serial.holding(_ONE_IMPORT):
            rows, wrong = await self._threads.run(_checked_rows, wanted, config_texts, check_config)
            async with AsyncExitStack() as held:
                await self._hold(held, [("config", row.document["id"]) for row in rows])
                plan = _Plan(wrong=wrong)
                for start in range(0, len(rows), SLICE):
                    batch = rows[start : start + SLICE]
                    known = await self._known_configs([row.document["id"] for row in batch])
                    for row in batch:
                        self._plan_config(row, wanted.mode, known, plan)
                    await self._breathe()
                imported = plan.counted(len(rows))
                if wanted.dry_run:
                    return imported
                await self._config_store.write_many(plan.new, [config for _, config in plan.changed])
                await self._sliced(plan.new, lambda config: self._configs.took(config, "created"))
                await self._sliced(plan.changed, lambda pair: self._configs.took(pair[1], "replaced"))
            return imported

    def device_lines(self, query: Query, scope: Scope, *, recurse: bool) -> AsyncIterator[bytes]:
        """Return all devices that a query selects as JSON lines."""
        return self._lines(self._devices.stream(query, scope, recurse=recurse))

    def config_lines(self, query: Query) -> AsyncIterator[bytes]:
        """Return all configs that a query selects as JSON lines."""
        return self._lines(self._configs.stream(query))

    async def device_table(
        self, query: Query, scope: Scope, *, recurse: bool, excel: bool = False
    ) -> AsyncIterator[bytes]:
        """Return all devices that a query selects as a table.

        The devices are read twice, first for their columns; when one has another column the second time, reading
        the table raises InvalidInput.

        :param excel: True for semicolons and a byte order mark.
        :raises InvalidInput: when there are too many columns.
        """
        return await self._table(lambda: self._devices.stream(query, scope, recurse=recurse), device_texts, excel)

    async def config_table(self, query: Query, *, excel: bool = False) -> AsyncIterator[bytes]:
        """Return all configs that a query selects as a table, as :meth:`device_table`."""
        return await self._table(lambda: self._configs.stream(query), config_texts, excel)

    # Inside

    async def _lines(self, batches: Batches) -> AsyncIterator[bytes]:
        async for batch in batches:
            if batch:
                yield await self._threads.run(written_lines, batch)

    async def _table(self, batches: Callable[[], Batches], texts: Texts, excel: bool) -> AsyncIterator[bytes]:
        paths: set[tuple[str, ...]] = {("id",)}
        async for batch in batches():
            paths |= await self._threads.run(_columns_of, batch)
            if len(paths) > MAX_COLUMNS:
                break
        columns = ordered(paths)
        delimiter = ";" if excel else ","

        async def pieces() -> AsyncIterator[bytes]:
            yield (BOM.encode("utf-8") if excel else b"") + written_header(columns, delimiter)
            async for batch in batches():
                if batch:
                    yield await self._threads.run(written_rows, batch, columns, texts, delimiter)

        return pieces()

    async def _hold(self, held: AsyncExitStack, keys: Iterable[Key]) -> None:
        ordered = await self._threads.run(sorted, set(keys))
        for start in range(0, len(ordered), SLICE):
            await held.enter_async_context(self._serial.holding(*ordered[start : start + SLICE]))
            await self._breathe()

    async def _sliced(self, things: Sequence[T], work: Callable[[T], None]) -> None:
        for start in range(0, len(things), SLICE):
            for thing in things[start : start + SLICE]:
                work(thing)
            await self._breathe()

    def _plan_device(self, row: Row, mode: str, scope: Scope, plan: _Plan) -> None:
        members = row.document
        former = self._directory.get(members["id"])
        wrong = self._refused(former, mode, scope, members)
        if wrong is not None:
            plan.wrong.append(WrongRow(row.number, shown_id(members), wrong))
        elif former is None:
            tenant = members.get("tenant_uuid") or scope.tenant_uuid
            plan.new.append(with_tenant(members, tenant, scope, False))
        else:
            stays = former.tenant_uuid != scope.master
            tenant = (former.tenant_uuid if stays else None) or scope.tenant_uuid
            device = with_tenant(members, tenant, scope, former.configured)
            if same_content(former.document, device.document):
                plan.unchanged.append(device.id)
            else:
                plan.changed.append((former, device))

    def _refused(self, former: Device | None, mode: str, scope: Scope, members: Document) -> str | None:
        device_id = members["id"]
        if former is None:
            tenant = members.get("tenant_uuid")
            if mode == REPLACE:
                return f'device "{device_id}" does not exist'
            if tenant is not None and tenant not in scope.tree:
                return "tenant_uuid names no tenant at or below yours; leave it out to take your own"
            return None
        if mode == REPLACE and not scope.sees(former, new=True):
            return f'device "{device_id}" does not exist'
        if mode == CREATE or not scope.sees(former, new=True):
            return f'device "{device_id}" exists already'
        return None

    async def _known_configs(self, ids: Sequence[str]) -> dict[str, Document]:
        wanted = [each for each in ids if each in self._tree]
        if not wanted:
            return {}
        selector = Selector((Condition("id", (Test("$in", wanted),)),))
        return {document["id"]: document for document in await self._config_store.find(Query(selector=selector))}

    def _plan_config(self, row: Row, mode: str, known: dict[str, Document], plan: _Plan) -> None:
        config = Config(row.document)
        former = known.get(config.id)
        if former is None and mode == REPLACE:
            plan.wrong.append(WrongRow(row.number, shown_id(row.document), f'config "{config.id}" does not exist'))
        elif former is None:
            plan.new.append(config)
        elif mode == CREATE:
            plan.wrong.append(WrongRow(row.number, shown_id(row.document), f'config "{config.id}" exists already'))
        elif same_content(former, config.document):
            plan.unchanged.append(config.id)
        else:
            plan.changed.append((former, config))


def _checked_rows(
    wanted: Import, texts: Callable[[tuple[str, ...]], bool], check: Callable[[object], Document]
) -> tuple[list[Row], list[WrongRow]]:
    """Return the rows of an import, each checked by itself and with an id, and the wrong ones. Runs in a thread."""
    found = rows_of_table(wanted.content, texts) if wanted.form == TABLE else rows_of_lines(wanted.content)
    rows: list[Row] = []
    wrong: list[WrongRow] = []
    seen: dict[str, int] = {}
    for each in found:
        checked = _checked(each, check, seen, wanted.mode) if isinstance(each, Row) else each
        if isinstance(checked, Row):
            rows.append(checked)
        else:
            wrong.append(checked)
    return rows, wrong


def _checked(row: Row, check: Callable[[object], Document], seen: dict[str, int], mode: str) -> Row | WrongRow:
    try:
        members = check(row.document)
        tenant = members.get("tenant_uuid")
        if tenant is not None and not isinstance(tenant, str):
            raise InvalidInput("tenant_uuid must be a text")
        if "id" not in members and mode == REPLACE:
            raise InvalidInput("id is missing")
        document = {"id": members.get("id") or new_id(), **members}
        first = seen.setdefault(document["id"], row.number)
        if first != row.number:
            raise InvalidInput(f"the id is that of row {first} too")
    except InvalidInput as error:
        return WrongRow(row.number, shown_id(row.document), error.sentence)
    return Row(row.number, document)


def _columns_of(documents: Sequence[Document]) -> set[tuple[str, ...]]:
    return {path for document in documents for path, _ in paths_of(document)}


def _device_keys(rows: Sequence[Row]) -> Iterator[Key]:
    for row in rows:
        yield "device", row.document["id"]
        for name in ("mac", "sn", "uuid"):
            if row.document.get(name):
                yield "contact", f"{name} {row.document[name]}"
