"""Operations of extensions on a disk that takes nothing any more."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.provisioning import run
from twisted.internet.task import Clock

from provisiond.provisioning.events import Events
from provisiond.provisioning.extension_operations import ExtensionOperations


class Here:
    """Runs blocking work at once."""

    async def run(self, work, *arguments):
        return work(*arguments)


def test_an_operation_that_cannot_be_kept_does_not_begin(tmp_path: Path) -> None:
    directory, clock = tmp_path / "operations", Clock()
    directory.write_text("no directory")
    operations = ExtensionOperations(directory, Here(), clock, Events(), lambda: "master")
    with pytest.raises(FileExistsError):
        run(operations.begin("install", None))
    assert operations.all() == []
    directory.unlink()
    assert run(operations.begin("install", None)).stored() in operations.all()
