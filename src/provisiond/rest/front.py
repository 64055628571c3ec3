"""The root of the API's port: OPTIONS anywhere, a final slash, and paths as the router wants them."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from provisiond.rest.answers import Answer
from provisiond.rest.routing import INNER_PREFIX, Router
from provisiond.rest.sending import send

_WEIGHT: Final = re.compile(r"[01](?:\.[0-9]{0,3})?")
METHODS: Final = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
# What each prefix is in hrefs and Locations.
PREFIXES: Final = {("provd",): "/provd", ("0.2",): "/0.2", ("api", "provd", "0.2"): "/0.2"}

PAGE: Final = "/api/browser.html"
PUBLISHED: Final = ("api", "provd")
BESIDE: Final = ("package", "host")


@implementer(IResource)
class Front(Resource):
    """Answers OPTIONS anywhere, accepts a final slash, and hands the rest to the router under one prefix.

    The segments reach the router percent-encoded, so that a slash inside an id stays inside it; the router decodes what
    it hands on.
    """

    isLeaf = True  # noqa: N815
    has_page = True

    def __init__(self, router: Router) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._router = router
        self._inner = router.app.resource()

    def within(self, segments: list[str]) -> tuple[str, list[str]]:
        """Return the prefix that the answer shows, and the path as the router knows it."""
        return _within(segments)

    def render(self, request: Any) -> Any:
        """Answer a request."""
        segments = [quote(segment, safe="") for segment in request.postpath]
        if len(segments) > 1 and segments[-1] == "":
            segments.pop()
        request.shown_prefix, inner = self.within(segments)
        if request.method == b"OPTIONS":
            allowed = self._router.methods_at("/" + "/".join(inner))
            answer = Answer(status=200, headers={"Allow": ", ".join([*allowed, "OPTIONS"]) if allowed else METHODS})
            Deferred.fromCoroutine(send(request, answer))
            return NOT_DONE_YET
        at_root = self.has_page and segments in ([], [""])
        if at_root and request.method in (b"GET", b"HEAD") and prefers_page(_accepted(request)):
            Deferred.fromCoroutine(send(request, Answer(status=303, location=PAGE)))
            return NOT_DONE_YET
        if request.method != request.method.upper():
            # Methods are case-sensitive (RFC 9110, section 9.1), the router is not.
            request.method = b"unknown-" + request.method
        request.postpath = [segment.encode("ascii") for segment in inner]
        return self._inner.render(request)


class ExtensionFront(Front):
    """A front for the interface of extensions alone, under the prefix that its clients know."""

    has_page = False

    def within(self, segments: list[str]) -> tuple[str, list[str]]:
        """Return no prefix, and the path as the router knows it."""
        return "", ["api", "plugind", *segments] if segments[:1] == ["0.2"] else segments


def _accepted(request: Any) -> str:
    lines: list[bytes] = request.requestHeaders.getRawHeaders(b"accept", [])
    return b",".join(lines).decode("latin-1")


def prefers_page(accept: str) -> bool:
    """Tell whether an Accept prefers a page to JSON, as browsers do (RFC 9110, section 12.5.1)."""
    weights: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        given = [piece.partition("=")[2] for piece in parameters if piece.startswith("q=")]
        weights[kind] = float(given[0]) if given and _WEIGHT.fullmatch(given[0]) else 1.0
    anything = weights.get("*/*", 0.0)
    page = weights.get("text/html", weights.get("text/*", anything))
    return page > weights.get("application/json", weights.get("application/*", anything))


def _within(segments: list[str]) -> tuple[str, list[str]]:
    """Return the prefix that the answer shows, and the path as the router knows it."""
    for prefix, shown in PREFIXES.items():
        if tuple(segments[: len(prefix)]) == prefix:
            return shown, [INNER_PREFIX.strip("/"), *segments[len(prefix) :]]
    if tuple(segments[:2]) == PUBLISHED and segments[2:3] and segments[2] in BESIDE:
        return "", segments[2:]
    return "", segments
