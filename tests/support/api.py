"""The API on stand-ins, spoken to with bytes of HTTP and no socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen
from tests.support.provisioning import World, run
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from werkzeug.routing import Rule

from provisiond.metrics import Metrics
from provisiond.phones.journal import Journal
from provisiond.rest.answers import MEDIA_TYPE
from provisiond.rest.application import api_site

_compile = Rule.compile
_compiled: dict[tuple[str, bool, str], dict[str, Any]] = {}


def _compiled_once(rule: Rule) -> None:
    """Compiling its rules is most of the work of making a router, and it always gives the same."""
    key = (rule.rule, bool(rule.merge_slashes), rule.subdomain or "")
    if key not in _compiled:
        _compile(rule)
        names = ("_parts", "_trace", "_converters", "_build", "_build_unknown", "arguments")
        _compiled[key] = {name: getattr(rule, name) for name in names}
    vars(rule).update(_compiled[key])


Rule.compile = _compiled_once  # type: ignore[method-assign]


@frozen
class Got:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    whole: bool

    @property
    def document(self) -> Any:
        return json.loads(self.content)

    @property
    def text(self) -> str:
        return self.content.decode()


class Wire(StringTransport):
    """A transport that tells whether it was cut."""

    aborted = False
    half_closed = False
    cut: Callable[[], None]

    def abortConnection(self) -> None:  # noqa: N802
        self.aborted = True
        self.cut()

    def loseWriteConnection(self) -> None:  # noqa: N802
        self.half_closed = True


class Connection:
    """One connection to the API."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.transport = Wire()
        self.transport.cut = lambda: api.world.clock.callLater(0, self.close)
        self.protocol = api.site.buildProtocol(None)
        self.protocol.makeConnection(self.transport)

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, prefix: str = "/0.2"
    ) -> None:
        lines = [f"{method} {prefix}{path} HTTP/1.1", "Host: x"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.protocol.dataReceived("\r\n".join([*lines, "", ""]).encode() + (body or b""))

    def got(self) -> Got | None:
        """Return the answer as far as it has come; None before its headers."""
        head, end, rest = self.transport.value().partition(b"\r\n\r\n")
        if not end:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        if headers.get("transfer-encoding") == "chunked":
            content, whole = _unchunked(rest)
        else:
            content, whole = rest, True
        return Got(int(first.split()[1]), headers, content, whole)

    def close(self) -> None:
        """Go away."""
        self.protocol.connectionLost(Failure(ConnectionDone()))


def _unchunked(data: bytes) -> tuple[bytes, bool]:
    pieces = []
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return b"".join(pieces), True
        pieces.append(rest[:length])
        data = rest[length + 2 :]
    return b"".join(pieces), False


class Api:
    """Calls to the API of a world.

    :param max_body: as the setting.
    """

    def __init__(self, world: World, max_body: int = 16 << 20) -> None:
        self.world = world
        self.journal = Journal(Metrics())
        self.site = api_site(world.house, self.journal, Metrics(), world.clock, max_body=max_body)
        self.token = self.made_token("#")

    def made_token(self, *acl: str, tenant: str | None = None) -> str:
        """Return a new token."""
        tenant = tenant or self.world.house.tenants.master
        return run(self.world.house.tokens.create("test", list(acl), tenant))[0]

    def begin(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        kind: str | None = MEDIA_TYPE,
        prefix: str = "/0.2",
        **headers: str,
    ) -> Connection:
        """Send a request and return its connection.

        :param token: the administrator's by default; the empty text sends none.
        :param kind: media type of the body; None sends none.
        """
        sent = {} if token == "" else {"X-Auth-Token": token or self.token}
        sent.update({name.replace("_", "-"): each for name, each in headers.items()})
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if content is not None and kind is not None:
            sent["Content-Type"] = kind
        connection = Connection(self)
        connection.send(method, path, sent, content, prefix)
        return connection

    def call(self, method: str, path: str, body: Any = None, *, turns: int = 50_000, **more: Any) -> Got:
        """Return the whole answer to a request; the reactor gets turns, but no time passes."""
        connection = self.begin(method, path, body, **more)
        for _ in range(turns):
            got = connection.got()
            if got is not None and got.whole:
                return got
            self.world.clock.advance(0)
        raise AssertionError("no whole answer came")

    def plain(self, method: str, path: str, **headers: str) -> Got:
        """Return the answer to a request without a token, at a whole path."""
        return self.call(method, path, token="", prefix="", **headers)

    def get(self, path: str, **more: Any) -> Got:
        return self.call("GET", path, **more)
