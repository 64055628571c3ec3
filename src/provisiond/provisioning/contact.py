"""What happens when a phone asks for something."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from provisiond.errors import InvalidInput, NotFound, Unavailable
from provisiond.identification.associate import best_plugin
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.retrieve import Ambiguous, retrieve
from provisiond.identification.update import displaced, needs_configuring, new_document, updated
from provisiond.identification.values import DeviceInfo, PhoneRequest
from provisiond.model.device import Device
from provisiond.model.documents import new_id
from provisiond.provisioning.configs import Configs
from provisiond.provisioning.dhcp_info import parse_dhcp_info
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.events import DeviceSeen, Events
from provisiond.provisioning.foreign import Acquaintance, ForeignEyes, combined
from provisiond.provisioning.parameters import Parameters
from provisiond.provisioning.ports import Identifying, PluginHost, StoredDevices
from provisiond.provisioning.rendering import Rendering
from provisiond.provisioning.serial import Key, Serial
from provisiond.provisioning.sightings import Sightings, with_changes
from provisiond.provisioning.tenants import Tenants

log = Logger()
MAX_REPORTS = 10_000
_SIGHTED = frozenset({"ip", "version"})
_IDENTITIES = ("mac", "sn", "uuid", "ip")


@frozen
class Sighting:
    """What one request of a phone led to.

    :param info: what the request revealed.
    :param device: the device that sent it, as it is now; None when it cannot be told.
    :param created: True when this request made the device.
    :param reason: why it is this device, or none; one sentence for logs and journals.
    """

    info: DeviceInfo
    device: Device | None
    created: bool
    reason: str


class Contact:
    """Recognises phones and keeps their devices up to date, within the very request.

    The request of a known phone that reveals nothing new waits for nothing: no SQL, no lock.

    :param knowledge: lets other spellings of vendors and models count as the same.
    :param foreign: sees phones as existing plugins see them. Known phones are recognised without it.
    :param conflicts_by_text: True to compare ids of equally fitting plugins as texts.
    :param takes_anyone: True to create a device also for a request that tells nothing but its address.
    """

    def __init__(
        self,
        *,
        identifier: Identifying,
        knowledge: Knowledge | None,
        directory: Directory,
        store: StoredDevices,
        configs: Configs,
        host: PluginHost,
        rendering: Rendering,
        sightings: Sightings,
        tenants: Tenants,
        parameters: Parameters,
        events: Events,
        serial: Serial,
        foreign: ForeignEyes | None = None,
        conflicts_by_text: bool = False,
        takes_anyone: bool = False,
    ) -> None:
        self._foreign = Acquaintance(foreign, knowledge)
        self._conflicts_by_text = conflicts_by_text
        self._takes_anyone = takes_anyone
        self._identifier = identifier
        self._knowledge = knowledge
        self._directory = directory
        self._store = store
        self._configs = configs
        self._host = host
        self._rendering = rendering
        self._sightings = sightings
        self._tenants = tenants
        self._parameters = parameters
        self._events = events
        self._serial = serial
        self._reports = 0

    async def seen(self, request: PhoneRequest, may_create: Callable[[], bool] = lambda: True) -> Sighting:
        """Return the device that sent a request: found, brought up to date, or created.

        Never raises for what a phone sent.

        :param may_create: asked before a device is created.
        :raises StoreProblem: when a new device cannot be stored.
        """
        info = self._identifier.identify(request)
        found = retrieve(info, self._directory, self._knowledge)
        native, votes = info, None
        if not isinstance(found, Device) or not is_certain(found, info) or self._foreign.concerns(found, info):
            votes = await self._foreign.votes(request)
            if votes:
                found = retrieve(combined(native, votes, foreign=False), self._directory, self._knowledge)
        if isinstance(found, Device):
            info = combined(native, votes or {}, foreign=self._foreign.serves(found.plugin))
            device = self._sighted(found, info)
            if device is not None:
                return self._noted(info, device, created=False, reason="known device")
        if votes is None:
            votes = await self._foreign.votes(request)
        return await self._met(native, votes, may_create)

    def seen_again(self, device_id: str, ip: str | None) -> None:
        """Note that a device has asked once more for what it asked before, when nothing has changed since."""
        if device_id in self._directory:
            self._sightings.seen(device_id)
            self._events.publish(DeviceSeen(device_id, False, ip))

    def dhcp_info(self, document: object) -> None:
        """Take a lease report of a DHCP server; the work goes on after this returns.

        :raises InvalidInput: when the report is wrong.
        :raises Unavailable: when too many reports wait.
        """
        request = parse_dhcp_info(document)
        if request is None:
            return
        if self._reports >= MAX_REPORTS:
            raise Unavailable("too many lease reports wait already")
        self._reports += 1
        working = Deferred.fromCoroutine(self.seen(request))
        working.addErrback(lambda failure: log.failure("a lease report was not taken", failure))
        working.addBoth(lambda _: self._reported())

    def _reported(self) -> None:
        self._reports -= 1

    def _sighted(self, device: Device, info: DeviceInfo) -> Device | None:
        """Bring a complete device up to date without waiting; None when that takes more."""
        changes = {**updated(device, info), **self._foreign.respelled(device, info)}
        if device.plugin is None or device.config is None or not changes.keys() <= _SIGHTED:
            return None
        self._foreign.met(device)
        self._displace(device.id, info)
        if not changes:
            return device
        changed = self._sightings.note(device.id, changes)
        if needs_configuring(changes):
            self._rendering.mark(devices=[device.id])
        return changed

    async def _met(self, native: DeviceInfo, votes: Mapping[str, str], may_create: Callable[[], bool]) -> Sighting:
        info = combined(native, votes, foreign=False)
        async with self._serial.holding(*_identity_keys(info)):
            found = retrieve(info, self._directory, self._knowledge)
            if isinstance(found, Ambiguous) and not self._takes_anyone:
                reason = f"{len(found.devices)} devices have this address and nothing else tells them apart"
                return Sighting(info, None, False, reason)
            if isinstance(found, Device):
                device = await self._completed(found.id, native, votes)
                return self._noted(info, device, created=False, reason="known device")
            if new_document(info, anyone=self._takes_anyone) is None:
                return Sighting(info, None, False, "the request does not tell which phone sent it")
            if not may_create():
                return Sighting(info, None, False, "too many phones that nobody knew came from its network")
            device = await self._created(native, votes)
            return self._noted(info, device, created=True, reason="first contact")

    async def _created(self, native: DeviceInfo, votes: Mapping[str, str]) -> Device:
        own = {"configured": False, "is_new": True, "tenant_uuid": self._tenants.master}
        wanted = await self._wanted(None, native, votes)
        info = combined(native, votes, foreign=self._foreign.serves(wanted.get("plugin")))
        document = new_document(info, anyone=self._takes_anyone) or {}
        device = Device({"id": new_id(), **document, **wanted, **own})
        try:
            await self._store.insert(device)
        except Exception:
            await self._configs.delete_unused(wanted.get("config"))
            raise
        self._displace(device.id, info)
        self._directory.put(device)
        self._rendering.mark(devices=[device.id])
        self._foreign.met(device)
        return device

    async def _completed(self, device_id: str, native: DeviceInfo, votes: Mapping[str, str]) -> Device | None:
        async with self._serial.holding(("device", device_id)):
            device = self._directory.get(device_id)
            if device is None:
                return None
            wanted = await self._wanted(device, native, votes)
            info = combined(native, votes, foreign=self._foreign.serves(wanted.get("plugin") or device.plugin))
            changes = {**updated(device, info), **self._foreign.respelled(device, info), **wanted}
            if changes.keys() <= _SIGHTED:
                self._sightings.note(device_id, changes)
            else:
                async with self._sightings.superseding(device_id):
                    current = self._directory.get(device_id)
                    changed = with_changes(current or device, changes)
                    await self._store.replace(changed)
                    self._directory.put(with_changes(changed, self._sightings.unwritten(device_id)))
            self._displace(device_id, info)
            if needs_configuring(changes):
                self._rendering.mark(devices=[device_id])
            completed = self._directory.get(device_id)
            if completed is not None:
                self._foreign.met(completed)
            return completed

    async def _wanted(self, device: Device | None, info: DeviceInfo, votes: Mapping[str, str]) -> dict[str, str]:
        """Return the plugin and the config that a device still lacks, as far as there are any."""
        wanted: dict[str, str] = {}
        if device is None or device.plugin is None:
            scores = await self._host.associate(info, votes)
            plugin = best_plugin(scores, by_text=self._conflicts_by_text)
            if plugin is not None:
                wanted["plugin"] = plugin
        if device is None or device.config is None:
            try:
                wanted["config"] = (await self._configs.autocreate()).id
            except (NotFound, InvalidInput) as error:
                log.debug("no config is created for a phone: {reason}", reason=error.sentence)
        return wanted

    def _displace(self, device_id: str, info: DeviceInfo) -> None:
        for other in displaced(device_id, info.ip, self._directory, nat=self._parameters.nat):
            self._sightings.note(other.id, {"ip": None})

    def _noted(self, info: DeviceInfo, device: Device | None, *, created: bool, reason: str) -> Sighting:
        if device is None:
            return Sighting(info, None, False, "the device was deleted meanwhile")
        self._sightings.seen(device.id)
        self._events.publish(DeviceSeen(device.id, created, info.ip))
        return Sighting(info, device, created, reason)


def is_certain(device: Device, info: DeviceInfo) -> bool:
    """Tell whether more than an address says that it is this device."""
    return any(
        getattr(info, name) is not None and getattr(info, name) == getattr(device, name)
        for name in ("mac", "sn", "uuid")
    )


def _identity_keys(info: DeviceInfo) -> list[Key]:
    claims = info.claims()
    return [("contact", f"{name} {claims[name]}") for name in _IDENTITIES if name in claims]
