"""Looking at what phones get: files, previews, differences, and what a change would do."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping

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
from provisiond.provisioning.ports import Clock, Threads
from provisiond.provisioning.rendering import Rendering
from provisiond.provisioning.surveys import Bounds, Survey, gathered, surveyed
from provisiond.provisioning.tenants import Scope

MAX_DIFF_BYTES = 1 << 18
_NEXT = {"fetched": "now", "now": "then"}


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
class Effect:
    """What a changed config would do to one device.

    :param changed: names of files that would get other bytes; so are ``added`` and ``removed``.
    :param problem: why the device would have no files; None when it would.
    :param diffs: unified diffs of these files by name, when they were asked for.
    """

    device_id: str
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    problem: str | None = None
    diffs: Mapping[str, str] = {}


class Inspection:
    """Shows what phones get, without changing anything.

    Secrets are struck out unless ``reveal`` is given.
    """

    def __init__(
        self,
        directory: Directory,
        tree: ConfigTree,
        rendering: Rendering,
        fetches: Fetches,
        threads: Threads,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._tree = tree
        self._rendering = rendering
        self._fetches = fetches
        self._threads = threads
        self._clock = clock

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

    async def preview(self, device_id: str, name: str, scope: Scope, *, reveal: bool = False) -> RenderedFile:
        """Return a file as it would be rendered now; nothing is kept.

        :raises NotFound: when there is no such device or file.
        :raises PluginProblem: when the files cannot be made.
        """
        files = await self._rendering.preview(self._visible(device_id, scope))
        file = files.files.get(name)
        if file is None:
            raise NotFound(f'file "{name}"')
        return file if reveal else await self._threads.run(_struck_out, file, _secrets(files))

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
        after = new.content if new is not None else b""
        return await self._threads.run(_difference, fetch.file.content, after, secrets, name, "fetched")

    async def dry_run(
        self,
        config_id: str,
        document: object,
        scope: Scope,
        bounds: Bounds | None = None,
        *,
        reveal: Callable[[str], bool] | None = None,
    ) -> Survey[Effect]:
        """Tell what would happen to each device if this were the config, for devices where something would.

        Nothing is stored. The answer may be partial: looking takes no longer than the bounds say.

        :param reveal: when given, diffs are told too; called with a device's id, it tells whether secrets are shown.
        :raises NotFound: when there is no such config.
        :raises InvalidInput: when a member breaks a rule.
        """
        if config_id not in self._tree:
            raise NotFound(f'config "{config_id}"')
        members = check_config({**document, "id": config_id} if isinstance(document, dict) else document)
        override = Config({**members, "id": config_id})

        async def look(device_id: str, shown: bool) -> Effect | None:
            device = self._directory.get(device_id)
            return await self._effect(device, override, reveal if shown else None) if device is not None else None

        ids = await self._affected(config_id, scope)
        return await surveyed(ids, look, self._rendering.breathe, self._clock, bounds or Bounds())

    async def _affected(self, config_id: str, scope: Scope) -> list[str]:
        def visible(device_id: str) -> bool:
            device = self._directory.get(device_id)
            return device is not None and scope.sees(device)

        ids: list[str] = []
        for count, affected in enumerate(self._tree.graph.descendants([config_id]), 1):
            ids.extend(self._directory.using_config(affected))
            if count % 500 == 0:
                await self._rendering.breathe()
        return await gathered(ids, visible, self._rendering.breathe)

    async def _effect(self, device: Device, override: Config, reveal: Callable[[str], bool] | None) -> Effect | None:
        current = await self._rendering.device_files(device)
        try:
            files = await self._rendering.preview(device, override)
        except ProvisiondError as error:
            # A device that cannot be configured now is no worse off.
            return Effect(device_id=device.id, problem=error.sentence) if current is not None else None
        old = current.files if current is not None else {}
        changed = tuple(name for name in old if name in files.files and files.files[name].etag != old[name].etag)
        added = tuple(name for name in files.files if name not in old)
        removed = tuple(name for name in old if name not in files.files)
        if not (changed or added or removed):
            return None
        effect = Effect(device_id=device.id, changed=changed, added=added, removed=removed)
        if reveal is None:
            return effect
        secrets = () if reveal(device.id) else (*(_secrets(current) if current is not None else ()), *_secrets(files))
        pairs = {
            name: (old[name].content if name in old else b"", files.files[name].content if name in files.files else b"")
            for name in (*changed, *added, *removed)
        }
        return evolve(effect, diffs=await self._threads.run(_differences, pairs, secrets))

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


def _differences(pairs: Mapping[str, tuple[bytes, bytes]], secrets: tuple[str, ...]) -> dict[str, str]:
    return {name: _difference(before, after, secrets, name, "now") for name, (before, after) in pairs.items()}


def _difference(before: bytes, after: bytes, secrets: tuple[str, ...], name: str, label: str) -> str:
    old, new = (
        masked(content[:MAX_DIFF_BYTES], secrets).decode("utf-8", "replace").splitlines(keepends=True)
        for content in (before, after)
    )
    found = difflib.unified_diff(old, new, f"{label}/{name}", f"{_NEXT[label]}/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in found)
