"""Executing the code of a plugin and choosing its class."""

from __future__ import annotations
import __future__

import os
import re
import traceback
from pathlib import Path
from types import CodeType
from typing import Any, Final

from jinja2 import TemplateSyntaxError

from provisiond.errors import PluginProblem
from provisiond.legacy import surface
from provisiond.legacy.surface.abstract_plugin import AbstractPlugin

MAX_SENTENCE: Final = 500
_PATH_OF_MODULE: Final = re.compile(r" \((?:/.*|unknown location)\)$")


def plugin_class(directory: Path) -> type[Any]:
    """Execute ``entry.py`` afresh and return the first class that is a plugin.

    :raises PluginProblem: when it raises, or has none.
    """
    names = executed(directory)
    for value in names.values():
        if isinstance(value, type) and issubclass(value, AbstractPlugin) and getattr(value, "IS_PLUGIN", False):
            return value
    raise PluginProblem("entry.py has no plugin: a class made from Plugin with IS_PLUGIN = True")


def executed(directory: Path) -> dict[str, Any]:
    """Return the names that ``entry.py`` defines.

    :raises PluginProblem: when it raises.
    """
    names: dict[str, Any] = {}

    def execfile_(filename: str, globals: dict[str, Any] | None = None, *args: Any) -> None:
        path = os.path.join(directory, filename)
        wanted = names if globals is None else globals
        wanted.setdefault("execfile_", execfile_)
        exec(_compiled(path), wanted, *args)  # noqa: S102 - running plugins is what this is for

    names["execfile_"] = execfile_
    try:
        exec(_compiled(os.path.join(directory, "entry.py")), names)  # noqa: S102
    except FileNotFoundError as error:
        if error.filename == os.path.join(directory, "entry.py"):
            raise PluginProblem("the plugin has no entry.py") from None
        raise PluginProblem(reason(error, directory)) from error
    except (Exception, SystemExit) as error:
        raise PluginProblem(reason(error, directory)) from error
    return names


def _compiled(path: str) -> CodeType:
    with open(path, "rb") as file:
        source = file.read()
    # Annotations of plugins name what is imported for type checking only.
    code: CodeType = compile(source, path, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True)
    return code


def reason(error: BaseException, directory: Path) -> str:
    """Return what went wrong and where: the error with those that it came from, the first cause last.

    :param error: raised by a plugin.
    :param directory: of the plugin; the innermost place in it is named.
    """
    told: list[str] = []
    step: BaseException | None = error
    while step is not None and len(told) < 5:
        told.append(_described(step))
        step = step.__cause__ or (None if step.__suppress_context__ else step.__context__)
    text = "; before that ".join(dict.fromkeys(told))
    return (text[: MAX_SENTENCE - 100] + _place(error, directory)).replace(str(directory), "").replace("\n", " ")


def _described(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "it calls exit"
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg}, {os.path.basename(error.filename or '')} line {error.lineno}"
    if isinstance(error, TemplateSyntaxError):
        return f"{error.message} (template {error.name}, line {error.lineno})"
    if isinstance(error, PluginProblem):
        return error.sentence
    if isinstance(error, ImportError):
        text = _PATH_OF_MODULE.sub("", str(error)).replace(surface.__name__, "wazo_provd")
        return f"{type(error).__name__}: {text}"
    if isinstance(error, KeyError):
        return f"KeyError: {error}"
    if type(error) is Exception or type(error).__name__ in ("RawConfigError", "SynchronizeException"):
        return str(error) or "it raised an exception without a text"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _place(error: BaseException, directory: Path) -> str:
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(directory):
            return f" ({path.relative_to(directory)}, line {frame.lineno})"
    return ""
