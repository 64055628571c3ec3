"""A plugin that is loaded in this process."""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from provisiond.errors import PluginProblem
from provisiond.legacy import driving
from provisiond.legacy.application import Application
from provisiond.legacy.firmware import FetchfwPluginHelper
from provisiond.legacy.installing import installs
from provisiond.legacy.loading import plugin_class, reason
from provisiond.legacy.mirror import MadeFile, Mirror
from provisiond.legacy.quirks import suited
from provisiond.legacy.surface.services import InvalidParameterError
from provisiond.legacy.surroundings import Surroundings

logger = logging.getLogger("plugin.host")
EXTRACTORS: Final = ("http", "tftp", "dhcp")


@frozen(kw_only=True)
class Setting:
    """What a plugin is given when it is made, besides its directory.

    :param general: harmless settings of the server; the live proxies are added.
    :param specific: settings of this plugin.
    :param base: the base raw_config.
    """

    general: Mapping[str, Any]
    specific: Mapping[str, Any]
    base: Mapping[str, Any]


@frozen(kw_only=True)
class LegacyFile:
    """A file that a plugin made, with what the plugin says of it."""

    name: str
    content: bytes
    sensitive: bool
    trigger: bool


class HostedLegacyPlugin:
    """One instance of a plugin. Everything here blocks, except where told otherwise; one call at a time.

    :param mirror: the directory that the plugin gets.
    :raises PluginProblem: when it cannot be made.
    """

    def __init__(self, plugin_id: str, mirror: Mirror, here: Surroundings, setting: Setting) -> None:
        self.id = plugin_id
        self._mirror = mirror
        self._here = here
        self._app = Application(here, int(setting.general.get("nat", 0)))
        general = {**copy.deepcopy(dict(setting.general)), "proxies": here.proxies}
        here.add_home(mirror.root, mirror.home)
        made = plugin_class(mirror.root)
        try:
            self.plugin: Any = made(self._app, str(mirror.root), general, copy.deepcopy(dict(setting.specific)))
        except (Exception, SystemExit) as error:
            raise PluginProblem(self._reason(error)) from error
        self.plugin.id = plugin_id
        mirror.drop()
        self.degraded: str | None = None
        self._common: tuple[dict[str, Any], list[LegacyFile]] | None = None
        self.common_files(setting.base)

    @property
    def directory(self) -> Path:
        """The directory that the plugin got."""
        return self._mirror.root

    def close(self) -> None:
        """Let the plugin end what it began, and remove its directory."""
        try:
            self.plugin.close()
        except (Exception, SystemExit) as error:
            logger.warning("%s: close raised %s", self.id, type(error).__name__)
        self._here.forget_home(self._mirror.root)
        self._mirror.remove()

    # What it is (does not block)

    def described(self) -> dict[str, Any]:
        """Return what the server has to know of it, as JSON members."""
        services = self.services
        installer = services.get("install")
        helper = installer if isinstance(installer, FetchfwPluginHelper) else None
        return {
            "rules": [],
            "http": driving.http_service(self.plugin, self.directory).row(),
            "tftp": driving.tftp_service(self.plugin, self.directory).row(),
            "extractors": [kind for kind in EXTRACTORS if self.extractor(kind) is not None],
            "associates": getattr(self.plugin, "pg_associator", None) is not None,
            "parameters": self._parameter_rows(),
            "firmware_root": self._inside(helper.root_dir) if helper is not None else "var/tftpboot",
            "passwords": [[uri, *pair] for uri, pair in helper.passwords.items()] if helper is not None else [],
            "package_problems": list(helper.problems) if helper is not None else [],
            "degraded": self.degraded,
            "installs": installs(installer),
        }

    def _parameter_rows(self) -> list[list[str | None]]:
        if "configure" not in self.services:
            return []
        try:
            rows = self.parameters(self._here.locale)
            return [[name, text or "", self.parameter(name, None)] for name, text in rows]
        except (Exception, SystemExit) as error:
            logger.warning("%s: its parameters cannot be read: %s", self.id, type(error).__name__)
            return []

    @property
    def services(self) -> Mapping[str, Any]:
        """The plugin's services by name; empty when it has none that can be used."""
        try:
            services = getattr(self.plugin, "services", None)
        except (Exception, SystemExit) as error:
            logger.warning("%s: its services cannot be read: %s", self.id, type(error).__name__)
            return {}
        return services if isinstance(services, Mapping) else {}

    def extractor(self, protocol: str) -> Any:
        """Return the extractor of a protocol, or None."""
        return getattr(self.plugin, f"{protocol}_dev_info_extractor", None)

    def _inside(self, path: Any) -> str:
        wanted = Path(str(path))
        return str(wanted.relative_to(self.directory)) if wanted.is_relative_to(self.directory) else "var/tftpboot"

    # Files

    def common_files(self, raw_config: Mapping[str, Any]) -> list[LegacyFile]:
        """Return the files that all devices share; when the plugin fails, those that it had made before.

        ``degraded`` then tells why.
        """
        wanted = copy.deepcopy(dict(raw_config))
        if self._common is not None and self._common[0] == wanted:
            return self._common[1]
        self._mirror.forget_kept()
        self.degraded = None
        try:
            self.plugin.configure_common(copy.deepcopy(wanted))
        except BaseException as error:
            self.degraded = f"configure_common: {self._reason(error)}"
        files = [self._file(made, None) for made in self._mirror.taken(keep=True)]
        self._common = (wanted, files)
        return files

    def begin_anew(self) -> None:
        """Make the shared files anew when they are asked for next; does not block."""
        self._common = None

    def device_files(self, device: Mapping[str, Any], raw_config: Mapping[str, Any]) -> list[LegacyFile]:
        """Return the files of a device.

        :raises PluginProblem: when the plugin fails.
        """
        try:
            self.plugin.configure(self._app.handed(device), suited(self.id, copy.deepcopy(dict(raw_config))))
        except BaseException as error:
            problem = PluginProblem(self._reason(error))
            self.deconfigure(device)
            raise problem from error
        trigger = self._trigger(device)
        return [self._file(made, trigger) for made in self._mirror.taken()]

    def deconfigure(self, device: Mapping[str, Any]) -> None:
        """Let the plugin undo what it, or an instance before it, did for a device; never raises."""
        try:
            self.plugin.deconfigure(copy.deepcopy(dict(device)))
        except BaseException as error:
            logger.warning("%s: deconfigure raised %s", self.id, type(error).__name__)
        self._mirror.drop()

    def show(self, device_id: str, files: Mapping[str, bytes]) -> None:
        """Let the plugin's own services find the files of a device where it wrote them."""
        self._mirror.show(device_id, files)

    def _trigger(self, device: Mapping[str, Any]) -> str | None:
        ask: Callable[[Any], Any] = getattr(self.plugin, "get_remote_state_trigger_filename", lambda _: None)
        try:
            name = ask(copy.deepcopy(dict(device)))
        except (Exception, SystemExit):
            return None
        return name if isinstance(name, str) else None

    def _file(self, made: MadeFile, trigger: str | None) -> LegacyFile:
        base = made.name.rpartition("/")[2]
        return LegacyFile(
            name=made.name, content=made.content, sensitive=self.is_sensitive(base), trigger=base == trigger
        )

    def is_sensitive(self, base: str) -> bool:
        """Tell whether a file of this base name holds secrets; does not block."""
        ask: Callable[[str], Any] = getattr(self.plugin, "is_sensitive_filename", lambda _: False)
        try:
            return bool(ask(base))
        except (Exception, SystemExit):
            return False

    # Synchronizing (does not block: the plugin goes to threads itself)

    def synchronize(self, device: Mapping[str, Any], raw_config: Mapping[str, Any]) -> Any:
        """Return what the plugin's ``synchronize`` returns: a Deferred or anything else."""
        return self.plugin.synchronize(self._app.handed(device), copy.deepcopy(dict(raw_config)))

    def reason(self, error: BaseException) -> str:
        """Return what went wrong in the plugin, one sentence."""
        return self._reason(error)

    def _reason(self, error: BaseException) -> str:
        return reason(error, self._mirror.root)

    # Its own installation service

    def installer(self, word: str) -> Callable[..., Any]:
        """Return a method of its installation service, as that is now.

        :raises PluginProblem: when there is none.
        """
        found = getattr(self.services.get("install"), word, None)
        if not callable(found):
            raise PluginProblem(f"the plugin's installation service has no {word}")
        method: Callable[..., Any] = found
        return method

    # Its own parameters

    def parameters(self, locale: str | None) -> list[tuple[str, str | None]]:
        """Return names and descriptions of its parameters.

        :raises KeyError: when it has none.
        """
        service = self.services["configure"]
        localized: dict[str, str | None] = {}
        for name in (locale, locale.partition("_")[0]) if locale else ():
            rows = getattr(service, f"description_{name}", None)
            if rows is not None:
                # Parameters without a description in this language are not among them.
                localized = {str(row[0]): row[1] for row in rows}
                break
        return [(str(row[0]), localized.get(str(row[0]), row[1])) for row in service.description]

    def parameter(self, name: str, tenant: str | None) -> str | None:
        """Return the value of a parameter.

        :raises KeyError: when there is none of this name.
        """
        service = self.services["configure"]
        value = service.get(name, **_tenant(service.get, tenant))
        return value if value is None else str(value)

    def set_parameter(self, name: str, value: str | None, tenant: str | None) -> None:
        """Set a parameter.

        :raises KeyError: when there is none of this name.
        :raises PluginProblem: when the plugin refuses the value.
        """
        service = self.services["configure"]
        try:
            service.set(name, value, **_tenant(service.set, tenant))
        except InvalidParameterError as error:
            raise PluginProblem(str(error) or "the plugin refuses the value") from error


def _tenant(method: Callable[..., Any], tenant: str | None) -> dict[str, Any]:
    """Return ``tenant_uuid`` for a method that takes it; decorators are looked through."""
    owner = getattr(method, "__self__", None)
    inner = getattr(owner, "_cfg_service", None)
    if inner is not None:
        method = getattr(inner, method.__name__)
    try:
        parameters: Sequence[inspect.Parameter] = list(inspect.signature(method).parameters.values())
    except (TypeError, ValueError):
        return {}
    takes = any(each.name == "tenant_uuid" or each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)
    return {"tenant_uuid": tenant} if takes else {}
