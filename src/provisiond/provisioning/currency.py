"""Which phones run their present configuration, as far as their requests tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from attrs import frozen

from provisiond.model.device import Device
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.fetches import Fetch, Fetches
from provisiond.provisioning.file_sets import FileSet
from provisiond.provisioning.ports import Clock
from provisiond.provisioning.rendering import Rendering
from provisiond.provisioning.surveys import Bounds, Survey, gathered, surveyed

TRUE, FALSE, UNKNOWN = "true", "false", "unknown"


@frozen(kw_only=True)
class Currency:
    """What a phone has, against what it would get now.

    :param current: ``true``; ``false`` when the phone fetched a file that is different now; ``unknown`` when it fetched
        none of those that tell (its trigger files, if it has any), or there are no files.
    :param files: names of the files that are different now.
    :param fetched: when it fetched last, in seconds since the epoch; None when never.
    :param problem: why there are no files; None when there are.
    """

    id: str
    current: str
    files: tuple[str, ...] = ()
    fetched: float | None = None
    problem: str | None = None


class Currencies:
    """Compares what phones fetched with what they would get."""

    def __init__(self, directory: Directory, rendering: Rendering, fetches: Fetches, clock: Clock) -> None:
        self._directory = directory
        self._rendering = rendering
        self._fetches = fetches
        self._clock = clock

    async def of(self, device: Device) -> Currency:
        """Return how current a phone is."""
        files = await self._rendering.device_files(device)
        fetches = await self._fetches.of(device.id)
        last = max((fetch.at for fetch in fetches.values()), default=None)
        if files is None:
            return Currency(
                id=device.id, current=UNKNOWN, fetched=last, problem=self._rendering.problem(device.id) or "no files"
            )
        current, old = verdict(files, fetches)
        return Currency(id=device.id, current=current, files=old, fetched=last)

    async def behind(
        self, tenants: Collection[str], states: Collection[str] = (FALSE,), bounds: Bounds | None = None
    ) -> Survey[Currency]:
        """Return the configured devices of these tenants whose phone is in one of the states.

        The answer may be partial: looking takes no longer than the bounds say.
        """

        def wanted(device_id: str) -> bool:
            device = self._directory.get(device_id)
            return device is not None and device.configured and device.tenant_uuid in tenants

        async def look(device_id: str, _: bool) -> Currency | None:
            device = self._directory.get(device_id)
            found = await self.of(device) if device is not None else None
            return found if found is not None and found.current in states else None

        ids = await gathered(tuple(self._directory.ids()), wanted, self._rendering.breathe)
        return await surveyed(ids, look, self._rendering.breathe, self._clock, bounds or Bounds())


def verdict(files: FileSet, fetches: Mapping[str, Fetch]) -> tuple[str, tuple[str, ...]]:
    """Return how current a phone with these fetches is, and which files are different now."""
    old = tuple(name for name, file in files.files.items() if name in fetches and fetches[name].file.etag != file.etag)
    if old:
        return FALSE, old
    return (TRUE if any(name in fetches for name in telling_files(files)) else UNKNOWN), ()


def telling_files(files: FileSet) -> tuple[str, ...]:
    """Return the names of the files whose fetch tells that a phone follows: its trigger files, else any."""
    return tuple(name for name, file in files.files.items() if file.trigger) or tuple(files.files)
