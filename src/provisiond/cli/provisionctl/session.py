"""What commands share: the server they talk to, and the terminal they write on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import click
from attrs import define, field

from provisiond.cli.provisionctl.failures import Failure
from provisiond.cli.provisionctl.targets import Target
from provisiond.client.blocking import Client
from provisiond.client.transports import TIMEOUT, BlockingTransport, Tls

Dial = Callable[[Target], BlockingTransport]


@define
class Session:
    """One run of provisionctl.

    :param target: found out when the first request is made, so that help needs no server.
    :param dial: makes what carries the requests, instead of a connection; for tests.
    :param pause: waits so many seconds.
    """

    target: Callable[[], Target] = Target
    dial: Dial | None = None
    timeout: float = TIMEOUT
    pause: Callable[[float], None] = time.sleep
    _client: Client | None = field(default=None, init=False)
    _found: Target | None = field(default=None, init=False)
    _made: list[Client] = field(factory=list, init=False)

    @property
    def client(self) -> Client:
        """The client of the main thread."""
        if self._client is None:
            self._client = self.new_client()
        return self._client

    def new_client(self) -> Client:
        """Return another client, for another thread; :meth:`close` closes it.

        :raises Failure: when there is no token.
        """
        made = self._connected()
        self._made.append(made)
        return made

    def close(self) -> None:
        """Close all connections."""
        made, self._made, self._client = self._made, [], None
        for each in made:
            each.close()

    def _connected(self) -> Client:
        if self._found is None:
            self._found = self.target()
        target = self._found
        if self.dial is not None:
            return Client("http://server", transport=self.dial(target))
        if target.url is None:
            raise Failure("there is no address; name it with --url")
        tls = Tls(ca_file=target.ca_file)
        return Client(target.url, target.secret(), target.tenant, tls=tls, timeout=self.timeout)

    @property
    def is_terminal(self) -> bool:
        """True when people read standard output."""
        return sys.stdout.isatty()

    @property
    def has_error_terminal(self) -> bool:
        """True when people read standard error, where progress is shown."""
        return sys.stderr.isatty()

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        import shutil

        return shutil.get_terminal_size().columns


pass_session = click.make_pass_decorator(Session)
