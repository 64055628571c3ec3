"""Reading and checking ``plugin-info``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from provisiond import __version__
from provisiond.errors import InvalidInput, PluginProblem
from provisiond.model.package_metadata import parse_metadata
from provisiond.model.versions import version_key
from provisiond.plugins.values import PluginInfo
from provisiond.sdk import API_VERSION

MANIFEST_NAME = "plugin-info"
MAX_MANIFEST_SIZE = 1 << 20
_MAX_PROBLEMS_SHOWN = 12
_PLUGIN_ID = re.compile(r"[A-Za-z0-9_+.~-]{1,128}")
_DESCRIPTION = re.compile(r"description_[a-z]{2,3}(_[A-Z]{2,3})?")


def _capability_key(key: str) -> str:
    parts = key.split(", ")
    if len(parts) != 3 or not all(part.strip() for part in parts):
        raise ValueError(f"the key {key[:80]!r} is not of the form 'Vendor, Model, Version'")
    return key


class _Manifest(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    version: str = Field(min_length=1, max_length=64)
    description: str
    capabilities: dict[Annotated[str, AfterValidator(_capability_key)], dict[str, Any]]
    api: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _descriptions_are_texts(self) -> _Manifest:
        for key, value in (self.__pydantic_extra__ or {}).items():
            if key.startswith("description_") and not (_DESCRIPTION.fullmatch(key) and isinstance(value, str)):
                raise ValueError(f"{key[:60]} must be a text, its name description_ and a locale such as fr or fr_CA")
        return self


def check_plugin_id(plugin_id: str) -> str:
    """Return ``plugin_id`` if a plugin may have this name.

    :param plugin_id: name of the plugin's directory.
    :raises PluginProblem: when it is empty, longer than 128 characters, hidden, or holds other characters than letters,
        digits and ``_+.~-``.
    """
    if not _PLUGIN_ID.fullmatch(plugin_id) or plugin_id.startswith("."):
        raise PluginProblem(f"{plugin_id[:60]!r} cannot be the id of a plugin: letters, digits and _+.~- are allowed")
    return plugin_id


def read_manifest(directory: Path) -> PluginInfo:
    """Return what ``plugin-info`` in this directory says.

    :param directory: a plugin's directory, as built or installed.
    :raises PluginProblem: naming every wrong member.
    """
    path = directory / MANIFEST_NAME
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_MANIFEST_SIZE + 1)
    except OSError as error:
        raise PluginProblem(f"plugin-info cannot be read: {error.strerror}") from None
    if len(data) > MAX_MANIFEST_SIZE:
        raise PluginProblem("plugin-info is larger than 1 MiB")
    return parse_manifest(data)


def parse_manifest(data: bytes) -> PluginInfo:
    """Return what the content of a ``plugin-info`` file says.

    :raises PluginProblem: naming every wrong member.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise PluginProblem(f"plugin-info is not valid JSON{where}") from None
    if not isinstance(document, dict):
        raise PluginProblem("plugin-info must be a JSON object")
    try:
        checked = _Manifest.model_validate(document)
    except ValidationError as error:
        raise PluginProblem(f"plugin-info: {_sentences(error)}") from None
    try:
        metadata = parse_metadata(document)
    except InvalidInput as problem:
        raise PluginProblem(f"plugin-info: {problem.sentence}") from None
    return PluginInfo(
        version=checked.version,
        description=checked.description,
        capabilities=checked.capabilities,
        api=checked.api,
        metadata=metadata,
        document=document,
    )


def check_api(info: PluginInfo, *, legacy: bool = False) -> None:
    """Refuse a plugin that this server cannot host.

    :param legacy: True where plugins of the older interface can be run, too.
    :raises PluginProblem: for one written for a newer SDK or a newer server, and for what cannot be run here.
    """
    minimum = info.metadata.min_server_version
    if minimum and version_key(__version__) < version_key(minimum):
        raise PluginProblem(
            f"the plugin needs version {minimum} or later of the server, this is {__version__}: "
            "upgrade the server or install an older plugin"
        )
    if info.api is None and legacy:
        return
    if info.api is None:
        raise PluginProblem('plugin-info has no "api": only a running server can host plugins of the older interface')
    if info.api > API_VERSION:
        raise PluginProblem(
            f"the plugin needs version {info.api} of the plugin interface, this server has version {API_VERSION}: "
            "upgrade the server or install an older plugin"
        )


def _sentences(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False)
    shown = [_sentence(problem["loc"], problem["msg"]) for problem in problems[:_MAX_PROBLEMS_SHOWN]]
    hidden = len(problems) - len(shown)
    return "; ".join(shown) + (f"; and {hidden} more" if hidden else "")


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    where = ".".join(str(part)[:80] for part in location if part != "[key]")
    text = message.removeprefix("Value error, ")
    return f"{where}: {text}" if where else text
