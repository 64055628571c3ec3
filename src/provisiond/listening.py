"""Listening for connections: on sockets that were given, or on ports of the server's own, with TLS or without."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.protocols.tls import TLSMemoryBIOFactory

from provisiond.certificates import ServerCertificate, TlsEndpoint
from provisiond.errors import StartProblem
from provisiond.given_sockets import GivenSockets
from provisiond.reloading import Threads
from provisiond.settings import Settings


def with_given_sockets(settings: Settings, given: GivenSockets) -> Settings:
    """Return settings in which ``systemd:NAME`` is the address that the socket of this name is bound to.

    :raises StartProblem: when there is no socket of such a name.
    """
    extensions = settings.extensions.listen
    addresses = {
        "http": {"listen": given.endpoint(settings.http.listen)},
        "rest_api": {"listen": given.endpoint(settings.rest_api.listen)},
        "tftp": {"listen": [given.address(each) for each in settings.tftp.listen]},
        "extensions": {"listen": None if extensions is None else given.endpoint(extensions)},
    }
    return settings.model_copy(
        update={name: getattr(settings, name).model_copy(update=listen) for name, listen in addresses.items()}
    )


def _as_set(endpoint: str) -> str:
    return endpoint.partition(":backlog=")[0]


class ListeningPorts:
    """The TCP and Unix ports of a server.

    :param given: sockets that are taken instead of opening one on the same address.
    """

    def __init__(self, reactor: Any, given: GivenSockets) -> None:
        self._reactor = reactor
        self._given = given
        self.ports: list[Any] = []
        self.certificates: list[ServerCertificate] = []

    async def listen(self, what: str, endpoint: str, site: Any, threads: Threads) -> Any:
        """Listen, and return the port.

        :param what: listens, in words.
        :param threads: where certificates are read.
        :raises StartProblem: when the endpoint cannot be listened on.
        """
        try:
            port = await self._listening(endpoint, site, threads)
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or error.socketError
            raise StartProblem(f"cannot listen for {what} on {_as_set(endpoint)}: {reason}") from None
        except (ValueError, OSError) as error:
            raise StartProblem(f"cannot listen for {what} on {_as_set(endpoint)}: {error}") from None
        self.ports.append(port)
        return port

    async def stop(self) -> None:
        """Accept no more; connections that are open stay, and so do sockets that were given, for whoever comes next."""
        for port in self.ports:
            ended = port.stopListening()
            if isinstance(ended, Deferred):
                await ended
        self.ports.clear()

    async def _listening(self, endpoint: str, site: Any, threads: Threads) -> Any:
        tls, factory = TlsEndpoint.parse(endpoint), site
        if tls is not None:
            certificate = ServerCertificate(tls.files)
            certificate.use(await threads.run(certificate.read))
            self.certificates.append(certificate)
            factory = TLSMemoryBIOFactory(certificate, False, site)
        sock = self._given.stream(endpoint)
        if sock is not None:
            return self._reactor.adoptStreamPort(sock.fileno(), sock.family, factory)
        if tls is not None:
            return self._reactor.listenSSL(tls.port, site, certificate, tls.backlog, tls.interface)
        return await serverFromString(self._reactor, endpoint).listen(site)
