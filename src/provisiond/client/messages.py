"""Requests and answers as values: what both transports carry."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from attrs import field, frozen

from provisiond.client.errors import (
    ClientError,
    NotFound,
    Protected,
    Refused,
    RowsRefused,
    ServerFailed,
    Unauthorized,
    Unavailable,
    Unreadable,
    WrongRequest,
)
from provisiond.client.values import WrongRow

MEDIA_TYPE: Final = "application/vnd.proformatique.provd+json"
PROBLEM_TYPE: Final = "application/problem+json"
# Interfaces of other programs, at addresses of their own beside the API.
BESIDE: Final = ("/package", "/host", "/api/plugind/")
PREFIXES: Final = ("/api/provd/0.2", "/0.2", "/provd")
SHOWN: Final = 300
FAULT: Final = "Error : "
FOR_PHONES: Final = b"file not found"


@frozen(kw_only=True)
class Request:
    """A request.

    :param path: below the API's prefix, percent-encoded, beginning with a slash; empty for the entry. What begins with
        one of ``BESIDE`` is beside the API.
    :param document: JSON body, or None for none.
    :param content: body of another media type.
    :param patience: seconds of silence to bear at least, for what takes the server long.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    document: Any = None
    content: bytes | None = None
    content_type: str = MEDIA_TYPE
    accept: str = MEDIA_TYPE
    patience: float = 0.0

    @property
    def target(self) -> str:
        """The path with its query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def is_beside(self) -> bool:
        """True for what is not below the API's prefix."""
        return self.path.startswith(BESIDE)

    def body(self) -> bytes | None:
        """Return the bytes of the body, or None for none."""
        if self.content is not None or self.document is None:
            return self.content
        try:
            return json.dumps(self.document, separators=(",", ":"), allow_nan=False, default=_plain).encode("ascii")
        except (TypeError, ValueError) as error:
            raise WrongRequest(f"the body cannot be written as JSON: {error}") from None

    def headers(self, token: str | None, tenant: str | None, agent: str) -> dict[str, str]:
        """Return the headers, without those of the connection."""
        found = {"Accept": f"{self.accept}, {PROBLEM_TYPE}", "User-Agent": agent}
        if self.document is not None or self.content is not None:
            found["Content-Type"] = self.content_type
        if token is not None:
            found["X-Auth-Token"] = token
        if tenant is not None:
            found["Wazo-Tenant"] = tenant
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


@frozen(kw_only=True)
class Answer:
    """An answer; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(factory=dict)
    content: bytes = b""

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object in the body.

        :raises Unreadable: when there is none.
        """
        try:
            found = json.loads(self.content)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Unreadable("the answer is no JSON object", self.status)
        return found

    def member(self, name: str) -> Any:
        """Return a member of the document.

        :raises Unreadable: when it lacks it.
        """
        document = self.document
        if name not in document:
            raise Unreadable(f'the answer has no member "{name}"', self.status)
        return document[name]

    @property
    def place(self) -> str:
        """The path that ``Location`` names, below the API's prefix.

        :raises Unreadable: when there is none.
        """
        place = place_of(self.headers.get("location", ""))
        if place is None:
            raise Unreadable("the answer has no Location inside the API", self.status)
        return place


def place_of(url: str) -> str | None:
    """Return the path of an address of the server as requests name it; None for one outside the API."""
    path = urlsplit(url).path
    if path.startswith(BESIDE):
        return path
    return next((path.removeprefix(each) for each in PREFIXES if path.startswith(each + "/")), None)


@frozen
class Pause:
    """Wait before the next request, in seconds."""

    seconds: float


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Conversation = Generator[Request | Pause, Answer, T]


class Decoder(Protocol[T_co]):
    """Makes things out of the pieces of a long answer."""

    def feed(self, data: bytes) -> Iterable[T_co]:
        """Return what is complete after this piece."""
        ...

    def end(self) -> Iterable[T_co]:
        """Return what is left when the answer has ended."""
        ...


def path(*segments: str) -> str:
    """Return a path; each segment is percent-encoded.

    :raises WrongRequest: for a segment that cannot stand in a path: an empty one, ``.`` and ``..``.
    """
    for segment in segments:
        if segment in ("", ".", ".."):
            raise WrongRequest(f'"{segment}" cannot be the id of anything')
    return "".join(f"/{quote(segment, safe='', errors='surrogateescape')}" for segment in segments)


def flags(**values: object) -> tuple[tuple[str, str], ...]:
    """Return query arguments; None, False and empty texts are left out, True is ``true``."""
    return tuple(
        (name, "true" if value is True else str(value))
        for name, value in values.items()
        if value is not None and value is not False and value != ""
    )


def checked(answer: Answer) -> Answer:
    """Return an answer of success, or raise what the others mean.

    :raises ClientError: for any status that is not 2xx.
    """
    if 200 <= answer.status < 300:
        return answer
    raise error_of(answer)


def error_of(answer: Answer) -> ClientError:
    """Return the error that an answer tells."""
    problem = _problem(answer)
    sentence = str(problem.get("detail") or problem.get("message") or _described(problem) or _text(answer))
    if answer.status == 400 and isinstance(problem.get("rows"), list):
        rows = [_row(each) for each in problem["rows"] if isinstance(each, dict)]
        return RowsRefused(sentence, rows, int(problem.get("wrong") or len(rows)))
    kind = Refused if answer.status == 403 and "error_id" in problem else _kind(answer.status)
    if kind is NotFound and not problem and _is_of_another(answer):
        kind = Unreadable
    return kind(sentence, answer.status)


def _is_of_another(answer: Answer) -> bool:
    """Tell whether a 404 is the page of a web server, or what phones are told, and not the API's."""
    kind = answer.headers.get("content-type", "").lower()
    return kind.startswith("text/html") or answer.content.strip() == FOR_PHONES


_KINDS: Final[Mapping[int, type[ClientError]]] = {
    400: Refused,
    401: Unauthorized,
    403: Protected,
    404: NotFound,
    405: Refused,
    406: Refused,
    409: Refused,
    413: Refused,
    415: Refused,
    429: Unavailable,
    503: Unavailable,
}


def _kind(status: int) -> type[ClientError]:
    return _KINDS.get(status) or (ServerFailed if status >= 500 else Unreadable)


def _problem(answer: Answer) -> dict[str, Any]:
    if not answer.headers.get("content-type", "").lower().startswith((PROBLEM_TYPE, "application/json")):
        return {}
    try:
        return answer.document
    except Unreadable:
        return {}


def _text(answer: Answer) -> str:
    kind = answer.headers.get("content-type", "text/plain").lower()
    text = answer.content.decode("utf-8", "replace").strip() if kind.startswith("text/plain") else ""
    return text[:SHOWN] or f"the server answered {answer.status}"


def _described(problem: Mapping[str, Any]) -> str:
    """Return the sentence of the package API's envelope."""
    return str(problem.get("description") or "").removeprefix(FAULT)


def _row(row: Mapping[str, Any]) -> WrongRow:
    return WrongRow(row=int(row.get("row") or 0), id=row.get("id"), sentence=str(row.get("message") or ""))
