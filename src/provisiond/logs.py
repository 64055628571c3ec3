"""Log lines for people and programs, with secrets struck out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from threading import Lock
from typing import IO, Any

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    globalLogBeginner,
)
from zope.interface import implementer

HIDDEN = "***"
MAX_LINE = 16_384

_NAMED_SECRET = re.compile(
    # No beginning of the name is asked for: looking for one at each character took time with the square of the length.
    r"""(?P<name>(?:password|passwd|secret|token|key)["']?\s{0,9}[:=]\s*)"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&}\])]+)""",
    re.IGNORECASE,
)
_URL_USER = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{0,19}://)[^/@\s]+@", re.IGNORECASE)
_TOKEN_HEADER = re.compile(r"(?P<name>x-auth-token|authorization)(?P<gap>\W+)(?:bearer\s+)?[^\s'\",]+", re.IGNORECASE)
# Case by case instead of IGNORECASE, which finds the literals a tenth as fast.
_MAY_NAME_SECRET = re.compile(
    "[pP][aA][sS][sS]|[sS][eE][cC][rR]|[tT][oO][kK][eE]|[kK][eE][yY]|[aA][uU][tT][hH]|\u212a|\u017f"
)
_SECRET_MEMBER = re.compile(r"(?:password|passwd|secret|token|key)$", re.IGNORECASE)


def redacted(text: str) -> str:
    """Return ``text`` with passwords, keys, tokens and the user part of URLs replaced by ``***``."""
    if _MAY_NAME_SECRET.search(text):
        text = _TOKEN_HEADER.sub(rf"\g<name>\g<gap>{HIDDEN}", text)
        text = _NAMED_SECRET.sub(rf"\g<name>{HIDDEN}", text)
    return _URL_USER.sub(rf"\g<scheme>{HIDDEN}@", text) if "://" in text else text


def redacted_value(value: Any) -> Any:
    """Return a copy of a JSON value in which members whose name ends in ``password`` or ``key`` are ``***``."""
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if _SECRET_MEMBER.search(str(name)) and member is not None else redacted_value(member)
            for name, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted_value(member) for member in value]
    return redacted(value) if isinstance(value, str) else value


def _one_line(text: str) -> str:
    if text.isprintable():
        return text[:MAX_LINE]
    shown = "".join(char if char.isprintable() or char == "\n" else "?" for char in text)
    return shown[:MAX_LINE].replace("\n", "\n  ")


@implementer(ILogObserver)
class TextObserver:
    """Writes one line an event: time, level, subsystem, text. May be called from any thread."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._lock = Lock()

    def __call__(self, event: LogEvent) -> None:
        """Write one event."""
        level = event.get("log_level", LogLevel.info).name
        text = eventAsText(event, includeTimestamp=True, includeSystem=False)
        system = str(event.get("log_namespace", "-")).removeprefix("provisiond.")
        stamp, _, rest = text.partition(" ")
        line = f"{stamp} {level:<8} {system}: {_one_line(redacted(rest))}\n"
        with self._lock:
            self._out.write(line)
            self._out.flush()


@implementer(ILogObserver)
class JsonObserver:
    """Writes one JSON object a line; members of events named in ``fields`` come along."""

    fields = ("protocol", "peer", "device", "mac", "plugin", "path", "status", "bytes", "duration_ms", "reason")

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._lock = Lock()

    def __call__(self, event: LogEvent) -> None:
        """Write one event."""
        document = {
            "time": event.get("log_time"),
            "level": event.get("log_level", LogLevel.info).name,
            "subsystem": str(event.get("log_namespace", "-")).removeprefix("provisiond."),
            "message": redacted(eventAsText(event, includeTimestamp=False, includeSystem=False))[:MAX_LINE],
        }
        document.update({name: redacted_value(event[name]) for name in self.fields if name in event})
        line = json.dumps(document, default=str) + "\n"
        with self._lock:
            self._out.write(line)
            self._out.flush()


def use_levels(predicate: LogLevelFilterPredicate, level: str, levels: Mapping[str, str]) -> None:
    """Write events of at least these levels from now on.

    :param level: where the subsystem has none of its own.
    :param levels: of subsystems as log lines name them, such as ``tftp`` or ``packages.downloads``, with all below.
    """
    predicate.clearLogLevels()
    predicate.setLogLevelForNamespace("", LogLevel.levelWithName(level))
    for subsystem, own in levels.items():
        predicate.setLogLevelForNamespace(f"provisiond.{subsystem}", LogLevel.levelWithName(own))


def start_logging(out: IO[str], *, level: str, json_lines: bool) -> LogLevelFilterPredicate:
    """Send every event of at least ``level`` to ``out``.

    :param level: ``debug``, ``info``, ``warn`` or ``error``.
    :returns: the predicate in force; its levels can be changed for each namespace while the daemon runs.
    """
    predicate = LogLevelFilterPredicate(LogLevel.levelWithName(level))
    observer = JsonObserver(out) if json_lines else TextObserver(out)
    globalLogBeginner.beginLoggingTo(
        [FilteringLogObserver(observer, [predicate])], redirectStandardIO=False, discardBuffer=True
    )
    return predicate
