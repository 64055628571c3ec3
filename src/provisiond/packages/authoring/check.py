"""Looking at a built plugin as the server, and a reader of its sources, would: everything that needs no plugin host."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from attrs import define, field

from provisiond.errors import PackageProblem
from provisiond.model.capability import Capability
from provisiond.packages.archives import PLUGIN_LIMITS, Usage
from provisiond.packages.authoring.package import archive_name, read_info
from provisiond.packages.firmware.definitions import read_definitions
from provisiond.packages.packing import pack_directory, tree_members
from provisiond.packages.plugin_archive import is_plugin_id, unpack_plugin

_EMPTY_DIGEST = {"0" * 32, "0" * 40, "0" * 64}


@define
class CheckReport:
    """What was found.

    :param problems: what a server would refuse, or what would not work.
    :param warnings: what should be looked at.
    """

    problems: list[str] = field(factory=list)
    warnings: list[str] = field(factory=list)


def check_tree(directory: Path) -> CheckReport:
    """Return what is wrong with manifest, firmware definitions and archive of a built plugin.

    :param directory: its name is the plugin's id.
    """
    report = CheckReport()
    if not is_plugin_id(directory.name):
        report.problems.append(f"{directory.name[:60]!r} cannot be the id of a plugin")
    _check_manifest(directory, report)
    _check_definitions(directory, report)
    if not report.problems:
        _check_archive(directory, report)
    return report


def _check_manifest(directory: Path, report: CheckReport) -> None:
    try:
        info = read_info(directory)
    except PackageProblem as problem:
        report.problems.append(problem.sentence)
        return
    if not info["capabilities"]:
        report.warnings.append("plugin-info names no capability: no phone will be given to this plugin")
    for key in info["capabilities"]:
        try:
            Capability.parse(key)
        except Exception as error:
            report.problems.append(f"capability {key[:80]!r}: {error}")
    if not any(key.startswith("description_") for key in info):
        report.warnings.append("plugin-info has no description in another language, such as description_fr")


def _check_definitions(directory: Path, report: CheckReport) -> None:
    definitions = read_definitions(directory)
    report.problems += [str(fault) for fault in definitions.faults]
    report.warnings += [str(fault) for fault in definitions.warnings]
    for package in definitions.packages.values():
        if not package.descriptions:
            report.warnings.append(f"package {package.id} has no description in another language")
    used = {file.id for package in definitions.packages.values() for file in package.files}
    for file in definitions.files.values():
        if set(file.wanted.digests.values()) & _EMPTY_DIGEST or file.wanted.size == 0:
            report.problems.append(f"[file_{file.id}] has no real size or digest")
        if file.wanted.url.startswith("ftp:"):
            report.warnings.append(f"[file_{file.id}] comes over FTP")
        if file.id not in used:
            report.warnings.append(f"[file_{file.id}] belongs to no package")


def _check_archive(directory: Path, report: CheckReport) -> None:
    """Pack the plugin and unpack it as a server does."""
    for name in (path.as_posix() for path in tree_members(directory)):
        if name.startswith("var/") and not _belongs_to_var(directory, name):
            report.warnings.append(f"{name} will not survive an upgrade of the plugin")
    try:
        info = read_info(directory)
        with tempfile.TemporaryDirectory() as work:
            archive = Path(work, archive_name(directory.name, str(info["version"])))
            pack_directory(directory, archive, time=0)
            staging = Path(work, "unpacked")
            staging.mkdir()
            unpack_plugin(archive, staging, directory.name, str(info["version"]), Usage(PLUGIN_LIMITS))
    except (PackageProblem, OSError) as problem:
        report.problems.append(f"it cannot be packed and unpacked: {getattr(problem, 'sentence', problem)}")


def _belongs_to_var(directory: Path, name: str) -> bool:
    parts = name.split(os.sep)
    return parts[1] in ("templates", "cache", "installed", "tftpboot") or name == "var/config.json"
