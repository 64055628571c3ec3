"""What phones fetched last: which file, when, and its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from provisiond.plugins.values import RenderedFile
from provisiond.provisioning.file_sets import FileSet
from provisiond.provisioning.ports import Clock
from provisiond.provisioning.rendered_files import RenderedFiles

log = Logger()
# A booting phone fetches its files within seconds: they are kept by one write.
INTERVAL = 10.0
MAX_FILES = 64


@frozen
class Fetch:
    """The last time a phone got a file completely.

    :param at: seconds since the epoch.
    :param file: what it got.
    :param secrets: secrets that are in it.
    """

    at: float
    file: RenderedFile
    secrets: tuple[str, ...] = ()


class Fetches:
    """Remembers for each device the files it fetched last, also over a restart.

    Noting costs no waiting; what is noted lies on disk after at most ten seconds.

    :param files: where the fetched sets are kept; a store of its own.
    """

    def __init__(self, files: RenderedFiles, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._noted: dict[str, dict[str, Fetch]] = {}
        self._planned: Any = None
        self._expected: dict[str, Callable[[Fetch], None]] = {}

    def expect(self, device_id: str, told: Callable[[Fetch], None] | None) -> None:
        """Tell of everything that a phone fetches from now on, until None takes its place.

        :param told: called at once with each fetch; must neither wait nor raise.
        """
        if told is None:
            self._expected.pop(device_id, None)
        else:
            self._expected[device_id] = told

    def note(self, device_id: str, file: RenderedFile, secrets: Iterable[str] = ()) -> None:
        """Note that the phone got this file now."""
        fetch = Fetch(self._clock.seconds(), file, tuple(secrets))
        self._noted.setdefault(device_id, {})[file.name] = fetch
        if device_id in self._expected:
            self._expected[device_id](fetch)
        if self._planned is None:
            self._planned = self._clock.callLater(INTERVAL, self._flush_now)

    async def of(self, device_id: str) -> dict[str, Fetch]:
        """Return the last fetch of each file of a device, by name."""
        kept = await self._files.load(device_id)
        fetches: dict[str, Fetch] = {}
        if kept is not None:
            for name, file in kept.files.items():
                at, secrets = kept.facts[name]
                fetches[name] = Fetch(at, file, tuple(secrets))
        return {**fetches, **self._noted.get(device_id, {})}

    def forget(self, device_id: str) -> None:
        """Forget a device that was deleted."""
        self._expected.pop(device_id, None)
        self._noted.pop(device_id, None)
        self._files.drop(device_id)

    async def flush(self) -> None:
        """Keep on disk what was noted before this was called."""
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None
        # What phones fetch meanwhile waits for the next time: under load this would never come to its end.
        for device_id in tuple(self._noted):
            fetches = await self.of(device_id)
            if self._noted.pop(device_id, None) is not None:
                self._files.put(device_id, _as_set(fetches))
        await self._files.written()

    def _flush_now(self) -> None:
        self._planned = None
        Deferred.fromCoroutine(self.flush()).addErrback(lambda failure: log.failure("fetches are not kept", failure))


def _as_set(fetches: dict[str, Fetch]) -> FileSet:
    newest = sorted(fetches.items(), key=lambda item: item[1].at)[-MAX_FILES:]
    return FileSet(
        revision="",
        files={name: fetch.file for name, fetch in newest},
        facts={name: [fetch.at, list(fetch.secrets)] for name, fetch in newest},
    )
