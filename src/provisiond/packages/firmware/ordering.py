"""Which packages have to be installed, and in which order, so that one can be."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from provisiond.packages.firmware.definitions import Definitions, FirmwarePackage
from provisiond.packages.firmware.records import Records
from provisiond.packages.problems import DefinitionProblem, UnknownPackage


@frozen
class State:
    """What is known of one plugin's packages."""

    definitions: Definitions
    records: Records


def ordered(state: State, package_id: str) -> list[FirmwarePackage]:
    """Return the package after those that it depends on and that are not installed.

    :raises UnknownPackage: when it is not defined.
    :raises DefinitionProblem: when it is defined wrongly.
    """
    packages: Mapping[str, FirmwarePackage] = state.definitions.packages
    if package_id in state.definitions.disabled:
        raise DefinitionProblem(
            f"the package {package_id} cannot be installed: {state.definitions.disabled[package_id]}"
        )
    if package_id not in packages:
        raise UnknownPackage(f"package not found: {package_id[:100]}")
    found: list[FirmwarePackage] = []

    def add(package: FirmwarePackage) -> None:
        for depended in package.depends:
            if depended not in state.records.packages and packages[depended] not in found:
                add(packages[depended])
        found.append(package)

    add(packages[package_id])
    return found
