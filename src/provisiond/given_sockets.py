"""Sockets that were opened for the server before it started, and stay open when it restarts."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import define, frozen

from provisiond.errors import StartProblem

FIRST_FD: Final = 3
_WILDCARDS: Final = ("", "0.0.0.0", "::")  # noqa: S104
_STREAM = re.compile(r"(?P<kind>tcp6?|ssl|unix):(?P<where>(?:\\.|[^:\\])+)")
_INTERFACE = re.compile(r":interface=((?:\\.|[^:\\])+)")


def first_environment(process: Path = Path("/proc/self/environ")) -> dict[str, str]:
    """Return the environment that this process was started with, whatever it has become since.

    Twisted takes ``LISTEN_PID`` out of ``os.environ`` as soon as its endpoints are imported.
    """
    pairs = (os.fsdecode(each).partition("=") for each in process.read_bytes().split(b"\0"))
    return {name: value for name, _, value in pairs if name}


@frozen
class Place:
    """An address that somebody listens on: host and port, or the path of a Unix socket and port 0."""

    host: str
    port: int

    def __str__(self) -> str:
        if self.port == 0:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def covers(self, wanted: Place) -> bool:
        """Tell whether whoever wants ``wanted`` is served by a socket that is bound here."""
        if self.port != wanted.port:
            return False
        return self.host == wanted.host or (
            self.port != 0 and self.host in _WILDCARDS and (self.host == "::" or ":" not in wanted.host)
        )


@define
class GivenSocket:
    """One socket, its name, and whether somebody has taken it."""

    name: str
    sock: socket.socket
    taken: bool = False

    @property
    def place(self) -> Place:
        """Where it is bound."""
        address = self.sock.getsockname()
        if self.sock.family == socket.AF_UNIX:
            return Place(str(address), 0)
        return Place(str(address[0]), int(address[1]))


class GivenSockets:
    """What the service manager has handed over, to be taken by whoever listens on the same address.

    Source: sd_listen_fds(3), systemd.socket(5).
    """

    def __init__(self, sockets: Iterable[tuple[str, socket.socket]] = ()) -> None:
        self._sockets = [GivenSocket(name, sock) for name, sock in sockets]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> GivenSockets:
        """Return the sockets that the environment tells of; children do not inherit them.

        :raises StartProblem: when it tells of descriptors that are no sockets.
        """
        pid, count = environment.get("LISTEN_PID", ""), environment.get("LISTEN_FDS", "")
        names = environment.get("LISTEN_FDNAMES", "").split(":")
        if pid != str(os.getpid()) or not count.isdigit():
            return cls()
        given = []
        for place in range(int(count)):
            try:
                sock = socket.socket(fileno=FIRST_FD + place)
            except OSError:
                raise StartProblem(f"descriptor {FIRST_FD + place} was handed over and is no socket") from None
            sock.set_inheritable(False)
            sock.setblocking(False)
            given.append((names[place] if place < len(names) else "", sock))
        return cls(given)

    def datagrams(self, host: str, port: int) -> list[socket.socket]:
        """Return, for good, every UDP socket that is bound to this address; empty when there is none."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        fitting = [each for each in self._fitting(Place(host, port), socket.SOCK_DGRAM) if each.sock.family == family]
        for each in fitting:
            each.taken = True
        return [each.sock for each in fitting]

    def stream(self, endpoint: str) -> socket.socket | None:
        """Return, for good, the listening socket of an endpoint such as ``tcp:8667`` or ``unix:/run/x``, or None."""
        wanted = _place_of(endpoint)
        for each in self._fitting(wanted, socket.SOCK_STREAM) if wanted is not None else ():
            each.taken = True
            return each.sock
        return None

    def unwanted(self) -> Sequence[str]:
        """Return the addresses of sockets that nobody has taken."""
        return [str(each.place) for each in self._sockets if not each.taken]

    def endpoint(self, text: str) -> str:
        """Return ``systemd:NAME`` as the ordinary endpoint of the stream socket of this name; others unchanged.

        :raises StartProblem: when no such socket was handed over.
        """
        kind, _, name = text.partition(":")
        if kind != "systemd":
            return text
        place = self._named(name, socket.SOCK_STREAM)
        if place.port == 0:
            return "unix:" + _escaped(place.host)
        return f"tcp{'6' if ':' in place.host else ''}:{place.port}:interface={_escaped(place.host)}"

    def address(self, text: str) -> str:
        """Return ``systemd:NAME`` as ``host:port`` of the UDP socket of this name; others unchanged.

        :raises StartProblem: when no such socket was handed over.
        """
        kind, _, name = text.partition(":")
        return str(self._named(name, socket.SOCK_DGRAM)) if kind == "systemd" else text

    def _fitting(self, wanted: Place, kind: int) -> list[GivenSocket]:
        free = [each for each in self._sockets if not each.taken and each.sock.type == kind]
        exact = [each for each in free if each.place == wanted]
        return exact or [each for each in free if each.place.covers(wanted)]

    def _named(self, name: str, kind: int) -> Place:
        for each in self._sockets:
            if each.name == name and each.sock.type == kind:
                return each.place
        raise StartProblem(f"systemd:{name} is listened on, but no socket of this name was handed over")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _place_of(endpoint: str) -> Place | None:
    found = _STREAM.match(endpoint)
    if found is None:
        return None
    where = _unescaped(found["where"])
    if found["kind"] == "unix":
        return Place(where, 0)
    interface = _INTERFACE.search(endpoint)
    default = "::" if found["kind"] == "tcp6" else "0.0.0.0"  # noqa: S104
    return Place(_unescaped(interface[1]) if interface else default, int(where))
