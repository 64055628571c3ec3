"""Taking over the state of another server of the provd family."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from provisiond.errors import ProvisiondError
from provisiond.model.config import Config
from provisiond.model.device import Device
from provisiond.model.documents import check_config, check_device
from provisiond.provisioning.foreign_state import ForeignState
from provisiond.provisioning.tenants import Tenants
from provisiond.store.configs import ConfigStore
from provisiond.store.database import Database, finished
from provisiond.store.devices import DeviceStore
from provisiond.store.facts import FactStore, ParameterStore, TenantStore
from provisiond.store.feed import ChangeFeed

_DIGITS: Final = re.compile(r"[0-9a-f]{12,}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@define
class Report:
    """What was taken, and what was not."""

    taken: dict[str, list[str]] = field(factory=dict)
    there: dict[str, list[str]] = field(factory=dict)
    refused: dict[str, str] = field(factory=dict)

    def row(self) -> dict[str, Any]:
        """Return the report as JSON members."""
        return {"taken": self.taken, "there_already": self.there, "not_taken": self.refused}

    def lines(self) -> Iterable[str]:
        """Yield the report for people."""
        for word, groups in (("taken", self.taken), ("there already", self.there)):
            for kind, names in groups.items():
                shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
                yield f"{word}: {len(names)} {kind}: {shown}"
        for what, why in self.refused.items():
            yield f"not taken: {what}: {why}"


class Migration:
    """Brings a foreign state into a database and a directory of plugins; what is there already stays.

    :param dry: True to tell only what would be done.
    """

    def __init__(self, database: Database, plugins_dir: Path, state: ForeignState, *, dry: bool) -> None:
        feed = ChangeFeed(database)
        self._devices = DeviceStore(database, feed)
        self._configs = ConfigStore(database, feed)
        self._parameters = ParameterStore(database, feed)
        self._tenants = Tenants(TenantStore(database, feed), FactStore(database))
        self._plugins_dir = plugins_dir
        self._state = state
        self._dry = dry
        self.report = Report()

    def run(self) -> Report:
        """Do it, and return what was done. Blocks."""
        finished(self._tenants.load())
        for sentence in self._state.unreadable:
            self.report.refused[sentence.partition(" ")[0]] = sentence
        is_fresh = finished(self._devices.count()) == 0
        self._take_tenants()
        self._take_parameters()
        for config_id, document in self._state.configs.items():
            self._one("configs", config_id, partial(self._config, config_id, document, is_fresh))
        for device_id, document in self._state.devices.items():
            self._one("devices", device_id, partial(self._device, device_id, document))
        for plugin_id, directory in self._state.plugins.items():
            self._one("plugins", plugin_id, partial(self._plugin, plugin_id, directory))
        return self.report

    def _one(self, kind: str, name: str, take: Callable[[], bool]) -> None:
        try:
            done = take()
        except (ProvisiondError, OSError, shutil.Error) as error:
            self.report.refused[f"{kind} {name}"] = getattr(error, "sentence", None) or type(error).__name__
            return
        (self.report.taken if done else self.report.there).setdefault(kind, []).append(name)

    def _take_tenants(self) -> None:
        owners = {str(each["tenant_uuid"]) for each in self._state.devices.values() if self._keeps_tenant(each)}
        for uuid in sorted(owners | self._state.keys.keys()):
            self._one("tenants", uuid, partial(self._tenant, uuid))

    def _tenant(self, uuid: str) -> bool:
        if self._tenants.get(uuid) is not None:
            return False
        if not self._dry:
            finished(self._tenants.create(uuid, self._tenants.master, uuid))
        return True

    def _keeps_tenant(self, document: Mapping[str, Any]) -> bool:
        """Tell whether a device belongs to a tenant of its own, not to all that were never claimed."""
        uuid = document.get("tenant_uuid")
        return isinstance(uuid, str) and _UUID.fullmatch(uuid) is not None and document.get("is_new") is not True

    def _take_parameters(self) -> None:
        known = finished(self._parameters.all())
        wanted: dict[tuple[str | None, str], Any] = {(None, name): v for name, v in self._state.parameters.items()}
        wanted |= {(uuid, "provisioning_key"): key for uuid, key in self._state.keys.items()}
        for (tenant, name), value in wanted.items():
            shown = name if tenant is None else f"{name} of {tenant}"
            self._one("parameters", shown, partial(self._parameter, tenant, name, value, known))

    def _parameter(self, tenant: str | None, name: str, value: Any, known: Mapping[Any, Any]) -> bool:
        if (tenant, name) in known:
            return False
        if not self._dry:
            finished(self._parameters.set(tenant, name, value))
        return True

    def _config(self, config_id: str, document: Mapping[str, Any], is_fresh: bool) -> bool:
        config = Config(check_config({**document, "id": config_id}))
        known = finished(self._configs.get(config_id))
        if known is not None and (not is_fresh or dict(known.document) == dict(config.document)):
            return False
        if not self._dry:
            finished(self._configs.insert(config) if known is None else self._configs.replace(config))
        return True

    def _device(self, device_id: str, document: Mapping[str, Any]) -> bool:
        members = check_device({**document, "id": device_id})
        tenant = str(document["tenant_uuid"]) if self._keeps_tenant(document) else self._tenants.master
        own = {"configured": False, "is_new": tenant == self._tenants.master, "tenant_uuid": tenant}
        if finished(self._devices.get(device_id)) is not None:
            return False
        if not self._dry:
            finished(self._devices.insert(Device({**members, **own})))
        return True

    def _plugin(self, plugin_id: str, source: Path) -> bool:
        target = self._plugins_dir / plugin_id
        if target.exists():
            return False
        if not self._dry:
            self._plugins_dir.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".migrating-", dir=self._plugins_dir) as work:
                copy = Path(work, plugin_id)
                shutil.copytree(source, copy, symlinks=True, ignore=self._left_out(source))
                os.replace(copy, target)
        return True

    def _left_out(self, source: Path) -> Callable[[str, list[str]], set[str]]:
        """Leave out what the other server has made for single devices: it would be out of date, and holds secrets."""
        devices = self._state.devices.values()
        macs = {str(each["mac"]).replace(":", "") for each in devices if each.get("mac")}
        # Adapters with two ports ask for a second file, under their address moved by one byte.
        macs |= {f"{mac[2:]}01" for mac in macs}
        uuids = {str(each["uuid"]) for each in devices if each.get("uuid")}
        tftpboot = source / "var" / "tftpboot"

        def ignored(directory: str, names: list[str]) -> set[str]:
            left = {name for name in names if name == "__pycache__" or name.endswith((".tmp", ".pyc"))}
            if Path(directory) == tftpboot or tftpboot in Path(directory).parents:
                left |= {name for name in names if _addresses(name) & macs or name in uuids}
            return left

        return ignored


def _addresses(name: str) -> set[str]:
    """Return everything in a file name that may be a hardware address; what stands before one may look like it, too."""
    runs = _DIGITS.findall(re.sub("[:_-]", "", name).lower())
    return {run[start : start + 12] for run in runs for start in range(len(run) - 11)}
