"""What all plugins for Snom phones share."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, ClassVar

from attrs import frozen

from provisiond.sdk import (
    Device,
    DeviceInfo,
    File,
    Plugin,
    PluginContext,
    PluginProblem,
    RawConfig,
    SipNotify,
    Support,
    SyncAction,
)
from provisiond.sdk.naming import mac_name

from .identities import identities, unused_identities, voicemail_key
from .keys import key_settings
from .models import MODELS, image_name, is_model_name, model_of
from .settings import (
    LANGUAGES,
    base_url,
    certificates,
    clock_settings,
    code_settings,
    locale_settings,
    network_settings,
    phonebook_url,
)

_ACCOUNTS = ("admin_username", "admin_password", "user_username", "user_password")


@frozen(kw_only=True)
class Generation:
    """How the firmware of one plugin differs from others.

    :param release: its version.
    :param ships_languages: False if the phone fetches its languages from the server.
    :param has_web_accounts: True if administrator and user have accounts of their own on the phone's web pages.
    :param has_short_labels: True if keys have a label for narrow displays too.
    :param has_inline_certificates: True if certificates may stand in the settings; else they are files.
    :param setting_server_end: what stands behind the server's address for the next start.
    """

    release: str
    ships_languages: bool = True
    has_web_accounts: bool = False
    has_short_labels: bool = False
    has_inline_certificates: bool = False
    setting_server_end: str = ""


class SnomPlugin(Plugin):
    """Snom desk phones, which read XML settings from ``snom<model>.htm`` and ``snom<model>-<MAC>.htm``."""

    generation: ClassVar[Generation]

    def __init__(self, context: PluginContext) -> None:
        super().__init__(context)
        self._models = tuple(key.split(", ")[1] for key in context.capabilities)

    def associate(self, info: DeviceInfo) -> Support | int:
        """Return how well this plugin fits: best for the very firmware, less for others of the same model."""
        if info.vendor != "Snom":
            return Support.NONE
        if info.model not in self._models:
            return Support.UNKNOWN
        if info.version is None:
            return Support.PROBABLE + 20
        if info.version == self.generation.release:
            return Support.EXACT
        same = info.version.split(".")[:2] == self.generation.release.split(".")[:2]
        return Support.COMPLETE if same else Support.PROBABLE + 50

    def common_files(self, raw_config: RawConfig) -> Iterator[File]:
        """Return for each model what all its phones share, and the name of its firmware."""
        url = base_url(raw_config)
        for model in self._models:
            image = image_name(model, self.generation.release)
            context = {
                "firmware_status": f"{url}/snom{model}-firmware.xml" if image else "",
                "firmware": f"{url}/firmware/{image}" if image else "",
                "languages": self._languages(url),
                "model": model,
            }
            for end in ("htm", "xml"):
                yield _common_file(f"snom{model}.{end}", f"snom{model}.xml.tpl", "model.xml.tpl", context)
                name = f"snom{model}-firmware"
                yield _common_file(f"{name}.{end}", f"{name}.xml.tpl", "firmware.xml.tpl", context)

    def device_files(self, device: Device, raw_config: RawConfig) -> Iterator[File]:
        """Return the settings of one phone, under both names that phones ask for, and the certificates it names.

        :raises PluginProblem: when the device has no MAC address or no model that can stand in a file name.
        """
        mac, model = mac_name(device), device.model
        if not is_model_name(model):
            raise PluginProblem("the device has no model that can stand in a file name, so its file names are unknown")
        own = (f"{model}.xml.tpl",) if model in MODELS else ()
        templates = (f"{mac}.xml.tpl", *own, "base.xml.tpl")
        context = self._context(device, raw_config, mac)
        for name in (f"snom{model}-{mac}.htm", f"{mac}.xml"):
            yield File(name=name, templates=templates, context=context, trigger=True)
        if not self.generation.has_inline_certificates:
            for number, body in enumerate(certificates(raw_config), start=1):
                yield File(name=_certificate_name(mac, number), content=base64.b64decode(body), sensitive=False)

    def synchronize(self, device: Device, raw_config: RawConfig) -> SyncAction:
        """Return the NOTIFY that makes the phone read its settings again without a restart."""
        return SipNotify("check-sync;reboot=false")

    def _languages(self, url: str) -> list[dict[str, str]]:
        if self.generation.ships_languages:
            return []
        return [
            {"name": name, "gui": f"{url}/i18n/gui_lang_{mark}.xml", "web": f"{url}/i18n/web_lang_{mark}.xml"}
            for name, mark in LANGUAGES.values()
        ]

    def _context(self, device: Device, raw_config: RawConfig, mac: str) -> dict[str, Any]:
        url = base_url(raw_config)
        bodies = certificates(raw_config)
        used = identities(raw_config)
        return {
            "accounts": {name: str(raw_config.get(name) or "") for name in _ACCOUNTS},
            "call_waiting": "off" if device.options.get("switchboard") else "on",
            "certificates": bodies if self.generation.has_inline_certificates else [],
            "certificate_urls": []
            if self.generation.has_inline_certificates
            else [f"{url}/{_certificate_name(mac, number)}" for number, _ in enumerate(bodies, start=1)],
            "clock": clock_settings(raw_config, self.context.year),
            "codes": code_settings(raw_config),
            "has_short_labels": self.generation.has_short_labels,
            "has_web_accounts": self.generation.has_web_accounts,
            "identities": used,
            "unused_identities": unused_identities(used),
            "keys": key_settings(raw_config, model_of(device.model)),
            "locale": locale_settings(raw_config),
            "network": network_settings(raw_config),
            "phonebook_url": phonebook_url(raw_config),
            "setting_server": f"{url}{self.generation.setting_server_end}",
            "voicemail_key": voicemail_key(raw_config),
        }


def _common_file(name: str, own_template: str, template: str, context: dict[str, Any]) -> File:
    return File(name=name, templates=(own_template, template), context=context, sensitive=False)


def _certificate_name(mac: str, number: int) -> str:
    return f"{mac}-ca{number}.der"
