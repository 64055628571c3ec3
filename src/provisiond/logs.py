"""Log lines for people and programs, with secrets struck out."""

from __future__ import annotations

import atexit
import json
import os
import re
import socket
from collections.abc import Callable, Mapping
from threading import Lock
from typing import IO, Any, Protocol

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    formatTime,
    globalLogBeginner,
)
from zope.interface import implementer

from provisiond.line_writing import LineWriting

log = Logger()
HIDDEN = "***"
MAX_LINE = 16_384
JOURNAL = "/run/systemd/journal/socket"
FIELDS = (
    "protocol",
    "method",
    "peer",
    "device",
    "mac",
    "plugin",
    "path",
    "outcome",
    "status",
    "bytes",
    "duration_ms",
    "reason",
)
PRIORITIES = {LogLevel.debug: 7, LogLevel.info: 6, LogLevel.warn: 4, LogLevel.error: 3, LogLevel.critical: 2}

_SECRETS = "password|passwd|pwd|secret|token|key|pin"
SECRET_NAME = re.compile(rf"(?:{_SECRETS})$", re.IGNORECASE)
_NAMED_SECRET = re.compile(
    # No beginning of the name is asked for: looking for one at each character took time with the square of the length.
    rf"""(?P<name>(?:{_SECRETS})["']?\s{{0,9}}[:=]\s*)"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&}\])]+)""",
    re.IGNORECASE,
)
_URL_USER = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{0,19}://)[^/\s]+@", re.IGNORECASE)
_TOKEN_HEADER = re.compile(
    r"(?P<name>x-auth-token|authorization)(?P<gap>\W+)(?:digest\s[^\n]*|(?:(?:basic|bearer)\s+)?[^\s'\",]+)",
    re.IGNORECASE,
)
# What looks like an s or a k to IGNORECASE without being one in lower case counts, too.
_OF_SECRETS = ("pass", "pwd", "pin", "secr", "toke", "key", "auth", "\u212a", "\u017f")


def redacted(text: str) -> str:
    """Return ``text`` with passwords, keys, tokens and the user part of URLs replaced by ``***``."""
    # Nearly no line names a secret; nine searches for a text take a twentieth of the time of one expression.
    lower = text.lower()
    if any(part in lower for part in _OF_SECRETS):
        text = _TOKEN_HEADER.sub(rf"\g<name>\g<gap>{HIDDEN}", text)
        text = _NAMED_SECRET.sub(rf"\g<name>{HIDDEN}", text)
    return _URL_USER.sub(rf"\g<scheme>{HIDDEN}@", text) if "://" in text else text


def redacted_value(value: Any) -> Any:
    """Return a copy of a JSON value in which members whose name is that of a secret are ``***``."""
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if SECRET_NAME.search(str(name)) and member is not None else redacted_value(member)
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


def _level_of(event: LogEvent) -> Any:
    return event.get("log_level", LogLevel.info)


def _subsystem_of(event: LogEvent) -> str:
    return str(event.get("log_namespace", "-")).removeprefix("provisiond.")


def _message_of(event: LogEvent) -> str:
    return redacted(eventAsText(event, includeTimestamp=False, includeSystem=False))[:MAX_LINE]


def _members_of(event: LogEvent) -> dict[str, Any]:
    return {name: redacted_value(event[name]) for name in FIELDS if name in event}


class Out(Protocol):
    """Takes lines."""

    def write(self, line: str, /) -> object: ...
    def flush(self) -> object: ...


@implementer(ILogObserver)
class TextObserver:
    """Writes one line an event: time, level, subsystem, text. May be called from any thread.

    :param marks: True to begin each line with its priority as ``<6>``, which systemd's journal takes off again.
    """

    def __init__(self, out: Out, *, marks: bool = False) -> None:
        self._out = out
        self._marks = marks
        self._lock = Lock()
        self._second: tuple[int, str] = (-1, "")

    def __call__(self, event: LogEvent) -> None:
        """Write one event."""
        level = _level_of(event)
        mark = f"<{PRIORITIES[level]}>" if self._marks else ""
        text = self._text(event, level).replace("\n", f"\n{mark}")
        with self._lock:
            self._out.write(f"{mark}{text}\n")
            self._out.flush()

    def _text(self, event: LogEvent, level: Any) -> str:
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        return (
            f"{self._stamp(event.get('log_time'))} {level.name:<8} {_subsystem_of(event)}: {_one_line(redacted(text))}"
        )

    def _stamp(self, time: float | None) -> str:
        # Most lines share their second with the one before, and a second takes longer to write than the rest of a line.
        if time is None:
            return formatTime(None)
        second, stamp = self._second
        if second != int(time):
            second, stamp = self._second = int(time), formatTime(time)
        return stamp


class JsonObserver(TextObserver):
    """Writes one JSON object a line; members of events named in ``FIELDS`` come along."""

    def _text(self, event: LogEvent, level: Any) -> str:
        document = {
            "time": event.get("log_time"),
            "level": level.name,
            "subsystem": _subsystem_of(event),
            "message": _message_of(event),
            **_members_of(event),
        }
        return json.dumps(document, default=str)


@implementer(ILogObserver)
class JournalObserver:
    """Gives each event to systemd's journal with its members as fields, e.g. ``PROVISIOND_DEVICE``.

    Source: systemd, "Native Journal Protocol". May be called from any thread, never waits.

    :param instead: takes what the journal does not take.
    :param path: socket of the journal.
    """

    def __init__(self, instead: ILogObserver, path: str = JOURNAL) -> None:
        self._instead = instead
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def __call__(self, event: LogEvent) -> None:
        """Hand over one event."""
        fields = {
            "MESSAGE": _message_of(event),
            "PRIORITY": PRIORITIES[_level_of(event)],
            "SYSLOG_IDENTIFIER": "provisiond",
            "PROVISIOND_SUBSYSTEM": _subsystem_of(event),
        }
        members = _members_of(event).items()
        fields.update({f"PROVISIOND_{name.upper()}": value for name, value in members if value is not None})
        try:
            self._socket.sendto(
                b"".join(_journal_field(name, str(value)) for name, value in fields.items()), self._path
            )
        except OSError:
            self._instead(event)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


def _journal_field(name: str, value: str) -> bytes:
    content = value.encode("utf-8", "replace")
    if b"\n" not in content:
        return b"%s=%s\n" % (name.encode(), content)
    return b"%s\n%s%s\n" % (name.encode(), len(content).to_bytes(8, "little"), content)


def is_journal(out: IO[str]) -> bool:
    """Tell whether what is written there goes to systemd's journal (systemd.exec(5), ``JOURNAL_STREAM``)."""
    try:
        place = os.fstat(out.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{place.st_dev}:{place.st_ino}"


class Levels:
    """The levels in force; they can be changed while the server runs.

    :param predicate: of the observer that they are in force for.
    :param finish: waits until the lines that were taken are written, but not for long.
    """

    def __init__(
        self, predicate: LogLevelFilterPredicate, level: str = "info", finish: Callable[[], object] = lambda: None
    ) -> None:
        self._predicate = predicate
        self.finish = finish
        self._listeners: list[Callable[[str, Mapping[str, str]], object]] = []
        self.level = level
        self.levels: Mapping[str, str] = {}

    def listen(self, listener: Callable[[str, Mapping[str, str]], object]) -> None:
        """Call back with the levels after each change."""
        self._listeners.append(listener)

    def use(self, level: str, levels: Mapping[str, str]) -> None:
        """Write events of at least these levels from now on.

        :param level: ``debug``, ``info``, ``warn`` or ``error``; where the subsystem has none of its own.
        :param levels: of subsystems as log lines name them, such as ``tftp`` or ``packages.downloads``, with all below.
        """
        self.level, self.levels = level, dict(levels)
        self._predicate.clearLogLevels()
        self._predicate.setLogLevelForNamespace("", LogLevel.levelWithName(level))
        for subsystem, own in levels.items():
            self._predicate.setLogLevelForNamespace(f"provisiond.{subsystem}", LogLevel.levelWithName(own))
        for listener in self._listeners:
            listener(level, self.levels)


def start_logging(out: IO[str], *, level: str, form: str) -> Levels:
    """Send every event of at least ``level`` to ``out``, or to systemd's journal.

    No line makes anybody wait, whoever reads them.

    :param out: has a descriptor, which they are written to.
    :param level: ``debug``, ``info``, ``warn`` or ``error``.
    :param form: ``text``, ``json``, or ``journal`` for the journal's own form; ``out`` takes what that does not take.
    :returns: the levels in force.
    """
    marks = is_journal(out)
    lines = LineWriting(out.fileno(), _tell_left_out)
    atexit.register(lines.finish)
    text = JsonObserver(lines, marks=marks) if form == "json" else TextObserver(lines, marks=marks)
    observer = JournalObserver(text) if form == "journal" else text
    predicate = LogLevelFilterPredicate(LogLevel.levelWithName(level))
    globalLogBeginner.beginLoggingTo(
        [FilteringLogObserver(observer, [predicate])], redirectStandardIO=False, discardBuffer=True
    )
    return Levels(predicate, level, lines.finish)


def _tell_left_out(count: int) -> None:
    log.warn("{count} log lines were left out because nobody took them", count=count)
