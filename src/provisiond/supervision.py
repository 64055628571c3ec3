"""Telling systemd how the server is, by the datagrams of sd_notify(3)."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping
from typing import Any, Protocol

from twisted.logger import Logger

log = Logger()
MICROSECONDS = 1_000_000


class Clock(Protocol):
    """The part of the reactor that calls later."""

    def callLater(self, delay: float, callable: Any, *args: object, **kw: object) -> Any: ...  # noqa: N802


class Supervisor:
    """Tells the service manager; without one every call does nothing.

    Source: sd_notify(3), sd_watchdog_enabled(3), systemd.service(5) ``Type=notify`` and ``notify-reload``.

    :param address: path of a datagram socket, with ``@`` in front for an abstract one; None for no manager.
    :param watchdog: seconds after which the manager takes a silent server for dead; None when it does not watch.
    """

    def __init__(self, address: str | None = None, watchdog: float | None = None) -> None:
        self._address = address
        self._watchdog = watchdog
        self._planned: Any = None

    @classmethod
    def of(cls, environment: MutableMapping[str, str]) -> Supervisor:
        """Return the supervisor that the environment names, and take it out of there: children have none.

        An address or a span that cannot be understood counts as none.
        """
        address = environment.pop("NOTIFY_SOCKET", "")
        span, pid = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", str(os.getpid()))
        watched = span.isascii() and span.isdigit() and int(span) > 0 and pid == str(os.getpid())
        return cls(address if address[:1] in ("/", "@") else None, int(span) / MICROSECONDS if watched else None)

    @property
    def exists(self) -> bool:
        """Whether somebody is told."""
        return self._address is not None

    def ready(self, status: str, clock: Clock) -> None:
        """Tell that the server serves; from now on it shows that it lives, for as long as ``clock`` calls back."""
        self._tell("READY=1", f"STATUS={status}")
        if self._watchdog is not None and self._planned is None:
            self._show_life(clock, self._watchdog / 2)

    def reloading(self) -> None:
        """Tell that settings are being read; :meth:`ready` ends that."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={now}")

    def status(self, text: str) -> None:
        """Tell one line that ``systemctl status`` shows."""
        self._tell(f"STATUS={text}")

    def stopping(self) -> None:
        """Tell that the end has begun."""
        self._tell("STOPPING=1")

    def _show_life(self, clock: Clock, pause: float) -> None:
        self._tell("WATCHDOG=1")
        self._planned = clock.callLater(pause, self._show_life, clock, pause)

    def _tell(self, *assignments: str) -> None:
        if self._address is None:
            return
        # a line break in a status would begin another assignment
        message = "\n".join(" ".join(each.splitlines()) for each in assignments).encode()
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                # A manager that does not read must not hold the server up.
                sender.setblocking(False)
                sender.sendto(message, address)
        except OSError as error:
            log.warn("systemd could not be told {what}: {error}", what=assignments[0], error=error.strerror)
