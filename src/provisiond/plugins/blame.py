"""One sentence about an exception of a plugin, without the values that it may carry."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError

from provisiond.errors import PluginProblem

MAX_SENTENCE = 500
_ABOUT_CODE = (NameError, AttributeError, ImportError, KeyError, TypeError, UndefinedError, SecurityError)
"""Exceptions whose message names things in the code; the message of any other may hold a user's value."""
_PATH_OF_MODULE = re.compile(r" \((?:/.*|unknown location)\)$")


def sentence_of(error: BaseException, directory: Path) -> str:
    """Return what went wrong and where, e.g. ``KeyError: 'sip_lines' (entry.py, line 12)``.

    :param error: raised by a plugin or by one of its templates.
    :param directory: the plugin's; only places inside it are named, relative to it.
    """
    if isinstance(error, PluginProblem):
        return error.sentence[:MAX_SENTENCE]
    if isinstance(error, TemplateSyntaxError):
        return f"{error.message} (template {error.name}, line {error.lineno})"[:MAX_SENTENCE]
    if isinstance(error, SyntaxError):
        place = _named(_relative(error.filename or "", directory) or Path(error.filename or "").name)
        return f"{type(error).__name__}: {error.msg} ({place}, line {error.lineno})"[:MAX_SENTENCE]
    if isinstance(error, TemplateNotFound):
        text = f"the template {error.name!r} does not exist"
    elif isinstance(error, UndefinedError):
        text = error.message or "a name is undefined"
    elif isinstance(error, MemoryError):
        text = "it needs too much memory"
    elif isinstance(error, RecursionError):
        text = "it calls itself without end"
    elif isinstance(error, SystemExit):
        text = "it calls exit"
    elif isinstance(error, _ABOUT_CODE):
        text = f"{type(error).__name__}: {_message(error)}"
    else:
        text = type(error).__name__
    return (text + _where(error, directory))[:MAX_SENTENCE]


def log_lines(error: BaseException, directory: Path) -> list[str]:
    """Return the places an exception came through, for the log, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"  {_relative(frame.filename, directory) or frame.name}, line {frame.lineno}" for frame in frames]
    return [f"{type(error).__name__} in", *places]


def _message(error: BaseException) -> str:
    text = str(error).splitlines()[0] if str(error) else ""
    return _PATH_OF_MODULE.sub("", text) if isinstance(error, ImportError) else text


def _where(error: BaseException, directory: Path) -> str:
    """Return the innermost place in the plugin's own files."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        place = _relative(frame.filename, directory)
        if place is not None:
            return f" ({_named(place)}, line {frame.lineno})"
    return ""


def _named(place: str) -> str:
    for folder in ("var/templates/", "templates/"):
        if place.startswith(folder):
            return f"template {place.removeprefix(folder)}"
    return place


def _relative(filename: str, directory: Path) -> str | None:
    try:
        return Path(filename).relative_to(directory).as_posix()
    except ValueError:
        return None
