"""Writing answers: headers that every answer has, and long bodies at the reader's pace."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final, cast

from twisted.logger import Logger
from twisted.web.server import Request

from provisiond.pacing import Pace
from provisiond.rest.answers import Answer

log = Logger()
STALL_SECONDS: Final = 60.0
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Credentials": "false",
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Origin, X-Requested-With, Accept, Content-Type, X-Auth-Token, Wazo-Tenant",
    "Access-Control-Expose-Headers": "Location",
}


def put_headers(request: Request, answer: Answer) -> None:
    """Set the status and headers of an answer."""
    request.setResponseCode(answer.status)
    request.responseHeaders.removeHeader("server")
    for name, value in {**CORS, **answer.headers}.items():
        request.setHeader(name, value)
    if answer.location is not None:
        request.setHeader("Location", answer.location)


def _is_gone(request: Any) -> bool:
    return bool(getattr(request, "_disconnected", False)) or getattr(request, "channel", None) is None


async def send(request: Request, answer: Answer) -> None:
    """Write ``answer`` and end the request; a client that went away is no error."""
    if _is_gone(request):
        return
    put_headers(request, answer)
    if answer.chunks is not None:
        request.setHeader("Content-Type", answer.content_type)
        await _stream(request, answer.chunks)
        return
    body = answer.body()
    if body:
        request.setHeader("Content-Type", answer.content_type)
    else:
        request.responseHeaders.removeHeader("content-type")
        request.defaultContentType = None
    if answer.status != 204:
        request.setHeader("Content-Length", str(len(body)))
    if body and request.method != b"HEAD":
        request.write(body)
    request.finish()


async def _stream(request: Request, chunks: AsyncIterator[bytes]) -> None:
    if request.method == b"HEAD":
        await _close(chunks)
        request.finish()
        return
    pace, whole = Pace(), False
    request.notifyFinish().addErrback(lambda _: pace.stopProducing())
    request.registerProducer(pace, True)
    try:
        async for chunk in chunks:
            await _room(request, pace)
            if pace.gone:
                return
            request.write(chunk)
        whole = True
    except Exception:
        log.failure("an answer could not be finished, its connection is cut")
        await _broken_off(request)
    finally:
        await _close(chunks)
        if whole and not pace.gone:
            request.unregisterProducer()
            request.finish()


async def _broken_off(request: Request) -> None:
    """Cut the connection, and return when it has gone: nobody must end in good order what is not whole."""
    gone = request.notifyFinish()
    _cut(request)
    with contextlib.suppress(Exception):
        await gone


async def _room(request: Request, pace: Pace) -> None:
    """Wait until the connection takes more; one that takes nothing for a minute is cut."""
    if not pace.paused:
        return
    timer = cast(Any, request.channel).site.reactor.callLater(STALL_SECONDS, _cut, request)
    await pace.ready()
    if timer.active():
        timer.cancel()


def _cut(request: Request) -> None:
    transport = getattr(request.channel, "transport", None)
    if transport is not None:
        transport.abortConnection()


async def _close(chunks: AsyncIterator[bytes]) -> None:
    close = getattr(chunks, "aclose", None)
    if close is not None:
        await close()
