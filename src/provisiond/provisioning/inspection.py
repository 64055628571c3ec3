"""Looking at what phones get: files, previews, differences, and what a change would do."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator

from attrs import evolve, frozen

from provisiond.errors import NotFound, ProvisiondError
from provisiond.model.config import Config
from provisiond.model.device import Device
from provisiond.model.documents import check_config
from provisiond.plugins.values import RenderedFile
from provisiond.provisioning.config_tree import ConfigTree
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.fetches import Fetches
from provisiond.provisioning.file_sets import FileSet
from provisiond.provisioning.making import RENDERED_AT, SECRETS
from provisiond.provisioning.masking import masked
from provisiond.provisioning.rendering import Rendering
from provisiond.provisioning.tenants import Scope

MAX_DIFF_BYTES = 1 << 20


@frozen(kw_only=True)
class ServedFile:
    """A file that a device is served.

    :param revision: what it was made from.
    :param rendered: seconds since the epoch; so is ``fetched``, None when the phone never got it.
    :param fetched_is_current: True when what the phone got is what it would get now.
    """

    name: str
    size: int
    content_type: str
    sensitive: bool
    trigger: bool
    etag: str
    revision: str
    rendered: float | None
    fetched: float | None
    fetched_is_current: bool


@frozen(kw_only=True)
class Behind:
    """A device that runs an older configuration than it should.

    :param files: names of files that the phone has in an older form.
    """

    id: str
    never_fetched: bool
    files: tuple[str, ...]


@frozen(kw_only=True)
class Effect:
    """What a changed config would do to one device.

    :param changed: names of files that would get other bytes; so are ``added`` and ``removed``.
    :param problem: why the device would have no files; None when it would.
    """

    device_id: str
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    problem: str | None = None


class Inspection:
    """Shows what phones get, without changing anything.

    Secrets are struck out unless ``reveal`` is given.
    """

    def __init__(self, directory: Directory, tree: ConfigTree, rendering: Rendering, fetches: Fetches) -> None:
        self._directory = directory
        self._tree = tree
        self._rendering = rendering
        self._fetches = fetches

    async def files(self, device_id: str, scope: Scope) -> list[ServedFile]:
        """Return the files that a device is served now; none when they cannot be made.

        :raises NotFound: when there is no such device inside the scope's tree.
        """
        device = self._visible(device_id, scope)
        files = await self._rendering.device_files(device)
        fetches = await self._fetches.of(device_id)
        served: list[ServedFile] = []
        for name, file in files.files.items() if files is not None else ():
            fetch = fetches.get(name)
            served.append(
                ServedFile(
                    name=name,
                    size=len(file.content),
                    content_type=file.content_type,
                    sensitive=file.sensitive,
                    trigger=file.trigger,
                    etag=file.etag,
                    revision=files.revision if files is not None else "",
                    rendered=files.facts.get(RENDERED_AT) if files is not None else None,
                    fetched=fetch.at if fetch is not None else None,
                    fetched_is_current=fetch is not None and fetch.file.etag == file.etag,
                )
            )
        return served

    async def behind(self, scope: Scope) -> AsyncIterator[Behind]:
        """Yield the configured devices whose phone has not fetched what it would get now."""
        for device_id in tuple(self._directory.ids()):
            device = self._directory.get(device_id)
            if device is None or not device.configured or not scope.sees(device):
                continue
            files = await self._rendering.device_files(device)
            fetches = await self._fetches.of(device_id)
            old = [
                name
                for name, file in (files.files.items() if files is not None else ())
                if name in fetches and fetches[name].file.etag != file.etag
            ]
            if old or not fetches:
                yield Behind(id=device_id, never_fetched=not fetches, files=tuple(old))
            await self._rendering.breathe()

    async def preview(self, device_id: str, name: str, scope: Scope, *, reveal: bool = False) -> RenderedFile:
        """Return a file as it would be rendered now; nothing is kept.

        :raises NotFound: when there is no such device or file.
        :raises PluginProblem: when the files cannot be made.
        """
        files = await self._rendering.preview(self._visible(device_id, scope))
        file = files.files.get(name)
        if file is None:
            raise NotFound(f'file "{name}"')
        return file if reveal else _struck_out(file, _secrets(files))

    async def difference(self, device_id: str, name: str, scope: Scope, *, reveal: bool = False) -> str:
        """Return what would change against the file that the phone fetched last, as a unified diff.

        :raises NotFound: when there is no such device, or the phone never fetched the file.
        :raises PluginProblem: when the files cannot be made.
        """
        device = self._visible(device_id, scope)
        fetch = (await self._fetches.of(device_id)).get(name)
        if fetch is None:
            raise NotFound(f'fetched file "{name}"')
        files = await self._rendering.preview(device)
        new = files.files.get(name)
        secrets = () if reveal else (*fetch.secrets, *_secrets(files))
        before = masked(fetch.file.content[:MAX_DIFF_BYTES], secrets)
        after = masked(new.content[:MAX_DIFF_BYTES], secrets) if new is not None else b""
        return "".join(_lines_that_differ(before, after, name))

    async def dry_run(self, config_id: str, document: object, scope: Scope) -> AsyncIterator[Effect]:
        """Yield what would happen to each device if this were the config, for devices where something would.

        :raises NotFound: when there is no such config.
        :raises InvalidInput: when a member breaks a rule.
        """
        if config_id not in self._tree:
            raise NotFound(f'config "{config_id}"')
        members = check_config({**document, "id": config_id} if isinstance(document, dict) else document)
        override = Config({**members, "id": config_id})
        for affected in self._tree.graph.descendants([config_id]):
            for device_id in self._directory.using_config(affected):
                device = self._directory.get(device_id)
                if device is None or not scope.sees(device):
                    continue
                effect = await self._effect(device, override)
                if effect.changed or effect.added or effect.removed or effect.problem:
                    yield effect
                await self._rendering.breathe()

    async def _effect(self, device: Device, override: Config) -> Effect:
        current = await self._rendering.device_files(device)
        old = {name: file.etag for name, file in current.files.items()} if current is not None else {}
        try:
            files = await self._rendering.preview(device, override)
        except ProvisiondError as error:
            # A device that cannot be configured now is no worse off.
            return Effect(device_id=device.id, problem=error.sentence if current is not None else None)
        new = {name: file.etag for name, file in files.files.items()}
        return Effect(
            device_id=device.id,
            changed=tuple(name for name in old if name in new and new[name] != old[name]),
            added=tuple(name for name in new if name not in old),
            removed=tuple(name for name in old if name not in new),
        )

    def _visible(self, device_id: str, scope: Scope) -> Device:
        device = self._directory.get(device_id)
        if device is None or not scope.sees(device):
            raise NotFound(f'device "{device_id}"')
        return device


def _secrets(files: FileSet) -> tuple[str, ...]:
    return tuple(files.facts.get(SECRETS, ()))


def _struck_out(file: RenderedFile, secrets: tuple[str, ...]) -> RenderedFile:
    shown = masked(file.content, secrets)
    return evolve(file, content=shown) if shown != file.content else file


def _lines_that_differ(before: bytes, after: bytes, name: str) -> list[str]:
    old, new = (text.decode("utf-8", "replace").splitlines(keepends=True) for text in (before, after))
    found = difflib.unified_diff(old, new, f"fetched/{name}", f"now/{name}")
    return [line if line.endswith("\n") else f"{line}\n" for line in found]
