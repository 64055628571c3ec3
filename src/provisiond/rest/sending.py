"""Writing answers: headers that every answer has, and long bodies at the reader's pace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from twisted.web.server import Request

from provisiond.pacing import Pace
from provisiond.rest.answers import Answer

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
    pace = Pace()
    request.registerProducer(pace, True)
    try:
        async for chunk in chunks:
            await pace.ready()
            if pace.gone:
                return
            request.write(chunk)
    finally:
        await _close(chunks)
        if not pace.gone:
            request.unregisterProducer()
            request.finish()


async def _close(chunks: AsyncIterator[bytes]) -> None:
    close = getattr(chunks, "aclose", None)
    if close is not None:
        await close()
