"""Installation services that plugins bring themselves, in the process of the plugin."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from provisiond.errors import PluginProblem
from provisiond.legacy.firmware import FetchfwPluginHelper

MAX_KEPT: Final = 1_000
_OF_THE_SERVER: Final = ("install", "uninstall", "upgrade", "list_installable", "list_installed")


def installs(service: Any) -> str:
    """Return who installs the packages of a plugin: ``none``, ``server`` or ``plugin``.

    :param service: what the plugin offers as ``services["install"]``; None when it offers nothing.
    """
    if service is None:
        return "none"
    if not isinstance(service, FetchfwPluginHelper):
        return "plugin"
    own = any(getattr(type(service), name) is not getattr(FetchfwPluginHelper, name) for name in _OF_THE_SERVER)
    return "plugin" if own else "server"


def listed(service: Any, which: str) -> dict[str, dict[str, Any]]:
    """Return the packages that can be or are installed, as JSON; blocks.

    :param which: ``installable`` or ``installed``.
    """
    rows: dict[str, dict[str, Any]] = {}
    for package, members in dict(getattr(service, f"list_{which}")()).items():
        rows[str(package)] = {
            "version": str(members.get("version", "")),
            "description": str(members.get("description", "")),
        }
        if which == "installable":
            size = members.get("dsize")
            rows[str(package)]["dsize"] = size if type(size) is int and size >= 0 else 0
    return rows


@define
class _Run:
    """One installation that a plugin has begun."""

    progress: Any
    is_over: bool = False
    failure: BaseException | None = None

    def succeeded(self, result: Any) -> None:
        self.is_over = True

    def failed(self, failure: Failure) -> None:
        self.is_over, self.failure = True, failure.value


class Installations:
    """What plugins of this process have begun to install."""

    def __init__(self) -> None:
        self._runs: OrderedDict[tuple[str, int], _Run] = OrderedDict()
        self._number = 0

    def begin(self, plugin_id: str, begun: Any) -> int:
        """Follow an installation from now on; return its number.

        :param begun: what the service's ``install`` or ``upgrade`` returned.
        :raises PluginProblem: when that is no Deferred with its progress.
        """
        if not isinstance(begun, tuple) or len(begun) != 2 or not isinstance(begun[0], Deferred):
            raise PluginProblem("the plugin's installation service did not return a Deferred and its progress")
        self._number += 1
        run = self._runs[plugin_id, self._number] = _Run(begun[1])
        begun[0].addCallbacks(run.succeeded, run.failed)
        if len(self._runs) > MAX_KEPT:
            self._runs.popitem(last=False)
        return self._number

    def state(self, plugin_id: str, number: int, reason: Callable[[BaseException], str]) -> Mapping[str, Any]:
        """Return how far an installation is, as JSON.

        :param reason: makes a sentence of what the plugin raised.
        :raises PluginProblem: when there is none of this number: the process was replaced meanwhile.
        """
        run = self._runs.get((plugin_id, number))
        if run is None:
            raise PluginProblem("the plugin's process ended while it was installing the package")
        if run.is_over:
            del self._runs[plugin_id, number]
        current, end = getattr(run.progress, "current", None), getattr(run.progress, "end", None)
        return {
            "is_over": run.is_over,
            "failure": None if run.failure is None else reason(run.failure),
            "current": current if type(current) is int else None,
            "end": end if type(end) is int and end > 0 else None,
        }
