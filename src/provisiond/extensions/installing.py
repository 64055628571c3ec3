"""Installing and uninstalling one extension, step by step, with everything put back when a step fails."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Protocol

from attrs import frozen

from provisiond.extensions.commands import Commands
from provisiond.extensions.git import GitFetch
from provisiond.extensions.metadata import Metadata, Need, check_metadata
from provisiond.extensions.output import OutputLog
from provisiond.extensions.problems import CommandFailed, ExtensionProblem, InvalidMetadata
from provisiond.extensions.registry import InstalledExtension, Registry, Unfinished
from provisiond.extensions.running import ExtensionCommands, HostRules
from provisiond.extensions.sources import UPLOAD, Source, SourceRules
from provisiond.extensions.staging import Placed, place, planned, take_away
from provisiond.extensions.trees import Tree, check_tree, copy_tree, only_directory, read_tree, subdirectory_of
from provisiond.extensions.validating import RunningVersions, validate
from provisiond.model.versions import version_key

MAX_NESTING: Final = 20
Run = Callable[..., Awaitable[Any]]
Fetch = Callable[[str, Path], Awaitable[None]]
Unpack = Callable[[Path, Path], object]
Choose = Callable[[Need], Awaitable[Source | None]]
Inner = Callable[[Source, tuple[str, ...]], Awaitable[None]]


class Report(Protocol):
    """Takes how far the work is."""

    @property
    def uuid(self) -> str: ...
    @property
    def log(self) -> OutputLog: ...
    def step(self, status: str) -> None: ...
    def identify(self, metadata: Metadata) -> None: ...


@frozen(kw_only=True)
class Surroundings:
    """What installing needs from outside.

    :param run: runs blocking work in a thread.
    :param fetch: puts what is at an http or https address into a file.
    :param unpack: unpacks an archive of a stranger into an existing directory.
    :param choose: returns where the newest fitting version of an extension is, of the market.
    :param now: seconds since 1970.
    """

    run: Run
    fetch: Fetch
    unpack: Unpack
    choose: Choose
    now: Callable[[], float]


class Installer:
    """Installs and uninstalls; one at a time, see to that.

    :param directory: private, for work and what is installed.
    """

    def __init__(
        self,
        directory: Path,
        registry: Registry,
        commands: Commands,
        *,
        sources: SourceRules,
        host: HostRules,
        running: RunningVersions,
        around: Surroundings,
    ) -> None:
        self._work = directory / "work"
        self._registry = registry
        self._commands = commands
        self._steps = ExtensionCommands(commands, host)
        self._sources = sources
        self._host = host
        self._running = running
        self._around = around
        self._run = around.run

    async def install(
        self, source: Source, report: Report, inner: Inner, *, reinstall: bool = False, way: tuple[str, ...] = ()
    ) -> None:
        """Install an extension, or another version of it.

        :param source: allowed by the settings.
        :param inner: installs a dependency for this one.
        :param way: identities of the installations that asked for this one.
        :raises ProvisiondError: when a step fails; everything is as it was then.
        """
        work = self._work / report.uuid
        try:
            report.step("downloading")
            fetched, source = await self._download(source, work, report)
            report.step("extracting")
            try:
                tree = await self._run(self._extract, source, fetched, work)
            except InvalidMetadata:
                # it was there and could be read: what it says is wrong
                report.step("validating")
                raise
            report.identify(tree.metadata)
            report.step("validating")
            old = self._registry.get(tree.metadata.namespace, tree.metadata.name)
            if old is not None and old.version == tree.metadata.version and old.state == "installed" and not reinstall:
                return
            self._note_downgrade(old, tree.metadata, report)
            await self._run(validate, tree, self._running, self._registry, way)
            report.step("installing dependencies")
            await self._dependencies(tree.metadata, inner, way)
            await self._put(source, tree, old, report)
            report.step("cleaning")
        finally:
            await self._run(shutil.rmtree, work, True)

    async def uninstall(self, extension: InstalledExtension, report: Report, *, force: bool) -> None:
        """Uninstall an extension with the commands of its installed version.

        :param force: forget it even when a command fails.
        :raises ExtensionProblem: when a command fails; it stays, marked as broken.
        """
        report.step("removing")
        work = Unfinished(uuid=report.uuid, kind="uninstall", identity=extension.metadata.identity)
        await self._run(self._registry.note, work)
        try:
            await self._run(self._remove, extension, report.log.write, force)
        except ExtensionProblem as problem:
            await self._run(self._registry.mark_broken, extension)
            outcome = {"exit": problem.outcome} if isinstance(problem, CommandFailed) else {}
            raise ExtensionProblem(problem.sentence, "removing-error", outcome) from None
        else:
            await self._run(self._registry.remove, extension)
        finally:
            await self._run(self._registry.finished, report.uuid)

    def tidy(self) -> None:
        """End the command that a killed server has left, and remove its working directories, at the start. Blocks."""
        self._commands.end_leftover()
        shutil.rmtree(self._work, ignore_errors=True)

    def recover(self, write: Callable[[str], None]) -> list[str]:
        """Undo what the end of the server has interrupted; return a sentence for each. Blocks, and runs commands."""
        done = []
        for work in self._registry.unfinished():
            namespace, _, name = work.identity.partition("/")
            old = self._registry.get(namespace, name)
            if work.kind == "install" and old is not None and old.place == Path(work.place):
                done.append(f"the extension {work.identity} had just been installed")
            elif work.kind == "install":
                metadata = check_metadata(dict(work.document), "rules" if work.form == "rules" else "make")
                self._roll_back(Path(work.place), metadata, Placed(work.files, work.folders), old, write)
                done.append(f"the interrupted installation of the extension {work.identity} was undone")
            elif old is not None:
                self._registry.mark_broken(old)
                done.append(f"the uninstallation of the extension {work.identity} was interrupted, repeat it")
            self._registry.finished(work.uuid)
        return done

    # The steps

    async def _download(self, source: Source, work: Path, report: Report) -> tuple[Path, Source]:
        await self._run(work.mkdir, 0o700, True, True)
        options = source.options
        if source.method == "market":
            need = Need(options["namespace"], options["name"], options.get("version", ""))
            found = await self._around.choose(need)
            if found is None:
                raise ExtensionProblem(f"the market has no version of {need.identity} that fits this server")
            self._sources.check(found)
            return await self._download(found, work, report)
        if source.method == "git":
            git = GitFetch(self._commands, self._host.path, self._host.seconds, report.log.write)
            await self._run(git.fetch, options["url"], options.get("ref"), work / "source")
            return work / "source", source
        if "url" in options:
            await self._around.fetch(options["url"], work / "archive")
            return work / "archive", source
        if source.method == UPLOAD:
            return Path(options["path"]), source
        return await self._run(self._sources.local_path, options["path"]), source

    def _extract(self, source: Source, fetched: Path, work: Path) -> Tree:
        tree = work / "tree"
        if source.method == "directory":
            inside = subdirectory_of(fetched, source.options.get("subdirectory"))
            copy_tree(inside, tree)
            return read_tree(tree)
        if source.method == "git":
            root = fetched
        else:
            _check_digest(fetched, source.options.get("sha256"))
            unpacked = work / "unpacked"
            unpacked.mkdir()
            self._around.unpack(fetched, unpacked)
            root = only_directory(unpacked)
            if (unpacked / "icon.png").is_file() and not (root / "icon.png").exists():
                (unpacked / "icon.png").rename(root / "icon.png")
        os.rename(subdirectory_of(root, source.options.get("subdirectory")), tree)
        check_tree(tree)
        return read_tree(tree)

    def _note_downgrade(self, old: InstalledExtension | None, metadata: Metadata, report: Report) -> None:
        if not metadata.document.get("description"):
            report.log.write("the metadata have no description")
        if self._running.platform is None and any("wazo" in limit for limit in metadata.limits):
            report.log.write("nobody knows the version of the platform: its limits are not checked")
        if old is not None and version_key(metadata.version) < version_key(old.version):
            report.log.write(f"this is a downgrade from {old.version} to {metadata.version}")

    async def _dependencies(self, metadata: Metadata, inner: Inner, way: tuple[str, ...]) -> None:
        for need in metadata.needs:
            present = self._registry.get(need.namespace, need.name)
            if present is not None and need.fits(present.version):
                continue
            if len(way) >= MAX_NESTING:
                raise ExtensionProblem("the dependencies are nested too deeply")
            source = await self._around.choose(need)
            if source is None:
                wanted = f"{need.identity} {need.version}".strip()
                raise InvalidMetadata("depends", f"{wanted} is not installed, and the market has none", "enum", wanted)
            self._sources.check(source)
            try:
                await inner(source, (*way, metadata.identity))
            except InvalidMetadata as problem:
                if problem.constraint_id == "cycle":
                    raise
                raise ExtensionProblem(f"the dependency {need.identity} failed: {problem.sentence}") from None
            except ExtensionProblem as problem:
                raise ExtensionProblem(f"the dependency {need.identity} failed: {problem.sentence}") from None

    async def _put(self, source: Source, tree: Tree, old: InstalledExtension | None, report: Report) -> None:
        metadata, former, write = tree.metadata, old.version if old else "", report.log.write
        home = await self._run(self._registry.new_place, metadata)
        try:
            await self._run(os.rename, tree.path, home / "tree")
            if metadata.form == "rules":
                report.step("building")
                await self._run(self._steps.build, home / "tree", metadata, former, write)
                report.step("packaging")
                await self._run(self._steps.package, home / "tree", home / "stage", metadata, former, write)
            if metadata.debian:
                report.step("updating")
            report.step("installing")
            owned = old.files if old else ()
            plan = await self._run(planned, home / "stage", self._host.root, owned)
        except BaseException:
            await self._run(shutil.rmtree, home, True)
            raise
        new = InstalledExtension(
            metadata=metadata,
            source=source.shown(),
            place=home,
            files=plan.files,
            folders=tuple(sorted({*plan.folders, *(old.folders if old else ())})),
            installed=self._around.now(),
        )
        await self._place(new, plan, old, report)

    async def _place(
        self, new: InstalledExtension, plan: Placed, old: InstalledExtension | None, report: Report
    ) -> None:
        metadata, write = new.metadata, report.log.write
        note = Unfinished(
            uuid=report.uuid,
            kind="install",
            identity=metadata.identity,
            document=metadata.document,
            form=metadata.form,
            place=str(new.place),
            files=plan.files,
            folders=plan.folders,
        )
        await self._run(self._registry.note, note)
        try:
            await self._run(place, new.stage, self._host.root, plan)
            await self._run(self._steps.install, new.tree, metadata, old.version if old else "", write)
            await self._run(self._registry.put, new)
        except BaseException:
            if self._steps.stopped:
                # the next start undoes it
                raise
            report.step("rolling back")
            await self._run(self._roll_back, new.place, metadata, plan, old, write)
            await self._run(self._registry.finished, report.uuid)
            raise
        gone = [name for name in (old.files if old else ()) if name not in plan.files]
        for sentence in await self._run(take_away, self._host.root, gone, ()):
            write(sentence)
        await self._run(self._registry.finished, report.uuid)

    def _roll_back(
        self, home: Path, metadata: Metadata, plan: Placed, old: InstalledExtension | None, write: Callable[[str], None]
    ) -> None:
        try:
            self._steps.uninstall(home / "tree", metadata, write)
        except ExtensionProblem as problem:
            write(f"while rolling back: {problem.sentence}")
        self._steps.put_back(plan, old, write)
        shutil.rmtree(home, ignore_errors=True)

    def _remove(self, extension: InstalledExtension, write: Callable[[str], None], force: bool) -> None:
        self._steps.remove(extension, write, force=force)


def _check_digest(path: Path, wanted: str | None) -> None:
    if wanted is None:
        return
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != wanted.lower():
        raise ExtensionProblem(f"the archive has the sha256 digest {found} instead of {wanted.lower()}")
