"""What can go wrong with extensions, in the form that the API shows (extension contract, section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisiond.errors import InvalidInput, NotFound, ProvisiondError


class ExtensionProblem(ProvisiondError):
    """An extension cannot be installed or removed.

    :param error_id: stable name of the kind of error; None for ``<step>-error`` of the step it happens in.
    :param details: JSON object.
    """

    code = "extension-problem"

    def __init__(self, sentence: str, error_id: str | None = None, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.error_id = error_id
        self.details = dict(details or {})


class CommandFailed(ExtensionProblem):
    """A command ended with another code than 0, or ran out of time.

    :param outcome: its exit code, or ``timeout``.
    """

    def __init__(self, sentence: str, outcome: int | str) -> None:
        super().__init__(sentence, "install-error", {"exit": outcome})
        self.outcome = outcome


class InvalidMetadata(ExtensionProblem):
    """A member of the metadata, or a file that goes with it, breaks a rule.

    :param constraint_id: ``required``, ``type``, ``regex``, ``range``, ``tabs``, ``targets``, ``debian``, ``cycle`` …
    """

    def __init__(self, field: str, message: str, constraint_id: str, constraint: Any = None) -> None:
        detail = {"message": message, "constraint": constraint, "constraint_id": constraint_id}
        super().__init__(f"{field}: {message}", "validation-error", {field: detail})
        self.constraint_id = constraint_id


class FileConflict(ExtensionProblem):
    """Files of the host are in the way; nothing was copied."""

    def __init__(self, files: list[str]) -> None:
        shown = ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
        super().__init__(f"these files exist and do not belong to the extension: {shown}", "file-conflict")
        self.details = {"files": files[:1000]}


class InvalidRequest(InvalidInput):
    """A member of a request breaks a rule.

    :param details: member -> message, constraint id, constraint.
    """

    code = "invalid-data"

    def __init__(self, field: str, message: str, constraint_id: str, constraint: Any = None) -> None:
        super().__init__(f"{field}: {message}")
        self.details = {field: {"message": message, "constraint_id": constraint_id, "constraint": constraint}}


class Disabled(ProvisiondError):
    """The settings do not allow extensions, or not under this user."""

    code = "extensions-disabled"


class NotInstalled(NotFound):
    """There is no such extension."""

    code = "plugin-not-found"


class StillNeeded(InvalidInput):
    """Another extension depends on it."""

    code = "dependency-required"
