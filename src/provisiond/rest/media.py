"""Which media types a request offers and takes."""

from __future__ import annotations

from provisiond.rest.answers import MEDIA_TYPE
from provisiond.rest.problems import HttpProblem

_ACCEPTABLE = {MEDIA_TYPE, "application/*", "*/*"}


def _weight_is_zero(parameters: list[str]) -> bool:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value) == 0
            except ValueError:
                return False
    return False


def accepts(accept: str, *wanted: str) -> bool:
    """Tell whether an Accept header lets us answer in one of these types; parameters are ignored, q=0 is a no."""
    for entry in accept.split(","):
        kind, *parameters = entry.split(";")
        if kind.strip().lower() in wanted and not _weight_is_zero(parameters):
            return True
    return False


def check_accept(accept: str | None) -> None:
    """Refuse with 406 a GET whose Accept header, if there is one, leaves out our media type."""
    if accept is not None and not accepts(accept, *_ACCEPTABLE):
        raise HttpProblem(406, f"this resource is {MEDIA_TYPE}; list it in Accept")


def check_content_type(content_type: str | None, *taken: str) -> str:
    """Return the media type of a body; refuse with 415 one that is not taken. Parameters are allowed.

    :param taken: media types in lower case; none for our own.
    """
    kind = (content_type or "").split(";")[0].strip().lower()
    if kind not in (taken or (MEDIA_TYPE,)):
        raise HttpProblem(415, f"send the body as Content-Type: {' or '.join(taken or (MEDIA_TYPE,))}")
    return kind
