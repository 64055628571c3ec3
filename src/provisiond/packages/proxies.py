"""Asking through the proxies that are set at this moment; the environment's are ignored."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import (
    URI,
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    ProxyAgent,
    _HTTP11ClientFactory,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IPolicyForHTTPS, IResponse
from zope.interface import implementer

from provisiond.packages.problems import DownloadProblem

ProxyMapping = Mapping[str, str | None]
CONNECT_SECONDS = 15.0
_LARGEST_HEAD = 16384


@frozen
class Proxy:
    """A proxy server.

    :param secure: whether the way to the proxy itself is encrypted.
    :param authorization: value of ``Proxy-Authorization``, if it wants one.
    """

    host: str
    port: int
    secure: bool = False
    authorization: bytes | None = None


def proxy_for(scheme: str, proxies: ProxyMapping) -> Proxy | None:
    """Return the proxy for a scheme: a URL for ``http`` and ``ftp``, ``host:port`` (or a URL) for ``https``.

    :raises DownloadProblem: when the mapping's value cannot be understood.
    """
    value = proxies.get(scheme)
    if not value:
        return None
    parts = urlsplit(value if "://" in value else f"//{value}")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if not parts.hostname or port == 0:
        raise DownloadProblem(f"the {scheme} proxy is not set to a host and port")
    secure = parts.scheme == "https"
    default = 443 if secure or scheme == "https" else 80
    return Proxy(parts.hostname, port or default, secure, _authorization(parts.username, parts.password))


def _authorization(user: str | None, password: str | None) -> bytes | None:
    if user is None:
        return None
    return b"Basic " + b64encode(f"{unquote(user)}:{unquote(password or '')}".encode())


class _Connecting(Protocol):
    """Asks a proxy for a tunnel, then gives the connection to the protocol that wanted it."""

    def __init__(self, target: bytes, authorization: bytes | None, factory: IProtocolFactory) -> None:
        self._target = target
        self._authorization = authorization
        self._factory = factory
        self._head = b""
        self.ready: Deferred[IProtocol] = Deferred()

    def connectionMade(self) -> None:  # noqa: N802
        head = b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n" % (self._target, self._target)
        if self._authorization:
            head += b"Proxy-Authorization: %s\r\n" % self._authorization
        cast(Any, self.transport).write(head + b"\r\n")

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self._head += data
        head, separator, rest = self._head.partition(b"\r\n\r\n")
        if not separator:
            if len(self._head) > _LARGEST_HEAD:
                self._refuse("the proxy's answer is not HTTP")
            return
        words = head.split(b"\r\n")[0].split(b" ")
        if len(words) < 2 or not words[0].startswith(b"HTTP/") or words[1] != b"200":
            status = words[1][:3].decode("ascii", "replace") if len(words) > 1 else "an unknown status"
            self._refuse(f"the proxy refuses the connection with {status}")
            return
        self._hand_over(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        if not self.ready.called:
            self.ready.errback(reason)

    def _hand_over(self, rest: bytes) -> None:
        transport = cast(Any, self.transport)
        protocol = cast(Any, self._factory.buildProtocol(transport.getPeer()))
        transport.protocol = protocol
        protocol.makeConnection(transport)
        if rest:
            protocol.dataReceived(rest)
        self.ready.callback(protocol)

    def _refuse(self, sentence: str) -> None:
        ready, self.ready = self.ready, Deferred()
        self.ready.addErrback(lambda _: None)
        cast(Any, self.transport).abortConnection()
        ready.errback(Failure(DownloadProblem(sentence)))


class _ConnectingFactory(Factory):
    noisy = False

    def __init__(self, make: Callable[[], _Connecting]) -> None:
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> _Connecting:  # noqa: N802
        return self._make()


@implementer(IStreamClientEndpoint)
class _TunnelEndpoint:
    def __init__(self, endpoint: IStreamClientEndpoint, target: bytes, authorization: bytes | None) -> None:
        self._endpoint = endpoint
        self._target = target
        self._authorization = authorization

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:  # noqa: N803
        factory = _ConnectingFactory(lambda: _Connecting(self._target, self._authorization, protocolFactory))
        connected = self._endpoint.connect(factory)
        return connected.addCallback(lambda protocol: cast(_Connecting, protocol).ready)


@implementer(IAgentEndpointFactory)
class _EndpointFactory:
    def __init__(self, reactor: Any, proxies: Callable[[], ProxyMapping], policy: IPolicyForHTTPS) -> None:
        self._reactor = reactor
        self._proxies = proxies
        self._policy = policy

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:  # noqa: N802
        if uri.scheme != b"https":
            return self.to_host(uri.host.decode("ascii"), uri.port)
        proxy = proxy_for("https", self._proxies())
        if proxy is None:
            endpoint = self.to_host(uri.host.decode("ascii"), uri.port)
        else:
            host = b"[%s]" % uri.host if b":" in uri.host else uri.host
            endpoint = _TunnelEndpoint(self.to_proxy(proxy), b"%s:%d" % (host, uri.port), proxy.authorization)
        creator = self._policy.creatorForNetloc(uri.host, uri.port)
        return wrapClientTLS(creator, endpoint)

    def to_proxy(self, proxy: Proxy) -> IStreamClientEndpoint:
        endpoint = self.to_host(proxy.host, proxy.port)
        if not proxy.secure:
            return endpoint
        return wrapClientTLS(self._policy.creatorForNetloc(proxy.host.encode(), proxy.port), endpoint)

    def to_host(self, host: str, port: int) -> IStreamClientEndpoint:
        return cast(IStreamClientEndpoint, HostnameEndpoint(self._reactor, host, port, timeout=CONNECT_SECONDS))


class _QuietFactory(_HTTP11ClientFactory):
    noisy = False


class ProxiedAgent:
    """Asks for http, https and (through a proxy only) ftp URLs.

    :param proxies: asked at each request for scheme -> proxy.
    :param policy: which certificates are trusted; by default those that the host trusts.
    """

    def __init__(
        self, reactor: Any, proxies: Callable[[], ProxyMapping], policy: IPolicyForHTTPS | None = None
    ) -> None:
        self._reactor = reactor
        self._proxies = proxies
        self._endpoints = _EndpointFactory(reactor, proxies, policy or BrowserLikePolicyForHTTPS())
        self._pool = HTTPConnectionPool(reactor, persistent=False)
        # two lines in the log for each connection help nobody
        self._pool._factory = _QuietFactory

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: None = None,  # noqa: N803
    ) -> Deferred[IResponse]:
        """Return the response to a request without body; redirections are not followed.

        :raises DownloadProblem: when a proxy is set wrongly, or for ftp without a proxy.
        """
        scheme = uri.partition(b":")[0].decode("ascii").lower()
        headers = headers.copy() if headers is not None else Headers()
        if scheme == "https":
            agent = Agent.usingEndpointFactory(self._reactor, self._endpoints, self._pool)
            return cast("Deferred[IResponse]", agent.request(method, uri, headers))
        proxy = proxy_for(scheme, self._proxies())
        if proxy is None:
            if scheme != "http":
                raise DownloadProblem(f"{scheme} URLs are asked for over HTTP only through a proxy")
            agent = Agent.usingEndpointFactory(self._reactor, self._endpoints, self._pool)
            return cast("Deferred[IResponse]", agent.request(method, uri, headers))
        if proxy.authorization:
            headers.setRawHeaders(b"proxy-authorization", [proxy.authorization])
        proxied = ProxyAgent(self._endpoints.to_proxy(proxy), self._reactor, self._pool)
        return cast("Deferred[IResponse]", proxied.request(method, uri, headers))
