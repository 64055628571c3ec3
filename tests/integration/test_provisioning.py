"""The use cases on real stores and on real plugins in their worker processes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from attrs import evolve
from tests.support.provisioning import PLUGIN, World, aastra, begin, browser, run, sip
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from provisiond.composition import stores
from provisiond.errors import NotFound, PluginProblem
from provisiond.model.device import Device
from provisiond.model.operation import OperationProgress
from provisiond.model.query import Query, parse_query
from provisiond.plugins.pool import WorkerPool
from provisiond.plugins.registry import PluginRegistry
from provisiond.provisioning.house import House, Stores
from provisiond.provisioning.threads import ThreadRunner
from provisiond.store.database import open_database


class SqlWorld(World):
    """A world on a real database."""

    def __init__(self, state_dir: Path, **around: Any) -> None:
        self.databases = [open_database(f"sqlite:///{state_dir}/provisiond.db")]
        super().__init__(state_dir, **around)

    def stores(self) -> Stores:
        return stores(self.databases[-1])

    def reopen(self) -> House:
        """Start anew on the same file, as after a power cut."""
        self.close()
        self.databases.append(open_database(f"sqlite:///{self.state_dir}/provisiond.db"))
        return self.restart()

    def close(self) -> None:
        for call in self.clock.getDelayedCalls():
            call.cancel()
        self.databases[-1].close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SqlWorld]:
    world = SqlWorld(tmp_path)
    world.start()
    yield world
    world.close()


def stored(world: SqlWorld, device_id: str) -> dict[str, Any]:
    device = run(world.stores().devices.get(device_id))
    assert device is not None
    return dict(device.document)


def test_a_first_contact_is_stored_and_served_again_after_a_power_cut(world: SqlWorld) -> None:
    sighting = run(world.house.contact.seen(aastra()))
    content = run(world.house.rendering.device_file(sighting.device, "00085d2db07c.cfg"))
    run(world.house.sightings.flush())
    assert stored(world, sighting.device.id)["configured"] is True
    master, base = world.house.tenants.master, run(world.house.configs.get("base"))
    world.host.rendered.clear()
    world.reopen()
    again = run(world.house.contact.seen(aastra()))
    assert (again.device.id, again.created) == (sighting.device.id, False)
    assert run(world.house.rendering.device_file(again.device, "00085d2db07c.cfg")) == content
    assert world.host.rendered == []
    assert world.house.tenants.master == master
    assert run(world.house.configs.get("base")) == base
    assert run(world.house.contact.seen(browser())).device is None


def test_an_address_that_moved_is_taken_out_of_the_stored_document(world: SqlWorld) -> None:
    first = run(world.house.contact.seen(aastra("00085D000001", "192.0.2.1"))).device
    second = run(world.house.contact.seen(aastra("00085D000002", "192.0.2.1"))).device
    run(world.house.sightings.flush())
    assert "ip" not in stored(world, first.id)
    query = parse_query({"q": '{"ip": "192.0.2.1"}', "fields": "mac"})
    listed = run(world.house.devices.list(query, world.scope))
    assert listed == [{"id": second.id, "mac": "00:08:5d:00:00:02"}]


def test_devices_and_configs_live_and_go_together(world: SqlWorld) -> None:
    device = run(world.house.contact.seen(aastra())).device
    run(world.house.devices.replace(device.id, {**device.document, "X_a": None}, world.scope))
    assert stored(world, device.id)["X_a"] is None
    run(world.house.devices.delete(device.id, world.scope))
    assert run(world.stores().devices.get(device.id)) is None
    assert run(world.stores().configs.get(device.config)) is None
    with pytest.raises(NotFound):
        run(world.house.devices.get(device.id, world.scope))


def test_what_was_running_is_failed_after_a_power_cut(world: SqlWorld) -> None:
    async def never(progress: OperationProgress) -> None:
        await Deferred()

    async def at_once(progress: OperationProgress) -> None:
        progress.part("download", end=3).advance(3)

    running = run(world.house.operations.start("/a", never, "x"))
    ended = run(world.house.operations.start("/a", at_once, "x"))
    world.reopen()
    assert run(world.house.operations.get("/a", running.id)).progress == "x|fail"
    assert run(world.house.operations.get("/a", ended.id)).progress == "x|success(download|success;3/3)"
    assert run(world.house.operations.start("/b", at_once, "x")).id == ended.id + 1


def test_tokens_parameters_and_tenants_survive(world: SqlWorld) -> None:
    tenant = run(world.house.tenants.create("a"))
    text, _ = run(world.house.tokens.create("portal", ["provd.#"], tenant.uuid))
    run(world.house.parameters.set("provisioning_key", "abcdefgh", tenant.uuid))
    run(world.house.parameters.set("plugin_server", None))
    world.reopen()
    assert run(world.house.tokens.authenticate(text)).tenant_uuid == tenant.uuid
    assert world.house.parameters.tenant_of_key("abcdefgh") == tenant.uuid
    assert world.house.parameters.get("plugin_server") is None


def test_two_processes_on_one_database_follow_each_other(world: SqlWorld) -> None:
    other = SqlWorld(world.state_dir)
    other.start()
    device = run(world.house.contact.seen(aastra())).device
    world.file(device)
    run(world.house.sightings.flush())
    other.clock.advance(1)
    assert run(other.house.contact.seen(aastra())).device.id == device.id
    config = run(other.house.configs.get(device.config))
    run(other.house.configs.replace(device.config, {**config.document, "raw_config": sip("bob")}))
    world.clock.advance(1)
    assert world.file(device)[4]["sip_lines"]["1"]["username"] == "bob"
    run(other.house.devices.delete(device.id, other.scope))
    world.clock.advance(1)
    assert device.id not in world.house.directory
    other.close()


def test_a_thousand_devices_answer_a_known_phone_without_the_store(world: SqlWorld) -> None:
    store = world.stores()
    for number in range(1_000):
        document = {"id": f"d{number}", "mac": f"00:08:5d:ff:{number >> 8:02x}:{number & 255:02x}", "plugin": PLUGIN}
        document |= {"config": "autoprov", "tenant_uuid": world.house.tenants.master, "configured": True}
        run(store.devices.insert(Device(document)))
    world.reopen()
    assert len(world.house.directory) == 1_000
    phone = aastra("00085DFF0102")
    device = run(world.house.contact.seen(phone)).device
    world.file(device, "00085dff0102.cfg")
    world.databases[-1].close()
    for _ in range(10):
        assert run(world.house.contact.seen(phone)).device.id == device.id
        assert world.file(device, "00085dff0102.cfg") is not None
    world.databases.append(open_database(f"sqlite:///{world.state_dir}/provisiond.db"))


CODE = """
from provisiond.sdk import File, Plugin
class Phone(Plugin):
    def associate(self, info):
        return 500 if info.vendor == "Aastra" else 0
    def common_files(self, raw_config):
        yield File(name="aastra.cfg", templates="common.tpl", context={"raw": raw_config})
    def device_files(self, device, raw_config):
        name = "Aastra/" + device.mac.replace(":", "").upper() + ".cfg"
        yield File(name=name, templates="device.tpl", context={"raw": raw_config}, trigger=True)
PLUGIN = Phone
"""
NAME = "Aastra/00085D2DB07C.cfg"


class RealPlugins(TestCase):
    """A house whose plugins run in real worker processes."""

    timeout = 120

    def setUp(self) -> Deferred[None]:
        self.directory = TemporaryDirectory()
        self.root = Path(self.directory.name)
        plugin = self.root / "plugins" / PLUGIN
        (plugin / "templates").mkdir(parents=True)
        info = {"version": "1", "description": "d", "capabilities": {}, "api": 1}
        (plugin / "plugin-info").write_text(json.dumps(info))
        (plugin / "entry.py").write_text(CODE)
        (plugin / "templates" / "common.tpl").write_text("server: {{ raw.http_base_url }}\n")
        (plugin / "templates" / "device.tpl").write_text("user: {{ raw.sip_lines['1'].username }}\n")
        self.plugin = plugin
        threads: Any = ThreadRunner(reactor, reactor.getThreadPool())  # type: ignore[attr-defined]
        pool = WorkerPool(reactor, workers=2)  # type: ignore[arg-type]
        self.registry = PluginRegistry(self.root / "plugins", pool, threads, time.time)
        self.world = World(self.root, clock=reactor, threads=threads, host=self.registry)
        self.house = self.world.house

        async def start() -> None:
            await self.registry.start()
            await self.house.start("192.0.2.1", 8667)

        return begin(start())

    def tearDown(self) -> Deferred[None]:
        async def stop() -> None:
            await self.house.stop()
            await self.registry.stop()
            self.directory.cleanup()

        return begin(stop())

    async def _content(self, device: Device) -> bytes | None:
        file = await self.house.rendering.device_file(device, NAME)
        return None if file is None else file.content

    async def _named(self, username: str) -> Device:
        sighting = await self.house.contact.seen(aastra())
        assert sighting.device is not None
        assert sighting.device.config is not None
        document = {"parent_ids": ["base"], "raw_config": sip(username)}
        await self.house.configs.replace(sighting.device.config, document)
        return sighting.device

    def test_from_the_first_contact_to_the_file(self) -> Deferred[None]:
        async def work() -> None:
            sighting = await self.house.contact.seen(aastra())
            assert sighting.device.plugin == PLUGIN
            content = await self._content(sighting.device)
            assert content is not None
            assert content.startswith(b"user: ap")
            common = await self.house.rendering.common_file(PLUGIN, "aastra.cfg")
            assert common.content == b"server: http://192.0.2.1:8667\n"
            await self._named("alice")
            assert await self._content(sighting.device) == b"user: alice\n"
            assert (await self.house.devices.get(sighting.device.id, self.world.scope)).configured

        return begin(work())

    def test_a_template_of_the_administrator_counts_after_a_reload(self) -> Deferred[None]:
        async def work() -> None:
            device = await self._named("alice")
            assert await self._content(device) == b"user: alice\n"
            own = self.plugin / "var" / "templates"
            own.mkdir(parents=True)
            (own / "device.tpl").write_text("mine: {{ raw.sip_lines['1'].username }}\n")
            await self.house.plugins.reload(PLUGIN)
            assert await self._content(device) == b"mine: alice\n"

        return begin(work())

    def test_a_broken_template_takes_the_files_away_until_it_is_mended(self) -> Deferred[None]:
        async def work() -> None:
            device = await self._named("alice")
            template = self.plugin / "templates" / "device.tpl"
            good = template.read_text()
            template.write_text("{{ undefined_name }}")
            await self.house.plugins.reload(PLUGIN)
            assert await self._content(device) is None
            assert "undefined_name" in (self.house.rendering.problem(device.id) or "")
            assert self.house.plugins.installed()[PLUGIN]["problem"]
            template.write_text(good)
            await self.house.plugins.reload(PLUGIN)
            assert await self._content(device) == b"user: alice\n"
            assert "problem" not in self.house.plugins.installed()[PLUGIN]
            (self.plugin / "entry.py").write_text("raise RuntimeError('broken')")
            with pytest.raises(PluginProblem):
                await self.house.plugins.reload(PLUGIN)
            assert await self._content(device) is None

        return begin(work())

    def test_a_preview_shows_another_config(self) -> Deferred[None]:
        async def work() -> None:
            device = await self._named("alice")
            config = await self.house.configs.get(device.config or "")
            other = evolve(config, document={**config.document, "raw_config": sip("bob")})
            files = await self.house.rendering.preview(device, other)
            assert files.files[NAME].content == b"user: bob\n"
            assert await self._content(device) == b"user: alice\n"

        return begin(work())

    def test_many_phones_at_once_get_their_own(self) -> Deferred[None]:
        async def work() -> None:
            asked = []
            for number in range(30):
                mac = f"00085D0000{number:02X}"
                sighting = await self.house.contact.seen(aastra(mac, f"192.0.2.{number + 1}"))
                asked.append(begin(self.house.rendering.device_file(sighting.device, f"Aastra/{mac}.cfg")))
            for each in asked:
                assert (await each).content.startswith(b"user: ap")
            await self.house.rendering.background.drained()
            devices = await self.house.devices.list(Query(), self.world.scope)
            assert [device["configured"] for device in devices] == [True] * 30

        return begin(work())
