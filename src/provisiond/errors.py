"""The error tree: every refusal has a stable code and a sentence an administrator can act on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class ProvisiondError(Exception):
    """A refusal that may be shown to whoever asked.

    ``code`` is stable and maps to an HTTP status in ``rest``; ``sentence`` is one English sentence
    without secrets, stack traces or paths that the caller did not name.
    """

    code: ClassVar[str] = "error"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class InvalidInput(ProvisiondError):
    """Something the caller sent is wrong; the sentence names the member and the rule."""

    code = "invalid"


class NotFound(ProvisiondError):
    """The object named in the address does not exist (or is outside the caller's scope)."""

    code = "not-found"


class UnknownReference(InvalidInput):
    """An id inside a request names nothing."""

    code = "unknown-reference"


class AlreadyExists(InvalidInput):
    """The id is already used."""

    code = "already-exists"


class InProgress(InvalidInput):
    """The same work is already being done."""

    code = "in-progress"


class NotDeletable(ProvisiondError):
    """The document is protected by ``deletable: false``."""

    code = "not-deletable"


class Unauthorized(ProvisiondError):
    """No token, a wrong token, or a token that does not grant this."""

    code = "unauthorized"


class Unavailable(ProvisiondError):
    """The server cannot do this now, but may later."""

    code = "unavailable"


class TooManyAttempts(ProvisiondError):
    """Too many wrong tokens came from one source; ``retry_after`` is in seconds."""

    code = "too-many-attempts"
    retry_after = 60


class PluginProblem(ProvisiondError):
    """A plugin failed to load, to associate, or to make its files."""

    code = "plugin-problem"


class PackageProblem(ProvisiondError):
    """A repository, an archive or a firmware package is broken, or could not be fetched."""

    code = "package-problem"


class StoreProblem(ProvisiondError):
    """The database cannot be opened, is of a newer version, or refused a write."""

    code = "store-problem"


class StartProblem(ProvisiondError):
    """The daemon cannot start: a busy port, a directory that cannot be written."""

    code = "start-problem"


class CertificateProblem(StartProblem):
    """A certificate or its key cannot be used."""


class SettingsProblem(StartProblem):
    """The settings are wrong; ``problems`` holds one sentence for each, with file and key."""

    code = "settings-problem"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
