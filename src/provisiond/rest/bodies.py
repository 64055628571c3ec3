"""Reading request bodies: strict JSON, bounded depth, checked against a model."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from provisiond.errors import InvalidInput
from provisiond.model.json_text import parsed_json_object

Model = TypeVar("Model", bound="Body")


class Body(BaseModel):
    """A request body; members that a resource does not use are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")


class AnyBody(Body):
    """Any object."""


class IdBody(Body):
    """Names one object."""

    id: str


class VersionBody(IdBody):
    """Names a plugin, and ours: which version of it, and from which repository only."""

    version: str | None = None
    repository: str | None = None


class RowsBody(Body):
    """Rows of a media type that the route takes, as they were sent."""

    content: bytes
    media_type: str


class UploadBody(Body):
    """A file as it was sent, of any media type.

    :param content: open for reading, in binary mode.
    """

    content: Any


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


LogLevel = Literal["debug", "info", "warn", "error"]


class LogLevelsBody(Body):
    """Which log lines are written."""

    level: LogLevel
    levels: dict[Annotated[str, Field(pattern=r"^[a-z_]+(\.[a-z_]+)*$", max_length=100)], LogLevel] = Field(
        {}, max_length=100, description="Of single subsystems, such as tftp, with all below."
    )


class DhcpInfoBody(Body):
    """What a DHCP server reports of a lease."""

    dhcp_info: dict[str, Any]


def parsed_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object in ``content``; see :func:`provisiond.model.json_text.parsed_json_object`."""
    return parsed_json_object(content)


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
