"""One decorator for every resource: authentication, body, coroutine, errors."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar, cast
from urllib.parse import unquote, unquote_to_bytes

from attrs import evolve, field, frozen
from klein import Klein
from pydantic import BaseModel
from twisted.internet.defer import Deferred
from twisted.logger import Logger, LogLevel
from twisted.web.iweb import IRequest
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from provisiond.errors import NotFound, Unauthorized
from provisiond.metrics import Metrics
from provisiond.provisioning.holders import Holder
from provisiond.provisioning.tenants import Scope
from provisiond.rest.answers import MEDIA_TYPE, Answer
from provisiond.rest.bodies import AnyBody, Body, RowsBody, UploadBody, parsed_body
from provisiond.rest.gate import TokenGate
from provisiond.rest.media import check_accept, check_content_type
from provisiond.rest.problems import HttpProblem, answer_for
from provisiond.rest.sending import send

log = Logger()

INNER_PREFIX = "/0.2"
MAX_QUERY = 64 * 1024
MAX_ARGUMENT = 1024
PASSED_HEADERS = ("accept", "last-event-id")


@frozen(kw_only=True)
class Call:
    """One request, checked and parsed.

    :param prefix: what hrefs and Locations of the answer begin with.
    :param query: first value of each query argument.
    :param headers: the request's headers of ``PASSED_HEADERS``, names in lower case.
    :param body: the parsed body, an instance of the route's model.
    """

    prefix: str
    method: str
    path: str
    arguments: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(factory=dict)
    body: Body
    principal: Holder
    scope: Scope

    def body_as(self, model: type[B]) -> B:
        """Return the body, typed."""
        assert isinstance(self.body, model)
        return self.body


B = TypeVar("B", bound=Body)
Endpoint = Callable[..., Awaitable[Answer]]
Refusal = Callable[[BaseException, str], Answer]


@frozen(kw_only=True)
class Route:
    """A documented route.

    :param acl: ACL name; ``{name}`` stands for a path argument, ``{name_lower}`` for the same in lower case,
        ``{tenant_uuid}`` for the request's tenant.
    :param body: model of the body, for POST and PUT.
    :param takes: media types of bodies that are handed over as they are (``RowsBody``); none for JSON of our own type.
    :param statuses: statuses besides the ones any resource can give, with their meaning.
    :param query: names of the query arguments that it knows; ``rest.openapi_parameters`` describes them.
    :param media_type: of the answer; one that is not our own is not held against ``Accept``.
    :param prefixed: False for an address outside the prefixes.
    :param acl_choices: other ACL names that grant the same.
    :param response: what the successful answer's document looks like, for the description of the API.
    :param answers: media types of the successful answer, where it has others than ``media_type``.
    :param also: other methods that do the same.
    :param head: False for a GET that changes something, which no HEAD may do.
    :param quiet: True when its requests are too many and too dull for the log.
    :param upload: True when the body is handed over as it comes, whatever its media type.
    """

    method: str
    path: str
    acl: str | None
    summary: str
    body: type[Body] | None = None
    takes: Sequence[str] = ()
    statuses: Mapping[int, str] = field(factory=dict)
    query: Sequence[str] = ()
    media_type: str | None = MEDIA_TYPE
    prefixed: bool = True
    acl_choices: Sequence[str] = ()
    response: type[BaseModel] | None = None
    answers: Sequence[str] = ()
    also: Sequence[str] = ()
    head: bool = True
    upload: bool = False
    quiet: bool = False


E = TypeVar("E", bound=Endpoint)


def route(method: str, path: str, acl: str | None, summary: str, **members: Any) -> Callable[[E], E]:
    """Mark a coroutine method as the handler of a route; see :class:`Route` for the arguments."""

    def mark(endpoint: E) -> E:
        marked = cast(Any, endpoint)
        marked.routes = (
            *getattr(marked, "routes", ()),
            Route(method=method, path=path, acl=acl, summary=summary, **members),
        )
        return endpoint

    return mark


def routes_of(resource: object) -> list[tuple[Route, Endpoint]]:
    """Return the routes of a resource object with their handlers, in the order they are written."""
    found: list[tuple[Route, Endpoint]] = []
    for name in vars(type(resource)):
        endpoint = getattr(resource, name)
        found.extend((each, endpoint) for each in getattr(endpoint, "routes", ()))
    return found


def acl_word(text: str) -> str:
    """Return an id as it stands in an ACL name: dots become underscores."""
    return text.replace(".", "_")


def check_master(call: Call) -> None:
    """Refuse tokens of other tenants than the master one, for what concerns everybody.

    :raises Unauthorized: for such a token.
    """
    if call.principal.tenant_uuid != call.scope.master:
        raise Unauthorized("Unauthorized")


class Router:
    """Puts routes of resource objects into one Klein application."""

    def __init__(self, gate: TokenGate, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self.app = Klein()
        self.app.url_map.merge_slashes = False
        self.routes: list[Route] = []
        # of interfaces with a form of their own, that the description of this one does not tell of
        self.others: list[Route] = []
        self._forms: dict[str, Refusal] = {}
        self._gate = gate
        self._metrics = metrics
        self._clock = clock
        self.app.handle_errors(HTTPException)(self._not_routed)

    def add(self, resource: object) -> None:
        """Add every route of ``resource``; its ``refusal``, if it has one, is the form of its errors."""
        for each, endpoint in routes_of(resource):
            self.put(each, endpoint, getattr(resource, "refusal", answer_for))

    def put(self, each: Route, endpoint: Endpoint, refusal: Refusal = answer_for) -> None:
        """Add one route; the front brings requests of every prefix under the inner one.

        :param refusal: makes an answer of what was raised and the ``Accept`` header.
        """
        if refusal is answer_for:
            self.routes.append(each)
        else:
            self.others.append(each)
            self._forms[each.path.partition("<")[0].rstrip("/")] = refusal
        methods = [each.method, *each.also, *(["HEAD"] if each.method == "GET" else [])]
        path = INNER_PREFIX + each.path if each.prefixed else each.path
        name = f"{each.method} {path}"

        def klein_handler(request: Request, **arguments: str) -> Deferred[None]:
            return _uncancelled(self._serve(request, each, endpoint, arguments, refusal))

        klein_handler.__name__ = name
        self.app.route(path, methods=methods, endpoint=name)(klein_handler)

    def methods_at(self, path: str) -> list[str]:
        """Return the methods offered at a path as the front hands it on, in order; none when there is no such path."""
        return sorted(self.app.url_map.bind("localhost").allowed_methods(path))

    async def _serve(
        self, request: Request, each: Route, endpoint: Endpoint, arguments: Mapping[str, str], refusal: Refusal
    ) -> None:
        started = self._clock()
        accept = header(request, "accept")
        try:
            answer = await endpoint(await self._call(request, each, arguments))
            if answer.chunks is None:
                answer = evolve(answer, content=answer.body(), document=None)
        except Exception as error:
            answer = refusal(error, accept or "")
        await self._finish(request, answer, started, LogLevel.debug if each.quiet else LogLevel.info)

    async def _call(self, request: Request, each: Route, encoded: Mapping[str, str]) -> Call:
        arguments = {name: unquote(value) for name, value in encoded.items()}
        principal, scope = await self._admit(request, each, arguments)
        method = request.method.decode("ascii", "replace")
        if method == "HEAD" and not each.head:
            # Werkzeug takes HEAD wherever it takes GET.
            raise HttpProblem(405, "this method is not offered here", {"Allow": ", ".join((each.method, *each.also))})
        if each.method == "GET" and each.media_type == MEDIA_TYPE:
            check_accept(header(request, "accept"))
        body: Body = AnyBody()
        if each.upload:
            check_size(request)
            body = UploadBody(content=request.content)
        elif each.takes:
            kind = check_content_type(header(request, "content-type"), *each.takes)
            body = RowsBody(content=read_body(request), media_type=kind)
        elif each.body is not None:
            check_content_type(header(request, "content-type"))
            body = parsed_body(read_body(request), each.body)
        query = query_of(request)
        for name, text in encoded.items():
            check_argument(name, text)
        return Call(
            prefix=str(getattr(request, "shown_prefix", "")) if each.prefixed else "",
            method=method,
            path=request.path.decode("ascii", "replace"),
            arguments=arguments,
            query=query,
            headers={name: value for name in PASSED_HEADERS if (value := header(request, name)) is not None},
            body=body,
            principal=principal,
            scope=scope,
        )

    async def _admit(self, request: Request, each: Route, arguments: Mapping[str, str]) -> tuple[Holder, Scope]:
        if each.acl is None:
            return cast(Holder, None), cast(Scope, None)
        words = {name: acl_word(value) for name, value in arguments.items()}
        words.update({f"{name}_lower": word.lower() for name, word in words.items()})
        names = [name.format_map(_Words(words)) for name in (each.acl, *each.acl_choices)]
        return await self._gate.admit(token_of(request), source_of(request), names, header(request, "wazo-tenant"))

    def _not_routed(self, request: IRequest, failure: Any) -> Deferred[None]:
        return _uncancelled(self._refuse(cast(Request, request), failure.value))

    async def _refuse(self, request: Request, error: HTTPException) -> None:
        started = self._clock()
        accept = header(request, "accept") or ""
        try:
            await self._gate.enter(token_of(request), source_of(request), None)
            raise _unroutable(error)
        except Exception as problem:
            path = b"/".join([b"", *(request.postpath or ())]).decode("ascii", "replace")
            answer = self._form_at(path)(problem, accept)
        await self._finish(request, answer, started)

    def _form_at(self, path: str) -> Refusal:
        """Return what makes an answer of a problem at a path, that perhaps no route is for."""
        path = path.rstrip("/")
        fitting = [start for start in self._forms if path == start or (start and path.startswith(f"{start}/"))]
        return self._forms[max(fitting, key=len)] if fitting else answer_for

    async def _finish(self, request: Request, answer: Answer, started: float, level: Any = LogLevel.info) -> None:
        method = request.method.decode("ascii", "replace")
        self._metrics.rest_requests.labels(method if method in _METHODS else "other", str(answer.status)).inc()
        await send(request, answer)
        log.emit(
            level,
            "{method} {path} from {peer}: {status} in {duration_ms} ms",
            method=method,
            path=request.path.decode("latin-1"),
            peer=source_of(request),
            status=answer.status,
            duration_ms=round((self._clock() - started) * 1000, 1),
        )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})


def _uncancelled(work: Coroutine[Any, Any, None]) -> Deferred[None]:
    """Return the end of work that goes on when its client goes away, which is when Klein cancels what it was given."""
    shown: Deferred[None] = Deferred()
    Deferred.fromCoroutine(work).chainDeferred(shown)
    return shown


class _Words(dict[str, str]):
    """Leaves ``{tenant_uuid}`` for later."""

    def __missing__(self, name: str) -> str:
        return "{" + name + "}"


def _unroutable(error: HTTPException) -> HttpProblem:
    if isinstance(error, MethodNotAllowed):
        allowed = sorted({*(error.valid_methods or ()), "OPTIONS"})
        return HttpProblem(405, "this method is not offered here", {"Allow": ", ".join(allowed)})
    return HttpProblem(404, "No such resource")


def header(request: Request, name: str) -> str | None:
    """Return a request header as text, or None; of several lines the last, but all of ``accept``."""
    # Asked for by bytes: twisted.web takes texts for UTF-8, which they need not be.
    lines = [line.decode("utf-8", "replace") for line in request.requestHeaders.getRawHeaders(name.encode("ascii"), [])]
    if not lines:
        return None
    return ", ".join(lines) if name == "accept" else lines[-1]


def token_of(request: Request) -> str | None:
    """Return the token of ``X-Auth-Token`` or ``Authorization: Bearer``; never taken from anywhere else."""
    token = header(request, "x-auth-token")
    if token is not None:
        return token
    scheme, _, value = (header(request, "authorization") or "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None


def source_of(request: Request) -> str:
    """Return the address of the peer."""
    return str(getattr(request.getClientAddress(), "host", "") or "local")


def check_size(request: Request) -> None:
    """Refuse with 413 a body that the site did not keep."""
    if getattr(request, "body_too_large", False):
        raise HttpProblem(413, "the body is larger than this server takes")


def read_body(request: Request) -> bytes:
    """Return the body, or refuse with 413 what the site did not keep."""
    check_size(request)
    content = request.content
    if content is not None and content.closed:
        raise HttpProblem(400, "the client went away before its request was read")
    return b"" if content is None else cast(bytes, content.read())


def check_argument(name: str, encoded: str) -> None:
    """Refuse an argument of the path that can name nothing, before anything looks for it.

    :param encoded: the argument, percent-encoded.
    :raises NotFound: for control characters, what is not UTF-8, doubled or outer slashes, and endless names.
    """
    value = unquote_to_bytes(encoded)
    parts = encoded.split("/")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise NotFound(f"the {name} is not UTF-8") from None
    if (
        len(value) > MAX_ARGUMENT
        or "" in parts
        or any(ord(character) < 32 or character == "\x7f" for character in text)
    ):
        raise NotFound("")


def query_of(request: Request) -> dict[str, str]:
    """Return the first value of each query argument; refuses with 400 NUL, what is not UTF-8, and what is too long."""
    _, _, text = request.uri.partition(b"?")
    if len(text) > MAX_QUERY:
        raise HttpProblem(400, f"the query is longer than {MAX_QUERY} bytes")
    arguments: dict[str, str] = {}
    for pair in text.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name:
            arguments.setdefault(_decoded(name), _decoded(value))
    return arguments


def _decoded(text: bytes) -> str:
    try:
        decoded = unquote_to_bytes(text.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise HttpProblem(400, "the query is not UTF-8") from None
    if "\0" in decoded:
        raise HttpProblem(400, "the query holds a NUL character")
    return decoded
