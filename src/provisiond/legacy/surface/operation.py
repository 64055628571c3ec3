"""Progress of something that takes a while."""

from __future__ import annotations

from typing import Any

OIP_WAITING = "waiting"
OIP_PROGRESS = "progress"
OIP_SUCCESS = "success"
OIP_FAIL = "fail"


class OperationInProgress:
    """Progress: plain attributes that whoever does the work changes."""

    def __init__(
        self,
        label: str | None = None,
        state: str = OIP_WAITING,
        current: int | None = None,
        end: int | None = None,
        sub_oips: list[OperationInProgress] | None = None,
    ) -> None:
        self.label = label
        self.state = state
        self.current = current
        self.end = end
        self.sub_oips = sub_oips or []


def format_oip(oip: OperationInProgress) -> str:
    """Return a progress as one text: ``label|state;current/end(sub)(sub)``."""
    label = f"{oip.label}|" if oip.label else ""
    counted = ""
    if oip.current is not None:
        counted = f";{oip.current}" + (f"/{oip.end}" if oip.end else "")
    return f"{label}{oip.state}{counted}" + "".join(f"({format_oip(sub)})" for sub in oip.sub_oips)


def operation_in_progres_from_deferred(deferred: Any, label: str | None = None) -> OperationInProgress:
    """Return a progress that ends as a Deferred does; the Deferred's result passes through."""
    oip = OperationInProgress(label, OIP_PROGRESS)

    def ended(result: Any, state: str) -> Any:
        oip.state = state
        return result

    deferred.addCallbacks(ended, ended, callbackArgs=(OIP_SUCCESS,), errbackArgs=(OIP_FAIL,))
    return oip
