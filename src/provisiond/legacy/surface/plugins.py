"""The classes that plugins are made of."""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.internet.defer import Deferred, fail

from provisiond.legacy.firmware import FetchfwPluginHelper
from provisiond.legacy.surface.abstract_plugin import AbstractPlugin
from provisiond.legacy.surface.localization import get_locale_and_language
from provisiond.legacy.surface.phonebook import add_xivo_phonebook_url, add_xivo_phonebook_url_from_format
from provisiond.legacy.surface.phoned_users import add_wazo_phoned_user_service_url
from provisiond.legacy.templates import TemplatePluginHelper


class PluginNotLoadedError(Exception):
    """The plugin is not loaded."""


class Plugin(AbstractPlugin):
    """A plugin that does nothing yet.

    :param app: what a plugin may ask of the server.
    :param plugin_dir: absolute path of the plugin's directory.
    :param gen_cfg: general settings; ``proxies`` is a live mapping.
    :param spec_cfg: settings of this plugin.
    """

    def __init__(self, app: Any, plugin_dir: str, gen_cfg: dict[str, Any], spec_cfg: dict[str, Any]) -> None:
        self._services: Any = {}
        self._plugin_dir = plugin_dir

    @property
    def info(self) -> dict[str, Any]:
        """What ``plugin-info`` says now, in the server's language."""
        with open(os.path.join(self._plugin_dir, "plugin-info"), encoding="utf-8") as file:
            document: dict[str, Any] = json.load(file)
        for name in reversed(get_locale_and_language()):
            if name and f"description_{name}" in document:
                document["description"] = document[f"description_{name}"]
        return {key: value for key, value in document.items() if not key.startswith("description_")}

    @property
    def services(self) -> Any:
        """Services by name: ``install`` and ``configure``."""
        return self._services

    @services.setter
    def services(self, value: Any) -> None:
        self._services = value

    def configure_common(self, raw_config: dict[str, Any]) -> None:
        """Write the files that all devices share."""

    def configure(self, device: dict[str, Any], raw_config: dict[str, Any]) -> None:
        """Write the files of a device."""

    def deconfigure(self, device: dict[str, Any]) -> None:
        """Remove the files of a device."""

    def synchronize(self, device: dict[str, Any], raw_config: dict[str, Any]) -> Deferred[Any]:
        """Have a device fetch its files again."""
        return fail(Exception("operation not supported"))

    def get_remote_state_trigger_filename(self, device: dict[str, Any]) -> str | None:
        """Return the name of the file whose download means that the device is up to date."""
        return None

    def is_sensitive_filename(self, filename: str) -> bool:
        """Tell whether a file holds secrets."""
        return False

    def load(self) -> None:
        """Never called."""
        raise NotImplementedError("load")

    def close(self) -> None:
        """End what the plugin began; it is not used any more."""


class StandardPlugin(Plugin):
    """A plugin whose files lie in ``var/tftpboot``."""

    def __init__(self, app: Any, plugin_dir: str, gen_cfg: dict[str, Any], spec_cfg: dict[str, Any]) -> None:
        super().__init__(app, plugin_dir, gen_cfg, spec_cfg)
        self._tftpboot_dir = os.path.join(plugin_dir, "var", "tftpboot")


__all__ = [
    "FetchfwPluginHelper",
    "Plugin",
    "PluginNotLoadedError",
    "StandardPlugin",
    "TemplatePluginHelper",
    "add_wazo_phoned_user_service_url",
    "add_xivo_phonebook_url",
    "add_xivo_phonebook_url_from_format",
]
