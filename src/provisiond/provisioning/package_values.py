"""What use cases of packages on this host take and give."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

from attrs import frozen

from provisiond.model.operation import OperationProgress
from provisiond.model.package_metadata import Dependency
from provisiond.packages.catalog.identity import PackageFile

PreparePackage = Callable[[OperationProgress], Awaitable[PackageFile]]


class InstalledPackage(Protocol):
    """An installed extension, as a package."""

    @property
    def package_id(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def dependencies(self) -> tuple[Dependency, ...]: ...
    @property
    def icon(self) -> Path | None: ...


@frozen
class Begun:
    """Work that has begun, and perhaps ended.

    :param path: of the operation.
    :param done: whether it has ended.
    :param error: why it failed, one sentence.
    """

    path: str
    done: bool
    error: str | None = None


class ExtensionPackages(Protocol):
    """Host extensions as packages (``provisioning.extensions.Extensions``)."""

    def installed_packages(self) -> Sequence[InstalledPackage]: ...
    async def install_package(self, prepare: PreparePackage, seconds: float) -> Begun: ...
    async def uninstall_package(self, package_id: str, seconds: float) -> Begun: ...


@frozen(kw_only=True)
class PackageRules:
    """What the settings say of packages.

    :param normal: False in development mode.
    :param wait: seconds that a caller waits for the end of an installation.
    :param plugins_dir: where plugins are installed.
    :param cache_dir: where archives are kept.
    :param signed: whether plugins must come from signed repositories.
    :param node: name of this node, see :func:`node_name`.
    :param address: of this node.
    :param error_code: what errors carry as their code.
    :param max_upload: bytes that a package file may have when it is sent.
    """

    node: str
    address: str
    error_code: int
    max_upload: int
    normal: bool
    wait: float
    plugins_dir: Path
    cache_dir: Path
    signed: bool
    python_command: str
    plugin_command: str


def node_name(host: str) -> str:
    """Return the name of a node of this server: its host name, plainer and shorter."""
    return host.lower().partition(".")[0].replace("-", "")[:16]
