from __future__ import annotations

import pytest
from tests.support.package_fakes import FakeFirmware
from tests.support.provisioning import PLUGIN, FakeOffer, aastra, begin, info_of, run

from provisiond.errors import (
    AlreadyExists,
    InProgress,
    InvalidInput,
    NotFound,
    PackageProblem,
    PluginProblem,
    UnknownReference,
)
from provisiond.identification.rules import Rule, Where
from provisiond.identification.values import DeviceInfo, PhoneRequest, Protocol
from provisiond.provisioning.events import PluginChanged
from provisiond.provisioning.packages import Packages
from provisiond.provisioning.plugin_use import PluginUse

NEW = "acme-2.0"
INSTALL, UPGRADE, UPDATE = (f"/pg_mgr/install/{word}" for word in ("install", "upgrade", "update"))


def ended(world, path, operation):
    world.settle()
    for _ in range(50):
        world.clock.advance(0)
    return run(world.house.operations.get(path, operation.id))


@pytest.fixture
def offered(world):
    world.archives.offers[NEW] = FakeOffer(**{"Aastra__6731i__3.3.1": {}})
    return world


def test_an_installed_plugin_is_loaded_and_serves_its_devices(offered):
    world = offered
    waiting = world.device(plugin=NEW)
    assert not waiting.configured
    operation = run(world.house.plugins.install(NEW))
    assert ended(world, INSTALL, operation).progress == "install|success(download|success;10/10)"
    assert NEW in world.house.plugins.loaded()
    assert world.house.directory.get(waiting.id).configured


def test_success_comes_only_when_the_devices_are_configured(offered):
    world = offered
    device = world.device(plugin=NEW)
    world.host.gate.shut()
    operation = run(world.house.plugins.install(NEW))
    for _ in range(20):
        world.clock.advance(0)
    assert run(world.house.operations.get(INSTALL, operation.id)).progress.startswith("install|progress")
    world.host.gate.open()
    assert ended(world, INSTALL, operation).progress.startswith("install|success")
    assert world.house.directory.get(device.id).configured


def test_phones_that_had_no_plugin_get_the_new_one(offered):
    world = offered
    world.host.plugins.clear()
    device = run(world.house.contact.seen(aastra())).device
    assert device.plugin is None
    run(world.house.plugins.install(NEW))
    for _ in range(50):
        world.clock.advance(0)
    world.settle()
    assert world.devices.document(device.id)["plugin"] == NEW
    assert world.file(device) is not None


def test_what_fits_a_phone_is_told_best_first(world):
    exact, model, other = {"Aastra__6731i__3.3.1": {}}, {"Aastra__6731i__2.0": {}}, {"Aastra__6757i__3.3.1": {}}
    world.archives.offers = {
        "model-1": FakeOffer(**model),
        "model-10": FakeOffer(**model),
        "exact": FakeOffer(**exact),
        "other": FakeOffer(**other),
        PLUGIN: FakeOffer(**exact),
    }
    info = DeviceInfo(vendor="Aastra", model="6731i", version="3.3.1")
    assert world.house.plugins.fitting_installable(info) == ("exact", "model-10", "model-1")
    assert world.house.plugins.fitting_installable(DeviceInfo(ip="192.0.2.1")) == ()


def test_a_plugin_that_does_not_load_is_installed_with_its_problem(offered):
    world = offered
    world.host.unloadable[NEW] = "entry.py raises"
    operation = run(world.house.plugins.install(NEW))
    assert ended(world, INSTALL, operation).error == "entry.py raises"
    assert NEW not in world.house.plugins.loaded()
    assert world.house.plugins.installed()[NEW]["problem"] == "entry.py raises"
    with pytest.raises(PluginProblem):
        run(world.house.plugins.reload(NEW))


def test_a_bad_archive_changes_nothing(offered):
    world = offered
    world.archives.fails = PackageProblem("the archive is broken")
    operation = run(world.house.plugins.install(NEW))
    after = ended(world, INSTALL, operation)
    assert (after.progress, after.error) == ("install|fail(download|fail;0/10)", "the archive is broken")
    assert NEW not in world.house.plugins.installed()
    world.archives.fails = None
    assert run(world.house.plugins.install(NEW)).id == operation.id + 1


def test_the_same_plugin_is_worked_on_once_at_a_time(offered):
    world = offered
    world.archives.gate.shut()
    run(world.house.plugins.install(NEW))
    world.host.on_disk["other"] = info_of()
    world.host.on_disk[NEW] = info_of()
    for call in (world.house.plugins.upgrade, world.house.plugins.uninstall, world.house.plugins.reload):
        with pytest.raises(InProgress):
            run(call(NEW))
    run(world.house.plugins.reload("other"))
    world.archives.gate.open()
    world.settle()


def test_refusals_name_what_is_wrong(offered):
    plugins = offered.house.plugins
    offered.archives.offers[PLUGIN] = FakeOffer()
    for call, name, refusal, sentence in (
        (plugins.install, "ghost", UnknownReference, "no repository offers the plugin ghost"),
        (plugins.install, PLUGIN, AlreadyExists, f'plugin "{PLUGIN}" is already installed'),
        (plugins.upgrade, NEW, UnknownReference, f'plugin "{NEW}" is not installed'),
        (plugins.upgrade, "ghost", UnknownReference, "no repository offers the plugin ghost"),
        (plugins.uninstall, "ghost", UnknownReference, 'plugin "ghost" is not installed'),
        (plugins.reload, "ghost", UnknownReference, 'plugin "ghost" is not installed'),
    ):
        with pytest.raises(refusal, match=sentence):
            run(call(name))


def test_an_upgrade_loads_the_new_version(offered):
    world = offered
    world.archives.offers[PLUGIN] = FakeOffer()
    device = world.device()
    before = world.file(device)
    operation = run(world.house.plugins.upgrade(PLUGIN))
    assert ended(world, UPGRADE, operation).progress.startswith("install|success")
    assert world.file(device) != before


def test_a_failed_upgrade_loads_what_lies_on_disk(offered):
    world = offered
    world.archives.offers[PLUGIN] = FakeOffer()
    world.archives.fails = PackageProblem("the new version does not load")
    operation = run(world.house.plugins.upgrade(PLUGIN))
    assert ended(world, UPGRADE, operation).error == "the new version does not load"
    assert PLUGIN in world.house.plugins.loaded()


def test_devices_of_an_uninstalled_plugin_keep_its_name(world):
    device = world.device()
    run(world.house.plugins.uninstall(PLUGIN))
    world.settle()
    after = world.house.directory.get(device.id)
    assert (after.plugin, after.configured) == (PLUGIN, False)
    assert PLUGIN not in world.house.plugins.installed()
    with pytest.raises(NotFound):
        world.house.plugins.info(PLUGIN)


def test_an_update_needs_a_repository_and_runs_alone(world):
    world.archives.served = False
    with pytest.raises(InvalidInput):
        run(world.house.plugins.update())
    world.archives.served = True
    world.archives.gate.shut()
    operation = run(world.house.plugins.update())
    with pytest.raises(InProgress):
        run(world.house.plugins.update())
    world.archives.gate.open()
    assert ended(world, UPDATE, operation).progress.startswith("update|success")
    run(world.house.plugins.update())
    assert world.archives.updates == 2


def test_descriptions_follow_the_locale(offered):
    world = offered
    assert world.house.plugins.info(PLUGIN)["description"] == "files"
    run(world.house.parameters.set("locale", "fr_FR"))
    assert world.house.plugins.info(PLUGIN) == {"version": "1.0", "description": "fichiers", "capabilities": {}}
    assert world.house.plugins.installable()[NEW]["description"] == "fichiers"
    assert world.house.plugins.installed()[PLUGIN]["description"] == "fichiers"


def test_a_directory_without_a_readable_manifest_is_shown(world):
    world.host.on_disk["odd"] = None
    world.host.notes.note("odd", "load", "plugin-info cannot be read")
    assert world.house.plugins.installed()["odd"]["problem"] == "plugin-info cannot be read"
    assert [each.plugin for each in world.house.plugins.problems()] == ["odd"]


def test_rules_of_plugins_count_from_the_moment_they_are_loaded(world):
    request = PhoneRequest(protocol=Protocol.HTTP, path="/x", headers={"User-Agent": "Quux-9 fw/1"}, peer="192.0.2.8")
    assert run(world.house.contact.seen(request)).device is None
    rule = Rule(where=Where.USER_AGENT, literal="Quux", pattern=r"Quux-(?P<model>\d+)", vendor="Quux")
    broken = Rule(where=Where.USER_AGENT, literal="Quux", pattern=r"Quux-(", vendor="Quux")
    world.host.add("quux", "Quux", rules=(rule, broken))
    run(world.house.plugins.reload("quux"))
    assert run(world.house.contact.seen(request)).device.plugin == "quux"
    assert [(each.plugin, each.kind) for each in world.house.plugins.problems()] == [("quux", "rule")]


def test_changes_are_told_to_listeners(world):
    subscription = world.house.events.subscribe()
    run(world.house.plugins.reload(PLUGIN))
    run(world.house.plugins.uninstall(PLUGIN))
    told = [event for event in subscription.pending() if isinstance(event, PluginChanged)]
    assert told == [PluginChanged(PLUGIN, "reloaded"), PluginChanged(PLUGIN, "uninstalled")]


@pytest.fixture
def firmware(world):
    service = FakeFirmware()
    use = PluginUse()
    world.packages = Packages(world.host, service, world.house.operations, world.house.parameters, use)
    return service


def test_packages_are_installed_upgraded_and_removed(world, firmware):
    path = f"/pg_mgr/plugins/{PLUGIN}/install"
    assert run(world.packages.offered(PLUGIN))
    with pytest.raises(UnknownReference):
        run(world.packages.upgrade(PLUGIN, "6731i-fw"))
    operation = run(world.packages.install(PLUGIN, "6731i-fw"))
    assert run(world.house.operations.get(f"{path}/install", operation.id)).progress == "install_pkg|success"
    assert list(run(world.packages.installed(PLUGIN))) == ["6731i-fw"]
    operation = run(world.packages.upgrade(PLUGIN, "6731i-fw"))
    assert run(world.house.operations.get(f"{path}/upgrade", operation.id)).error is None
    run(world.packages.uninstall(PLUGIN, "6731i-fw"))
    with pytest.raises(UnknownReference):
        run(world.packages.uninstall(PLUGIN, "6731i-fw"))


def test_a_package_is_worked_on_once_at_a_time(world, firmware):
    firmware.gate.shut()
    firmware.there["6731i-fw"] = {}
    run(world.packages.install(PLUGIN, "6731i-fw"))
    for call in (world.packages.install, world.packages.upgrade, world.packages.uninstall):
        with pytest.raises(InProgress):
            run(call(PLUGIN, "6731i-fw"))
    firmware.gate.open()
    run(world.packages.uninstall(PLUGIN, "6731i-fw"))


def test_packages_need_a_loaded_plugin_and_a_known_name(world, firmware):
    with pytest.raises(NotFound):
        run(world.packages.installable("ghost"))
    with pytest.raises(UnknownReference):
        run(world.packages.install(PLUGIN, "ghost"))
    assert not run(world.house.packages.offered(PLUGIN))
    with pytest.raises(NotFound):
        run(world.house.packages.installable(PLUGIN))


def test_a_rendering_that_waits_for_a_reload_gets_the_new_plugin(world):
    device = world.device()
    world.host.gate.shut()
    run(world.house.plugins.reload(PLUGIN))
    waiting = begin(world.house.rendering.device_file(device, "00085d000001.cfg"))
    run(world.house.plugins.reload(PLUGIN))
    world.host.gate.open()
    assert run(waiting).content.startswith(b'["revision of acme-1.0++"')
