"""Reading request bodies: strict JSON, bounded depth, checked against a model."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from provisiond.errors import InvalidInput

MAX_DEPTH = 64
Model = TypeVar("Model", bound="Body")


class Body(BaseModel):
    """A request body; members that a resource does not use are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")


class AnyBody(Body):
    """Any object."""


class IdBody(Body):
    """Names one object."""

    id: str


class DeviceBody(Body):
    """A device document."""

    device: dict[str, Any]


class ConfigBody(Body):
    """A config document."""

    config: dict[str, Any]


class ParamValue(Body):
    """The value of a parameter; null unsets it."""

    value: Any = ...


class ParamBody(Body):
    """A parameter."""

    param: ParamValue


class DhcpInfoBody(Body):
    """What a DHCP server reports of a lease."""

    dhcp_info: dict[str, Any]


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidInput(f"the body holds {name}, which is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidInput("the body holds a number that is too large")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidInput("the body gives a member twice")
    return members


def _check_tree(document: Any) -> None:
    level = [document]
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for value in level:
            if isinstance(value, str) and "\0" in value:
                raise InvalidInput("the body holds a NUL character")
            if isinstance(value, dict):
                deeper.extend(value)
                deeper.extend(value.values())
            elif isinstance(value, list):
                deeper.extend(value)
        if not deeper:
            return
        level = deeper
    raise InvalidInput(f"the body is nested deeper than {MAX_DEPTH} levels")


def parsed_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object in ``content``.

    :raises InvalidInput: for anything but one JSON object in UTF-8, for duplicate members, NaN and infinite numbers,
        NUL characters, lone surrogates, and nesting deeper than 64 levels.
    """
    try:
        document = json.loads(
            content.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_once,
        )
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidInput("the body holds half of a character") from None
    except UnicodeDecodeError:
        raise InvalidInput("the body is not UTF-8") from None
    except RecursionError:
        raise InvalidInput(f"the body is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidInput(f"the body is not JSON{where}") from None
    if not isinstance(document, dict):
        raise InvalidInput("the body must be one JSON object")
    _check_tree(document)
    return document


def parsed_body(content: bytes, model: type[Model]) -> Model:
    """Return the body as ``model``.

    :raises InvalidInput: with a sentence that names the first wrong member.
    """
    try:
        return model.model_validate(parsed_object(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        member = ".".join(str(part) for part in first["loc"])
        if first["type"] == "missing":
            raise InvalidInput(f"missing {member}") from None
        raise InvalidInput(f"{member}: {first['msg'].lower()}") from None
