"""Peers that cannot be installed beside others: they are unpacked under build/ and started from there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.programs import BUILD, Missing

SECONDS = 120


def debian_program(package: str, program: str) -> str:
    """Return a program of a Debian package that is only unpacked, since it conflicts with another one.

    :param program: its path in the package.
    :raises Missing: when it cannot be had here.
    """
    root = BUILD / package
    if not (root / program).exists():
        scratch = BUILD / f"{package}.download"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        # The unprivileged user that apt-get would like to download as cannot write there.
        command = ["apt-get", "-o", "APT::Sandbox::User=root", "download", package]
        _run(command, package, scratch)
        for archive in scratch.glob("*.deb"):
            _run(["dpkg", "-x", str(archive), str(root)], package, scratch)
        shutil.rmtree(scratch)
    if not os.access(root / program, os.X_OK):
        raise Missing(f"{package} has no {program}")
    return str(root / program)


def python_package(name: str, version: str) -> Path:
    """Return a directory with a package of the Python index, apart from the environment that runs the bench.

    :raises Missing: when it cannot be had here.
    """
    root = BUILD / f"{name}-{version}"
    if not root.exists():
        scratch = BUILD / f"{name}.download"
        shutil.rmtree(scratch, ignore_errors=True)
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--target", str(scratch)]
        _run([sys.executable, "-m", "pip", "install", *options, f"{name}=={version}"], name, BUILD)
        scratch.rename(root)
    return root


def _run(command: Sequence[str], what: str, directory: Path) -> None:
    try:
        subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        raise Missing(f"{what} cannot be had here ({type(error).__name__})") from None
