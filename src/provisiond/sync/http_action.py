"""A request to the phone's own web server that makes it fetch: Snom, Yealink, Gigaset, Polycom know such."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final, cast

import treq.client
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectionRefusedError, TimeoutError, UserError
from twisted.web.client import Agent, HTTPConnectionPool, ResponseFailed

from provisiond.errors import InvalidInput, Unavailable
from provisiond.sdk import HttpAction
from provisiond.sip.digest import Credentials, authorization, best_challenge
from provisiond.sip.fields import bracketed
from provisiond.sync.notify_request import random_text

SECONDS: Final = 10
MAX_ANSWER: Final = 65_536
METHODS: Final = ("GET", "POST")


class HttpActions:
    """Sends requests to phones, never to any other address, never through a proxy, following no redirection.

    :param reactor: TCP and time.
    :param port: of the phones' web servers.
    :param client: something like treq, for tests.
    """

    def __init__(self, reactor: Any, *, port: int = 80, seconds: float = SECONDS, client: Any = None) -> None:
        pool = HTTPConnectionPool(reactor, persistent=False)
        agent = Agent(reactor, connectTimeout=seconds, pool=pool)
        self._client = client or treq.client.HTTPClient(cast(Any, agent))
        self._port = port
        self._seconds = seconds

    async def perform(self, address: str, action: HttpAction) -> str:
        """Send the request, with credentials where the phone asks for them, and tell what it answered.

        :param address: the device's own IP address.
        :raises InvalidInput: when the action is none that can be sent.
        :raises Unavailable: with the reason when the phone does not do it.
        """
        url = _url(address, self._port, action)
        status, challenges = await self._request(action.method, url, {})
        if status == 401 and action.username is not None:
            who = Credentials(action.username, action.password or "")
            value = _answer(challenges, who, action)
            if value is None:
                raise Unavailable("the phone wants a kind of authentication that this server does not know")
            status, _ = await self._request(action.method, url, {"Authorization": value})
        if status in (401, 403):
            raise Unavailable(f"the phone answered {status}: it has other credentials than its configuration says")
        if status >= 300:
            raise Unavailable(f"the phone answered {status} to the request that makes it fetch")
        return f"the phone answered {status}"

    async def _request(self, method: str, url: str, headers: Any) -> tuple[int, list[str]]:
        try:
            response = await self._client.request(
                method, url, headers=headers, allow_redirects=False, timeout=self._seconds, unbuffered=True
            )
        except (CancelledError, TimeoutError):
            raise Unavailable("the phone's web server did not answer") from None
        except (ConnectError, ConnectionRefusedError, UserError):
            raise Unavailable("the phone's web server cannot be reached") from None
        except ResponseFailed:
            raise Unavailable("the phone's web server closed the connection without an answer") from None
        challenges = response.headers.getRawHeaders("www-authenticate", [])
        # What a phone writes is of no use, and may be without end.
        transport = getattr(response.original, "_transport", None)
        if transport is not None:
            transport.loseConnection()
        return response.code, [str(each) for each in challenges]


def _url(address: str, port: int, action: HttpAction) -> str:
    path = action.path
    wrong = not path.startswith("/") or path.startswith("//") or not path.isascii() or not path.isprintable()
    if wrong or " " in path or "#" in path:
        raise InvalidInput("the plugin's HTTP action has no valid path")
    if action.method not in METHODS:
        raise InvalidInput(f"the plugin's HTTP action wants a method other than {' and '.join(METHODS)}")
    return f"http://{bracketed(address)}:{port}{path}"


def _answer(challenges: list[str], who: Credentials, action: HttpAction) -> str | None:
    challenge = best_challenge(challenges)
    if challenge is not None:
        return authorization(challenge, who, method=action.method, uri=action.path, client_nonce=random_text())
    if any(each.strip().lower().startswith("basic") for each in challenges):
        return "Basic " + b64encode(f"{who.username}:{who.password}".encode()).decode("ascii")
    return None
