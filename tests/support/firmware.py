"""Firmware for tests: archives, definitions and a plugin that has them, without a network."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.plugin_packages import result, run_inline
from twisted.internet.task import Clock

from provisiond.model.operation import OperationProgress, format_progress
from provisiond.packages.archives import ArchiveLimits
from provisiond.packages.downloads import Downloads, Mirror
from provisiond.packages.firmware.inspection import FirmwareInspection
from provisiond.packages.firmware.service import FirmwarePackages
from provisiond.packages.web import WebClient

SMALL_LIMITS = ArchiveLimits(members=500, size=4 << 20, ratio=1000, ratio_floor=64 << 20)


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive; a name that ends in ``/`` is a directory."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


def file_section(name: str, content: bytes, url: str = "", **options: object) -> str:
    """Return the section of a file; its id is its name, blanks replaced. Without a URL it is a manual one."""
    more = "".join(f"{key}: {value}\n" for key, value in options.items())
    digest = hashlib.sha1(content).hexdigest()
    section = f"[file_{name.replace(' ', '_')}]\nfilename: {name}\nurl: {url}\n"
    return f"{section}size: {len(content)}\nsha1sum: {digest}\n{more}"


def package_section(name: str, files: str = "", install: str = "", **options: object) -> str:
    """Return the section of a package."""
    given = {"description": f"Package {name}", "version": "1", "files": files, "install": install, **options}
    return f"[pkg_{name}]\n" + "".join(f"{key}: {value}\n" for key, value in given.items() if value != "")


class FirmwareWorld:
    """One plugin ``demo`` with firmware packages; files come from a local mirror, everything happens at once."""

    def __init__(self, root: Path, limits: ArchiveLimits = SMALL_LIMITS) -> None:
        self.root = root
        self.plugins_dir = root / "plugins"
        self.plugin = self.plugins_dir / "demo"
        self.mirror = root / "mirror"
        self.tftpboot = self.plugin / "var/tftpboot"
        for path in (self.mirror, self.plugin / "pkgs", root / "scratch"):
            path.mkdir(parents=True, exist_ok=True)
        self.root_dir = self.tftpboot
        self.programs: dict[str, str] = {}
        clock = Clock()
        self.downloads = Downloads(
            WebClient(clock, dict), run_inline, clock, mirror=lambda: Mirror(str(self.mirror), only=True), pauses=()
        )
        self.packages = FirmwarePackages(
            plugins_dir=self.plugins_dir,
            downloads=self.downloads,
            run=run_inline,
            limits=limits,
            root_of=lambda plugin_id: self.root_dir,
            find_program=self.programs.get,
        )
        self.inspection = FirmwareInspection(
            plugins_dir=self.plugins_dir, downloads=self.downloads, run=run_inline, scratch=root / "scratch"
        )

    def define(self, *sections: str) -> None:
        """Write ``pkgs.db``."""
        (self.plugin / "pkgs/pkgs.db").write_text("\n".join(sections))

    def one(self, files: Mapping[str, bytes], steps: str, *, install: str = "x", **options: object) -> None:
        """Define the package ``fw`` of some files, each in the mirror, and its steps."""
        for name, content in files.items():
            (self.mirror / name).write_bytes(content)
        sections = [file_section(name, content) for name, content in files.items()]
        self.define(
            package_section("fw", " ".join(name.replace(" ", "_") for name in files), install, **options),
            *sections,
            f"[install_x]\n{steps}\n",
        )

    def install(self, package: str = "fw", word: str = "install") -> str:
        """Install a package and return the text of its ended progress."""
        progress = OperationProgress("install_pkg")
        try:
            result(getattr(self.packages, word)("demo", package, progress))
        except BaseException:
            progress.fail()
            self.last = format_progress(progress.snapshot())
            raise
        progress.succeed()
        return format_progress(progress.snapshot())

    def uninstall(self, package: str = "fw") -> None:
        """Remove a package."""
        result(self.packages.uninstall("demo", package))

    def served(self) -> dict[str, bytes]:
        """Return name -> content of everything below the root directory."""
        root = self.root_dir
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    def record(self, package: str = "fw") -> dict[str, Any]:
        """Return the record of a package."""
        return json.loads((self.plugin / "var/installed" / package).read_bytes())  # type: ignore[no-any-return]

    def leftovers(self) -> list[str]:
        """Return what only an interrupted installation leaves."""
        var = self.plugin / "var"
        found = [path for name in (".staging/*", ".journal/*") for path in var.glob(name)]
        found += [path for path in var.rglob("*") if path.name.endswith((".part", ".tmp"))]
        return [str(path.relative_to(var)) for path in found]
