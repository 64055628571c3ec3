"""Asking the extractors and associators of plugins, each on its own: one that fails spoils nothing for the others."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen
from twisted.internet.defer import Deferred, TimeoutError
from twisted.logger import Logger

from provisiond.errors import PluginProblem
from provisiond.legacy.surface.devices.ident import RequestType
from provisiond.legacy.surface.util import is_normed_mac
from provisiond.legacy.views import HttpView, dhcp_view, tftp_view
from provisiond.legacy.wire import SeenRequest

log = Logger()
LATE_SECONDS: Final = 1.0
KEYS: Final = ("mac", "vendor", "model", "version", "sn", "uuid")
MAX_VALUE: Final = 512


@frozen(kw_only=True)
class Extracted:
    """What one extractor said.

    :param info: empty when it said nothing.
    :param reads: what it looked at, in order; None when the same request may give something else another time.
    :param problem: why it said nothing, if that was a failure.
    """

    info: Mapping[str, str] = field(factory=dict)
    reads: tuple[str, ...] | None = None
    problem: str | None = None

    def row(self) -> dict[str, Any]:
        """Return it as JSON members."""
        return {"info": dict(self.info), "reads": self.reads, "problem": self.problem}


async def extract(extractor: Any, seen: SeenRequest, reactor: Any) -> Extracted:
    """Return what an extractor says of a request. Never raises."""
    kind = RequestType(seen.protocol)
    reads: list[str] = []
    request: Any
    if kind is RequestType.HTTP:
        request = view = HttpView(seen)
        reads = view.reads
    else:
        request = (tftp_view if kind is RequestType.TFTP else dhcp_view)(seen, reads)
    try:
        result = extractor.extract(request, kind)
        if inspect.iscoroutine(result):
            result = Deferred.fromCoroutine(result)
        late = isinstance(result, Deferred) and not result.called
        if isinstance(result, Deferred):
            result = await result.addTimeout(LATE_SECONDS, reactor)
    except TimeoutError:
        return Extracted(problem="its extractor does not answer in time")
    except (Exception, SystemExit) as error:
        return Extracted(problem=f"its extractor raised {type(error).__name__}")
    return Extracted(info=checked_info(result), reads=None if late else tuple(reads))


def checked_info(result: Any) -> dict[str, str]:
    """Return the usable members of what an extractor gave."""
    if not isinstance(result, Mapping):
        return {}
    info = {key: str(result[key]) for key in KEYS if isinstance(result.get(key), str) and result[key]}
    if not is_normed_mac(info.get("mac", "00:00:00:00:00:00")):
        del info["mac"]
    return {key: value for key, value in info.items() if len(value) <= MAX_VALUE}


def support(associator: Any, dev_info: Mapping[str, str]) -> int:
    """Return what an associator says of a phone.

    :raises PluginProblem: when it raises or says something else than a number.
    """
    try:
        score = associator.associate(dict(dev_info))
    except (Exception, SystemExit) as error:
        raise PluginProblem(f"its associator raised {type(error).__name__}") from error
    if isinstance(score, bool) or not isinstance(score, int):
        raise PluginProblem(f"its associator gave {type(score).__name__}, not a number")
    return int(score)
