"""Making files: from a device, its plugin and its parameters to a set of files, or to the reason why there are none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import evolve, frozen
from twisted.logger import Logger

from provisiond.errors import PluginProblem, ProvisiondError
from provisiond.model.config import Config
from provisiond.model.device import Device
from provisiond.plugins.values import LoadedPlugin, RenderedFile
from provisiond.provisioning.deconfiguring import Deconfiguring
from provisiond.provisioning.file_sets import FileSet
from provisiond.provisioning.flattening import Flattening
from provisiond.provisioning.masking import secrets_of
from provisiond.provisioning.ports import Clock, PluginHost
from provisiond.provisioning.rendered_files import RenderedFiles
from provisiond.provisioning.revisions import common_revision, device_revision

log = Logger()
RETRY_SECONDS = 30.0
SIP_USERNAME = "sip_username"
SECRETS = "secrets"
RENDERED_AT = "rendered_at"
Making = Callable[[str, Device, Mapping[str, Any]], Awaitable[Sequence[RenderedFile]]]
_UNEXPECTED = "the files could not be made because of a fault of the server, see the log"


@frozen
class Outcome:
    """How making a device's files ended.

    :param number: number of the last change before it began.
    :param revision: what the files were made from; None when that could not be told.
    :param problem: why there are no files, one sentence; None when there are.
    :param retry_at: when a failure is tried again for a phone that asks, in seconds since the epoch.
    """

    number: int
    revision: str | None
    problem: str | None = None
    retry_at: float | None = None

    def may_be_tried_again(self, now: float) -> bool:
        """Tell whether asking the plugin again may help."""
        # A clock that was set back lets nobody wait for longer.
        return self.retry_at is not None and not 0 < self.retry_at - now < 2 * RETRY_SECONDS


class Maker:
    """Makes sets of files, or finds those that were made from the same input before.

    :param files: where sets are looked up and kept.
    :param deconfiguring: undoes what was done for a device before it is done anew, or not at all.

    ``told`` is called with plugin, ``made`` or ``failed``, and seconds when a plugin has made a device's files.
    """

    def __init__(
        self,
        flattening: Flattening,
        host: PluginHost,
        files: RenderedFiles,
        clock: Clock,
        deconfiguring: Deconfiguring,
    ) -> None:
        self._deconfiguring = deconfiguring
        self._flattening = flattening
        self._host = host
        self._files = files
        self._clock = clock
        self.told: Callable[[str, str, float], object] = lambda plugin, outcome, seconds: None

    async def device_set(
        self, number: int, device: Device, former: Outcome | None, making: Making | None = None
    ) -> tuple[Outcome, FileSet | None]:
        """Return how making the files of a device ended, and the files. Never raises.

        :param number: number of the last change before this call.
        :param former: how it ended last time; a failure is not repeated at once for the same input.
        :param making: asks the plugin, given its id, device and raw_config; by default the plugin host.
        """
        try:
            return await self._made(number, device, former, making or self._host.device_files)
        except ProvisiondError as error:
            await self._deconfiguring.undo(device)
            return Outcome(number, None, error.sentence), None
        except Exception:
            log.failure("the files of device {device} could not be made", device=device.id)
            return Outcome(number, None, _UNEXPECTED, self._clock.seconds() + RETRY_SECONDS), None

    async def preview(self, device: Device, override: Config | None = None) -> FileSet:
        """Return the files that this device would get; nothing is kept.

        :raises PluginProblem: when the plugin is not loaded or fails, or the device lacks what it needs.
        :raises InvalidInput: when the merged parameters are not valid.
        """
        plugin = self._plugin_of(device)
        raw_config = await self._flattening.of(device, override)
        revision = device_revision(plugin.revision, self._year(), device, raw_config)
        rendered = await self._host.device_files(plugin.id, device, raw_config)
        return FileSet(revision=revision, files=rendered, facts=self._facts(raw_config))

    def common_revision(self, plugin_id: str) -> str:
        """Return the present revision of the files that all devices of a plugin share.

        :raises PluginProblem: when the plugin is not loaded.
        """
        return common_revision(self._loaded(plugin_id).revision, self._year(), self._flattening.common())

    async def common_set(self, plugin_id: str, revision: str) -> FileSet:
        """Return the files that all devices of a plugin share.

        :raises PluginProblem: when the plugin is not loaded or fails.
        """
        key = common_key(plugin_id)
        kept = await self._files.load(key)
        if kept is None or kept.revision != revision:
            rendered = await self._host.common_files(plugin_id, self._flattening.common())
            kept = FileSet(revision=revision, files=rendered)
            self._files.put(key, kept)
        return kept

    async def _made(
        self, number: int, device: Device, former: Outcome | None, making: Making
    ) -> tuple[Outcome, FileSet | None]:
        plugin = self._plugin_of(device)
        raw_config = await self._flattening.of(device)
        revision = device_revision(plugin.revision, self._year(), device, raw_config)
        failed = former is not None and former.problem is not None and former.revision == revision
        if former is not None and failed and not former.may_be_tried_again(self._clock.seconds()):
            return evolve(former, number=number), None
        kept = await self._files.load(device_key(device.id))
        if kept is not None and kept.revision == revision:
            return Outcome(number, revision), kept
        await self._deconfiguring.undo(device)
        began = self._clock.seconds()
        try:
            rendered = await making(plugin.id, device, raw_config)
        except ProvisiondError as error:
            self.told(plugin.id, "failed", self._clock.seconds() - began)
            if self._is_replaced(plugin):
                # What it needed may have gone with the former version.
                return await self._made(number, device, former, making)
            return Outcome(number, revision, error.sentence, self._clock.seconds() + RETRY_SECONDS), None
        self.told(plugin.id, "made", self._clock.seconds() - began)
        if self._is_replaced(plugin):
            # These bytes must not be kept under either revision.
            return await self._made(number, device, former, making)
        return Outcome(number, revision), FileSet(revision=revision, files=rendered, facts=self._facts(raw_config))

    def _facts(self, raw_config: dict[str, Any]) -> dict[str, Any]:
        return {
            SIP_USERNAME: _first_username(raw_config),
            SECRETS: list(secrets_of(raw_config)),
            RENDERED_AT: self._clock.seconds(),
        }

    def _is_replaced(self, plugin: LoadedPlugin) -> bool:
        return self._loaded(plugin.id).revision != plugin.revision

    def _year(self) -> int:
        return year_of(self._clock.seconds())

    def _plugin_of(self, device: Device) -> LoadedPlugin:
        if device.plugin is None:
            raise PluginProblem("no plugin serves this device")
        return self._loaded(device.plugin)

    def _loaded(self, plugin_id: str) -> LoadedPlugin:
        plugin = self._host.loaded().get(plugin_id)
        if plugin is None:
            raise PluginProblem(f'plugin "{plugin_id}" is not loaded')
        return plugin


def year_of(seconds: float) -> int:
    """Return the year, in UTC, of a time in seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).year


def device_key(device_id: str) -> str:
    """Return the key under which a device's files are kept."""
    return f"device {device_id}"


def common_key(plugin_id: str) -> str:
    """Return the key under which a plugin's common files are kept."""
    return f"common {plugin_id}"


def _first_username(raw_config: dict[str, object]) -> str | None:
    lines = raw_config.get("sip_lines")
    line = lines.get("1") if isinstance(lines, dict) else None
    username = line.get("username") if isinstance(line, dict) else None
    return username if isinstance(username, str) else None
