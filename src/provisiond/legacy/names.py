"""Offering our modules under the names that existing plugins import."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

import twisted.web.resource
from packaging import version

from provisiond.legacy import surface

PREFIXES: Final = ("wazo_provd", "provd")


def own_modules() -> dict[str, ModuleType]:
    """Return our modules, all of them imported, by the rest of their names: ``""``, ``".plugins"`` and so on."""
    found = {"": surface}
    for each in pkgutil.walk_packages(surface.__path__, f"{surface.__name__}."):
        module = importlib.import_module(each.name)
        found[each.name.removeprefix(surface.__name__)] = module
    for name, module in found.items():
        parent, _, last = name.rpartition(".")
        if last:
            setattr(found[parent], last, module)
    return found


def register() -> None:
    """Let this process import our modules as ``wazo_provd`` and ``provd``; for child processes only."""
    for name, module in own_modules().items():
        for prefix in PREFIXES:
            sys.modules[prefix + name] = module
    _offer_parse_version()
    _offer_no_resource()


@contextmanager
def registered() -> Iterator[None]:
    """Have the names for a while; for tests and tools that look into plugins in their own process."""
    before = dict(sys.modules)
    register()
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] in (*PREFIXES, "pkg_resources")]:
            if name not in before:
                del sys.modules[name]


def _offer_parse_version() -> None:
    """Give snom's plugins what they take from setuptools, without setuptools."""
    if "pkg_resources" not in sys.modules:
        stand_in = ModuleType("pkg_resources")
        stand_in.parse_version = version.parse  # type: ignore[attr-defined]
        sys.modules["pkg_resources"] = stand_in


class _NoResource(twisted.web.resource.Resource):
    isLeaf = True  # noqa: N815

    def __init__(self, message: str = "Sorry. No luck finding that resource.") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._message = message

    def render(self, request: Any) -> bytes:
        request.setResponseCode(404)
        return self._message.encode()

    def getChild(self, path: Any, request: Any) -> Any:  # noqa: N802
        return self


def _offer_no_resource() -> None:
    """Put back a name that Twisted has deprecated, so that it neither warns nor goes."""
    if "NoResource" not in vars(twisted.web.resource):
        twisted.web.resource.NoResource = _NoResource  # type: ignore[assignment]
