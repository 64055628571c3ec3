"""The commands of an extension in their order, and what undoes them (extension contract, sections 2.2 and 3.1)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from provisiond.extensions.commands import Command, Commands
from provisiond.extensions.metadata import Metadata
from provisiond.extensions.problems import ExtensionProblem
from provisiond.extensions.registry import InstalledExtension
from provisiond.extensions.staging import Placed, place, take_away

Write = Callable[[str], None]
_RULES: Final = "wazo/rules"


@frozen(kw_only=True)
class HostRules:
    """How commands are run on this host.

    :param path: PATH of the commands.
    :param seconds: longest time that one may take.
    :param root: of the host's files.
    """

    path: str
    seconds: float = 600.0
    root: Path = Path("/")


class ExtensionCommands:
    """Runs the steps of extensions; the methods block."""

    def __init__(self, commands: Commands, rules: HostRules) -> None:
        self._commands = commands
        self._rules = rules

    @property
    def stopped(self) -> bool:
        """Whether the server stops, so that nothing is run any more."""
        return self._commands.stopped

    def build(self, tree: Path, metadata: Metadata, old: str, write: Write) -> None:
        """Run the step ``build``."""
        self._run(tree, metadata, [_RULES, "build"], old, write)

    def package(self, tree: Path, stage: Path, metadata: Metadata, old: str, write: Write) -> None:
        """Run the step ``package``, that fills an empty staging folder."""
        stage.mkdir()
        fakeroot = shutil.which("fakeroot", path=self._rules.path)
        arguments = [*([fakeroot] if fakeroot else []), _RULES, "package"]
        self._run(tree, metadata, arguments, old, write, {"pkgdir": str(stage)})

    def install(self, tree: Path, metadata: Metadata, old: str, write: Write) -> None:
        """Run the step ``install``."""
        arguments = ["make", "install"] if metadata.form == "make" else [_RULES, "install"]
        self._run(tree, metadata, arguments, old, write)

    def uninstall(self, tree: Path, metadata: Metadata, write: Write) -> None:
        """Run the step ``uninstall``."""
        arguments = ["make", "uninstall"] if metadata.form == "make" else [_RULES, "uninstall"]
        self._run(tree, metadata, arguments, "", write)

    def put_back(self, new: Placed, old: InstalledExtension | None, write: Write) -> None:
        """Take away the files of a version that failed, and install the former one again; failures are only written."""
        kept = old.files if old else ()
        for sentence in take_away(self._rules.root, [name for name in new.files if name not in kept], new.folders):
            write(sentence)
        if old is None:
            return
        try:
            place(old.stage, self._rules.root, Placed(old.files, old.folders))
            self.install(old.tree, old.metadata, "", write)
        except ExtensionProblem as problem:
            write(f"version {old.version} cannot be put back: {problem.sentence}")

    def remove(self, extension: InstalledExtension, write: Write, *, force: bool) -> None:
        """Uninstall an extension with its own commands.

        :param force: go on when a command fails.
        :raises ExtensionProblem: when a command fails; the rest is not done then.
        """
        metadata = extension.metadata
        self._step(force, write, lambda: self.uninstall(extension.tree, metadata, write))
        for sentence in take_away(self._rules.root, extension.files, extension.folders):
            write(sentence)
            if not force:
                raise ExtensionProblem(sentence)
        if metadata.form == "rules" and metadata.format_version >= 1:
            arguments = [_RULES, "postrm"]
            self._step(force, write, lambda: self._run(extension.tree, metadata, arguments, "", write))

    @staticmethod
    def _step(force: bool, write: Write, work: Callable[[], None]) -> None:
        try:
            work()
        except ExtensionProblem as problem:
            if not force:
                raise
            write(f"{problem.sentence}; going on")

    def _run(
        self,
        tree: Path,
        metadata: Metadata,
        arguments: list[str],
        old: str,
        write: Write,
        more: Mapping[str, str] | None = None,
    ) -> None:
        environment = {
            "EXTENSION_NAME": metadata.name,
            "EXTENSION_NAMESPACE": metadata.namespace,
            "EXTENSION_VERSION": metadata.version,
            "EXTENSION_OLD_VERSION": old,
            **(more or {}),
        }
        self._commands.run(
            Command(
                arguments=arguments,
                directory=tree,
                path=self._rules.path,
                environment=environment,
                seconds=self._rules.seconds,
            ),
            write,
        )
