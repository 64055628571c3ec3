"""Whether what a package needs is there, as advice to the administrator (package contract, section 5)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from attrs import field, frozen

from provisiond import __version__
from provisiond.errors import InvalidInput
from provisiond.model.dependency_graph import circle_from
from provisiond.model.package_metadata import Dependency
from provisiond.model.version_conditions import Conditions, parse_conditions
from provisiond.model.versions import version_key
from provisiond.packages.python_requirements import PythonRequirement, parse_requirement

PYTHON: Final = "python"
PACKAGES: Final = ("plugin", "extension")
_ORDER: Final = {"plugin": 0, "python": 1}
_PACKAGE: Final = re.compile(r"\s*(?P<id>[A-Za-z0-9][A-Za-z0-9._+-]{0,127})\s*(?P<rest>.*)", re.DOTALL)

VersionsOf = Callable[[str], Awaitable[tuple[str, ...]]]
Needs = Callable[[str, str], tuple[Dependency, ...]]


@frozen(kw_only=True)
class Finding:
    """What there is to say about one dependency.

    :param candidate: a version that could be installed.
    :param command: what installs it.
    :param error: a sentence for the user; empty when nothing is wrong.
    """

    type: str
    id: str
    name: str | None = None
    installed: str = "False"
    version: str = ""
    command: str = ""
    candidate: str = ""
    error: str = ""

    def shown(self) -> dict[str, str]:
        """Return the finding for REST: all members are texts."""
        names = {"id": self.id} if self.name is None else {"id": self.id, "name": self.name}
        return {
            **names,
            "type": self.type,
            "installed": self.installed,
            "version": self.version,
            "cmd_line": self.command,
            "candidate": self.candidate,
            "error": self.error,
        }


@frozen(kw_only=True)
class Surroundings:
    """What dependencies are looked for in.

    :param python: name -> version of the server's own environment.
    :param packages: type -> id -> version of what is installed.
    :param versions_of: the versions of a Python package that can be had.
    :param needs: type and id -> dependencies of that package, for circles.
    :param python_command: template with ``{name}`` and ``{version}``.
    :param plugin_command: what to do about a missing package.
    """

    python: Mapping[str, str]
    packages: Mapping[str, Mapping[str, str]]
    versions_of: VersionsOf
    needs: Needs = field(repr=False)
    python_command: str
    plugin_command: str


async def findings(
    kind: str, package_id: str, dependencies: tuple[Dependency, ...], minimum: str, around: Surroundings
) -> list[Finding]:
    """Return a finding for each dependency: plugins first, then Python, then the others, in the package's order.

    A server that is too old for the package is a finding of its own, of type ``server``.

    :param kind: type of the package that has the dependencies.
    :param minimum: version of the server that the package needs, or empty.
    """
    found = []
    for each in sorted(dependencies, key=lambda one: _ORDER.get(one.type, 2)):
        if each.type == PYTHON:
            found.append(await _python(each, around))
        elif each.type in PACKAGES:
            found.append(_package(each, _circle(kind, package_id, each, around.needs), around))
        else:
            found.append(Finding(type=each.type, id=each.id, installed="Unknown"))
    problem = server_problem(minimum)
    if problem:
        needed = f"provisiond (>={minimum})"
        found.append(Finding(type="server", id=needed, version=__version__, error=problem))
    return found


def server_problem(minimum: str) -> str:
    """Return why this server is too old for a package, or an empty text."""
    if not minimum or version_key(__version__) >= version_key(minimum):
        return ""
    return f"this package needs version {minimum} or later of the server, this is {__version__}"


def parse_package(text: str) -> tuple[str, Conditions]:
    """Return id and conditions of a dependency on a package, such as ``xpl_time (>=0.2)``.

    :raises InvalidInput: when it is anything else.
    """
    match = _PACKAGE.fullmatch(text)
    if match is None:
        raise InvalidInput(f"{text[:80]!r} is not a dependency such as xpl_time (>=0.2)")
    rest = match["rest"].strip()
    if rest.startswith("(") and rest.endswith(")"):
        rest = rest[1:-1]
    return match["id"], parse_conditions(rest)


async def _python(each: Dependency, around: Surroundings) -> Finding:
    finding = Finding(type=each.type, id=each.id)
    try:
        wanted = parse_requirement(each.id)
    except InvalidInput as problem:
        return _with(finding, error=problem.sentence)
    version = around.python.get(wanted.key, "")
    if version and wanted.fits(version):
        return _with(finding, installed="True", version=version)
    candidate = wanted.best(await around.versions_of(wanted.name))
    return _with(
        finding,
        version=version,
        candidate=candidate,
        command=around.python_command.format(name=wanted.name, version=candidate) if candidate else "",
        error=_python_error(each.id, version, candidate, wanted),
    )


def _python_error(text: str, version: str, candidate: str, wanted: PythonRequirement) -> str:
    missing = f"{text} is not installed"
    if version:
        missing = f"{text} is needed, {wanted.name} {version} is installed"
    return (
        missing
        if candidate
        else f"{missing}; no version of {text} can be found"
        if version
        else (f"no version of {text} can be found")
    )


def _package(each: Dependency, circle: tuple[str, ...], around: Surroundings) -> Finding:
    try:
        package_id, conditions = parse_package(each.id)
    except InvalidInput as problem:
        return Finding(type=each.type, id=each.id, name=each.id, error=problem.sentence)
    version = around.packages.get(each.type, {}).get(package_id, "")
    good = bool(version) and conditions.fit(version)
    error = ""
    if circle:
        error = f"the packages need each other in a circle: {' → '.join(circle)}"
    elif version and not good:
        error = f"{each.id} is needed, {each.type} {package_id} {version} is installed"
    elif not good:
        error = f"{each.type} {package_id} is not installed"
    return Finding(
        type=each.type,
        id=each.id,
        name=package_id,
        installed="True" if good else "False",
        version=version,
        command="" if good else around.plugin_command,
        error=error,
    )


def _circle(kind: str, package_id: str, each: Dependency, needs: Needs) -> tuple[str, ...]:
    start = f"{kind}-{package_id}"
    way = circle_from(f"{each.type}-{_plain_id(each)}", lambda name: _needed(name, start, each, needs))
    return way if start in way else ()


def _needed(name: str, start: str, first: Dependency, needs: Needs) -> list[str]:
    if name == start:
        return [f"{first.type}-{_plain_id(first)}"]
    kind, _, package_id = name.partition("-")
    return [f"{one.type}-{_plain_id(one)}" for one in needs(kind, package_id) if one.type in PACKAGES]


def _plain_id(each: Dependency) -> str:
    match = _PACKAGE.fullmatch(each.id)
    return match["id"] if match else each.id


def _with(finding: Finding, **members: str) -> Finding:
    return Finding(type=finding.type, id=finding.id, **members)
