"""What must be right before anything of an extension is run (extension contract, sections 3 and 6)."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen

from provisiond.extensions.metadata import LIMITS, Metadata
from provisiond.extensions.problems import InvalidMetadata
from provisiond.extensions.registry import Registry
from provisiond.extensions.trees import Tree, check_commands
from provisiond.model.dependency_graph import circle_from
from provisiond.model.versions import version_key

_RELATION: Final = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.-]+)(?::\S+)?\s*(?:\(\s*(?P<sign><<|<=|=|>=|>>)\s*(?P<version>\S+?)\s*\))?"
)
_SIGNS: Final = {"<<": "lt", "<=": "le", "=": "eq", ">=": "ge", ">>": "gt"}
DebianVersion = Callable[[str], str | None]


@frozen(kw_only=True)
class RunningVersions:
    """What the limits of extensions are compared with.

    :param server: version of this server.
    :param platform: version of the platform that it runs on, or None when nobody knows.
    """

    server: str
    platform: str | None

    def of(self, limit: str) -> str | None:
        """Return the version that a member such as ``min_wazo_version`` is about."""
        return self.platform if limit.endswith("_wazo_version") else self.server


def within(limits: Mapping[str, str | None], running: RunningVersions) -> str | None:
    """Return the first limit that the running versions do not keep, or None; unknown versions keep every limit."""
    for limit in LIMITS:
        bound, version = limits.get(limit), running.of(limit)
        if not bound or version is None:
            continue
        too_low = limit.startswith("min_") and version_key(version) < version_key(bound)
        if too_low or (limit.startswith("max_") and version_key(version) > version_key(bound)):
            return limit
    return None


def validate(tree: Tree, running: RunningVersions, registry: Registry, way: tuple[str, ...]) -> None:
    """Refuse what cannot be installed here. Blocks.

    :param way: identities of the installations that asked for this one.
    :raises InvalidMetadata: naming the member.
    """
    metadata = tree.metadata
    check_commands(tree)
    limit = within(metadata.limits, running)
    if limit is not None:
        found, bound = running.of(limit), metadata.limits[limit]
        raise InvalidMetadata(limit, f"is {bound}, running is {found}", "range", {limit[:3]: bound})
    _check_circle(metadata, registry, way)
    for relation in metadata.debian:
        if not is_satisfied(relation):
            raise InvalidMetadata("debian_depends", f"{relation} is not installed", "debian", relation)


def _check_circle(metadata: Metadata, registry: Registry, way: tuple[str, ...]) -> None:
    own = [need.identity for need in metadata.needs]
    installed = {each.metadata.identity: each.metadata.needs for each in registry.all()}

    def needs(identity: str) -> list[str]:
        return own if identity == metadata.identity else [need.identity for need in installed.get(identity, ())]

    back = next((name for name in own if name in way), None)
    if back is not None:
        circle: tuple[str, ...] = (*way[way.index(back) :], metadata.identity, back)
    else:
        circle = circle_from(metadata.identity, needs)
    if circle:
        shown = " → ".join(circle)
        raise InvalidMetadata("depends", f"the extensions need each other in a circle: {shown}", "cycle", list(circle))


def is_satisfied(relation: str, version_of: DebianVersion | None = None) -> bool:
    """Tell whether one of the choices of a Debian relation is installed; true where nobody can tell. Blocks."""
    version_of = version_of or installed_debian_version
    try:
        return any(_choice(choice.strip(), version_of) for choice in relation.split("|"))
    except FileNotFoundError:
        # no Debian: whoever installs knows better
        return True


def _choice(choice: str, version_of: DebianVersion) -> bool:
    match = _RELATION.fullmatch(choice)
    if match is None:
        return False
    version = version_of(match["name"])
    if version is None or match["sign"] is None:
        return version is not None
    arguments = ["dpkg", "--compare-versions", version, _SIGNS[match["sign"]], match["version"]]
    return subprocess.run(arguments, check=False, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0  # noqa: S603


def installed_debian_version(name: str) -> str | None:
    """Return the version of a Debian package, or None when it is not installed. Blocks.

    :raises FileNotFoundError: when this is no Debian.
    """
    arguments = ["dpkg-query", "-W", "-f", "${Status}\t${Version}", "--", name]
    done = subprocess.run(arguments, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)  # noqa: S603
    status, _, version = done.stdout.partition("\t")
    return version if done.returncode == 0 and status.endswith(" installed") else None
