"""The root of the API's port: OPTIONS anywhere, a final slash, and paths as the router wants them."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from provisiond.rest.answers import Answer
from provisiond.rest.routing import Router
from provisiond.rest.sending import send

METHODS: Final = "GET, HEAD, POST, PUT, DELETE, OPTIONS"


@implementer(IResource)
class Front(Resource):
    """Answers OPTIONS anywhere, accepts a final slash, and hands the rest to the router.

    The segments reach the router percent-encoded, so that a slash inside an id stays inside it; the router decodes what
    it hands on.
    """

    isLeaf = True  # noqa: N815

    def __init__(self, router: Router) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._inner = router.app.resource()

    def render(self, request: Any) -> Any:
        """Answer a request."""
        if request.method == b"OPTIONS":
            Deferred.fromCoroutine(send(request, Answer(status=200, headers={"Allow": METHODS})))
            return NOT_DONE_YET
        segments = [quote(segment, safe="").encode("ascii") for segment in request.postpath]
        if len(segments) > 1 and segments[-1] == b"":
            segments.pop()
        request.postpath = segments
        return self._inner.render(request)
