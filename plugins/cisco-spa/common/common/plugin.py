"""The files of SPA phones and adaptors, and which of them they are for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from attrs import frozen

from provisiond.sdk import Device, DeviceInfo, File, Plugin, RawConfig, SipNotify, Support, SyncAction
from provisiond.sdk.lines import sip_lines
from provisiond.sdk.locales import locale_of
from provisiond.sdk.naming import mac_name

from .clock import clock_settings
from .keys import key_settings
from .languages import dictionary_script, language_of, tones_of
from .lines import line_settings, phone_settings


@frozen(kw_only=True)
class Model:
    """One model.

    :param lines: SIP lines it can have.
    :param keys: line keys; 0 for adaptors.
    :param file: the first file it asks for.
    """

    lines: int
    keys: int
    file: str


@frozen(kw_only=True)
class Generation:
    """What one generation has of its own.

    :param release: firmware release that the plugin was made for.
    :param dictionary: pattern of the names of language files, with ``{}`` for the language; empty when there are none.
    """

    release: str
    models: Mapping[str, Model]
    dictionary: str = ""


class SpaPlugin(Plugin):
    """SPA devices: a first file by model, then ``<mac>.xml``."""

    generation: ClassVar[Generation]

    def associate(self, info: DeviceInfo) -> Support | int:
        """Return how well this plugin fits the phone."""
        if info.vendor != "Cisco" or info.model not in self.generation.models:
            return Support.NONE
        if info.version is None:
            return Support.PROBABLE + 20
        return Support.EXACT if info.version.startswith(self.generation.release) else Support.PROBABLE + 50

    def common_files(self, raw_config: RawConfig) -> Iterable[File]:
        """Return the first file of each model: where its own file is."""
        base = str(raw_config["http_base_url"])
        for file in sorted({model.file for model in self.generation.models.values()}):
            yield File(
                name=file,
                templates=(f"{file}.xml.tpl", "model.xml.tpl"),
                context={"profile_rule": f"{base}/$MA.xml"},
                sensitive=False,
            )

    def device_files(self, device: Device, raw_config: RawConfig) -> Iterable[File]:
        """Return the device's own file."""
        mac = mac_name(device, upper=False)
        templates = [f"{mac}.xml.tpl", "base.xml.tpl"]
        if device.model:
            templates.insert(1, f"{device.model}.xml.tpl")
        yield File(
            name=f"{mac}.xml",
            templates=tuple(templates),
            context={"settings": self._settings(device, raw_config, "$MA.xml")},
            trigger=True,
        )

    def synchronize(self, device: Device, raw_config: RawConfig) -> SyncAction:
        """Have the device fetch its file; it restarts only when that changes what needs it."""
        return SipNotify("check-sync;reboot=false")

    def _settings(self, device: Device, raw_config: RawConfig, own_file: str) -> list[tuple[str, Any]]:
        model = self.generation.models.get(device.model or "") or Model(lines=1, keys=1, file="")
        base, locale = str(raw_config["http_base_url"]), locale_of(raw_config)
        lines = sip_lines(raw_config)
        settings: dict[str, Any] = {"Profile_Rule": f"{base}/{own_file}", "Resync_On_Reset": "Yes"}
        settings |= phone_settings(raw_config, lines[0] if lines else None)
        settings |= clock_settings(str(raw_config.get("timezone") or ""), self.context.year)
        settings |= tones_of(locale)
        settings |= dictionary_script(self.generation.dictionary, base, language_of(locale))
        for number in range(1, model.lines + 1):
            settings |= line_settings(number, next((line for line in lines if line.position == number), None))
        if model.keys:
            settings |= key_settings(raw_config, model.lines, model.keys)
        return sorted(settings.items())
