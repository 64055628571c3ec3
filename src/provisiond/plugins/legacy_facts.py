"""What the server knows of a plugin that was written for the older interface, and how it has one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from provisiond.errors import PluginProblem
from provisiond.model.device import Device
from provisiond.paths import UnsafeName, normalized_name
from provisiond.plugins.hosting import PluginPlace
from provisiond.plugins.messages import parsed_answer
from provisiond.plugins.values import LegacyFacts, ServedBy
from provisiond.sdk.parameters import MAX_TEXT, Parameter

INTERFACE_VERSION: Final = 0.2


class LegacyRunner(Protocol):
    """Runs existing plugins (``legacy.processes``)."""

    async def call(self, kind: str, place: PluginPlace, *arguments: Any, seconds: float) -> bytes: ...
    async def ask_all(
        self, kind: str, places: Sequence[PluginPlace], argument: Any
    ) -> Mapping[str, Mapping[str, Any]]: ...
    async def forget(self, plugin_id: str) -> None: ...
    def recover(self) -> None: ...
    async def stop(self) -> None: ...


def parsed_facts(payload: bytes) -> LegacyFacts:
    """Return the facts in the answer of a plugin's process.

    :raises PluginProblem: when it reports a problem or is not right.
    """
    header, _ = parsed_answer(payload)
    try:
        return LegacyFacts(
            http=_served(header["http"]),
            tftp=_served(header["tftp"]),
            extractors=tuple(str(name) for name in header["extractors"]),
            associates=header["associates"] is True,
            parameters=tuple(
                Parameter(name=str(name)[:64], description=str(text)[:500], default=_text(value, MAX_TEXT))
                for name, text, value in header["parameters"][:200]
            ),
            firmware_root=_inside(header["firmware_root"]),
            passwords=tuple((str(uri), _text(user), _text(word)) for uri, user, word in header["passwords"]),
            degraded=_text(header["degraded"]),
            installs=_one_of(header["installs"], ("none", "server", "plugin")),
            package_problems=tuple(str(each)[:500] for each in header["package_problems"][:20]),
        )
    except (KeyError, TypeError, ValueError, UnsafeName):
        raise PluginProblem("the plugin's process told of the plugin what cannot be") from None


def _served(row: Mapping[str, Any]) -> ServedBy:
    kind = _one_of(row["kind"], ("none", "files", "code"))
    return ServedBy(kind=kind, root=_inside(row["root"]), rewrites=row["rewrites"] is True, is_legacy=True)


def _one_of(word: Any, words: tuple[str, ...]) -> str:
    if word not in words:
        raise ValueError(word)
    return str(word)


def _inside(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(name)
    return normalized_name(name)


def _text(value: Any, longest: int = 500) -> str | None:
    return None if value is None else str(value)[:longest]


def check_interface(info: Mapping[str, Any], *, minimum: bool = True, maximum: bool = True) -> None:
    """Refuse a plugin that was written for another version of the interface.

    :param info: the content of ``plugin-info``.
    :param minimum: False to take a plugin that demands a later version; likewise ``maximum``.
    :raises PluginProblem: naming the version.
    """
    lowest, highest = info.get("plugin_iface_version_min"), info.get("plugin_iface_version_max")
    if minimum and isinstance(lowest, int | float) and lowest > INTERFACE_VERSION:
        raise PluginProblem(f"the plugin demands interface version {lowest}, this server has {INTERFACE_VERSION}")
    if maximum and isinstance(highest, int | float) and highest < INTERFACE_VERSION:
        raise PluginProblem(f"the plugin was made for interface version {highest}, this server has {INTERFACE_VERSION}")


def plain_device(device: Device) -> dict[str, Any]:
    """Return a device as existing plugins get it: what is unknown is absent."""
    return {key: value for key, value in device.document.items() if value is not None}
