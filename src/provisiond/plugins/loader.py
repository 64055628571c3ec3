"""Loading a native plugin's code as a private Python package."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from attrs import evolve

from provisiond.errors import PluginProblem
from provisiond.plugins.blame import sentence_of
from provisiond.sdk import Plugin, PluginContext, Rule
from provisiond.sdk.parameters import problem_of

PACKAGE = "provisiond_plugins"
ENTRY_NAME = "entry.py"


def module_name(plugin_id: str) -> str:
    """Return the name under which a plugin's package is imported; different ids give different names."""
    mangled = "".join(char if char.isascii() and char.isalnum() else f"_{ord(char):x}_" for char in plugin_id)
    return f"{PACKAGE}.p_{mangled}"


def load_code(directory: Path, context: PluginContext) -> Plugin:
    """Import the plugin's ``entry.py`` and return an instance of its ``PLUGIN``.

    What an earlier load of the same id left behind is forgotten first; a failed load leaves nothing.

    :param directory: a plugin's directory, as built or installed.
    :param context: what the plugin is told about itself.
    :raises PluginProblem: when there is no ``entry.py``, when it raises, or binds no subclass of ``Plugin``.
    """
    name = module_name(context.id)
    forget_code(context.id)
    try:
        with _no_bytecode():
            return _instance(_execute(name, directory / ENTRY_NAME), context)
    except BaseException:
        forget_code(context.id)
        raise


def forget_code(plugin_id: str) -> None:
    """Drop the plugin's modules, so that the next load reads its files again."""
    name = module_name(plugin_id)
    for loaded in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
        del sys.modules[loaded]
    importlib.invalidate_caches()


def make_context(
    plugin_id: str,
    version: str,
    capabilities: Mapping[str, Mapping[str, Any]],
    year: int,
    parameters: Mapping[str, Any] | None = None,
) -> PluginContext:
    """Return what a plugin is told about itself.

    :param parameters: values that the administrator set.
    """
    return PluginContext(
        id=plugin_id, version=version, capabilities=dict(capabilities), year=year, parameters=dict(parameters or {})
    )


def _execute(name: str, entry: Path) -> ModuleType:
    if not entry.is_file():
        raise PluginProblem("the plugin has no entry.py")
    sys.modules.setdefault(PACKAGE, _namespace())
    spec = importlib.util.spec_from_file_location(name, entry, submodule_search_locations=[str(entry.parent)])
    if spec is None or spec.loader is None:
        raise PluginProblem("entry.py cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except PluginProblem:
        raise
    except (Exception, SystemExit) as error:
        raise PluginProblem(f"entry.py failed to load: {sentence_of(error, entry.parent)}") from error
    return module


def _namespace() -> ModuleType:
    namespace = ModuleType(PACKAGE, "Parent of the packages of all plugins.")
    namespace.__path__ = []
    return namespace


def _instance(module: ModuleType, context: PluginContext) -> Plugin:
    found = getattr(module, "PLUGIN", None)
    if not (isinstance(found, type) and issubclass(found, Plugin)):
        raise PluginProblem("entry.py must bind the name PLUGIN to a subclass of provisiond.sdk.Plugin")
    rules = getattr(found, "rules", ())
    if not (isinstance(rules, tuple | list) and all(isinstance(rule, Rule) for rule in rules)):
        raise PluginProblem("the plugin's rules must be a tuple of provisiond.sdk.Rule")
    parameters = getattr(found, "parameters", ())
    if (problem := problem_of(parameters)) is not None:
        raise PluginProblem(problem)
    values = {each.name: context.parameters.get(each.name, each.default) for each in parameters}
    try:
        return found(evolve(context, parameters=values))
    except PluginProblem:
        raise
    except (Exception, SystemExit) as error:
        raise PluginProblem(
            f"the plugin cannot be made: {sentence_of(error, Path(str(module.__file__)).parent)}"
        ) from error


@contextmanager
def _no_bytecode() -> Iterator[None]:
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
