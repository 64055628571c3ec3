"""Package files that somebody sends (package contract, section 4.8)."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO

from attrs import evolve

from provisiond.errors import InvalidInput, PackageProblem
from provisiond.packages.catalog.identity import PackageFile, ReadExtension, read_package
from provisiond.packages.problems import disk_sentence
from provisiond.packages.wanted import PARTIAL_SUFFIX

_COPY = 1 << 18


def keep_upload(
    filename: str,
    content: IO[bytes],
    cache_dir: Path,
    read_extension: ReadExtension,
    check: Callable[[PackageFile], None],
) -> PackageFile:
    """Return the package that was sent, kept in the cache like a fetched one. Blocks.

    The name decides nothing: what comes is stored under a random name until it is known what it is.

    :param filename: what the sender calls it; must be what the package itself says it is.
    :param check: refuses, once it is known which package it is, by raising.
    :raises InvalidInput: when nothing was sent.
    :raises PackageProblem: when it is no package, or another than its name says.
    """
    # what a killed server leaves is removed at the next start, as an incomplete download
    private = cache_dir / f".upload-{uuid.uuid4().hex}{PARTIAL_SUFFIX}"
    try:
        if not _store(private, content):
            raise InvalidInput("no file was sent")
        package = read_package(private, read_extension)
        if filename != f"{package.fullname}-{package.version}.tgz":
            raise PackageProblem(f"the package says it is {package.fullname} {package.version[:64]}")
        check(package)
        kept = cache_dir / filename
        os.replace(private, kept)
        return evolve(package, path=kept)
    finally:
        private.unlink(missing_ok=True)


def _store(path: Path, content: IO[bytes]) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as target:
            while data := content.read(_COPY):
                target.write(data)
            return target.tell()
    except OSError as error:
        raise PackageProblem(f"the file cannot be stored: {disk_sentence(error)}") from error
