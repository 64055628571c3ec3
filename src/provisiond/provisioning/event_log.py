"""The last events with numbers, so that a listener that was away can go on where it was."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection
from itertools import islice
from typing import Final

from attrs import frozen

from provisiond.provisioning.events import Event, Events
from provisiond.provisioning.ports import Clock
from provisiond.provisioning.tenants import Scope

KEPT: Final = 5_000
_BOUNDARY: Final = re.compile(r"(?<!^)(?=[A-Z])")


def kind_of(event: type[Event]) -> str:
    """Return the name of a class of events, e.g. ``device_seen``."""
    return _BOUNDARY.sub("_", event.__name__).lower()


KINDS: Final = {each: kind_of(each) for each in Event.__args__}


@frozen(kw_only=True)
class LoggedEvent:
    """An event with its place in the log.

    :param number: 1 for the first event of this process.
    :param at: seconds since the epoch.
    :param tenant: tenant of the device that it is about, or of the devices; None when it is about none.
    """

    number: int
    at: float
    kind: str
    tenant: str | None
    event: Event

    def is_seen_by(self, scope: Scope) -> bool:
        """Tell whether the event may be shown inside a scope."""
        return self.tenant is None or self.tenant in scope.tree


class EventLog:
    """Keeps the last events of this process; reading them takes nothing away.

    The tenant of an event is that of its device when it happened. An event about a device that nobody knows is shown
    to nobody.

    :param tenant_of: returns the tenant of a device, or None when there is no such device.
    :param kept: events kept, 1 or more.
    """

    def __init__(self, events: Events, tenant_of: Callable[[str], str | None], clock: Clock, kept: int = KEPT) -> None:
        self._rows: deque[LoggedEvent] = deque(maxlen=kept)
        self._tenant_of = tenant_of
        self._clock = clock
        self._origin = f"{int(clock.seconds() * 1000):x}"
        self._waiting: set[Callable[[], None]] = set()
        self.newest = 0
        events.listen(self._note)

    @property
    def oldest(self) -> int:
        """Number of the oldest event that is kept; one more than ``newest`` when there is none."""
        return self.newest - len(self._rows) + 1

    def id_of(self, number: int) -> str:
        """Return the id of an event: it names this process too, whose numbers begin at 1."""
        return f"{self._origin}-{number}"

    def position(self, last_id: str | None) -> tuple[int, bool]:
        """Return the number of the event that a listener has seen last, and whether it has missed any for good.

        :param last_id: id of the last event it got, from whichever process; None for a listener that begins now.
        """
        if last_id is None:
            return self.newest, False
        origin, _, number = last_id.rpartition("-")
        if origin == self._origin and re.fullmatch("[0-9]{1,15}", number) and int(number) <= self.newest:
            seen = int(number)
            return max(seen, self.oldest - 1), seen < self.oldest - 1
        return self.oldest - 1, True

    def after(self, number: int, limit: int, kinds: Collection[str], scope: Scope) -> tuple[list[LoggedEvent], int]:
        """Look at the next events after a number, at most ``limit``.

        :return: those of the kinds and inside the scope, and the number of the last one looked at.
        """
        first = max(0, number + 1 - self.oldest)
        looked = list(islice(self._rows, first, first + limit))
        found = [each for each in looked if each.kind in kinds and each.is_seen_by(scope)]
        return found, looked[-1].number if looked else number

    def call_at_next(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back once, at the next event; what is returned forgets that again."""
        self._waiting.add(callback)
        return lambda: self._waiting.discard(callback)

    def _note(self, event: Event) -> None:
        self.newest += 1
        kind = KINDS[type(event)]
        self._rows.append(
            LoggedEvent(
                number=self.newest, at=self._clock.seconds(), kind=kind, tenant=self._tenant(event), event=event
            )
        )
        waiting, self._waiting = self._waiting, set()
        for callback in waiting:
            callback()

    def _tenant(self, event: Event) -> str | None:
        tenant: str | None = getattr(event, "tenant_uuid", None)
        device_id = getattr(event, "device_id", None)
        if tenant is not None or device_id is None:
            return tenant
        return self._tenant_of(device_id) or ""
