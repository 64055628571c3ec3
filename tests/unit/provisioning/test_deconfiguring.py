from __future__ import annotations

import pytest
from tests.support.provisioning import PLUGIN, FakeOffer, World, begin, run, sip

from provisiond.errors import PluginProblem

OTHER, NATIVE = "acme-2.0", "native-1.0"
MAC = "00:08:5d:00:00:01"


@pytest.fixture
def old_world(world: World) -> World:
    """A world whose first two plugins undo what they did; the third does not."""
    world.host.add(OTHER)
    world.host.add(NATIVE)
    world.host.undoing = {PLUGIN, OTHER}
    return world


def replace(world, device, **members):
    document = {**dict(world.house.directory.get(device.id).document), **members}
    return run(world.house.devices.replace(device.id, document, world.scope))


def test_nothing_is_undone_for_a_new_device(old_world):
    old_world.device()
    assert old_world.host.undone == []


def test_what_changed_is_undone_once_and_as_it_was(old_world):
    device = old_world.device()
    replace(old_world, device, mac="00:08:5d:00:00:02")
    assert old_world.host.undone == [(PLUGIN, device.id, MAC)]


def test_several_changes_before_the_files_are_made_undo_the_first_state(old_world):
    device = old_world.device()
    old_world.host.gate.shut()
    work = [
        begin(old_world.house.devices.change(device.id, {"mac": f"00:08:5d:00:00:0{number}"})) for number in (2, 3, 4)
    ]
    asked = begin(old_world.house.rendering.device_files(old_world.house.directory.get(device.id)))
    old_world.host.gate.open()
    assert all(each.called for each in work)
    assert "00085d000004.cfg" in run(asked).files
    assert old_world.host.undone == [(PLUGIN, device.id, MAC)]


def test_an_address_alone_undoes_nothing(old_world):
    device = old_world.device()
    replace(old_world, device, ip="192.0.2.99")
    old_world.settle()
    assert old_world.host.undone == []
    assert old_world.host.rendered == [device.id]


def test_the_plugin_that_did_it_undoes_it(old_world):
    device = old_world.device()
    replace(old_world, device, plugin=OTHER)
    replace(old_world, device, plugin=NATIVE)
    replace(old_world, device, plugin=OTHER)
    assert [plugin for plugin, _, _ in old_world.host.undone] == [PLUGIN, OTHER]


def test_a_device_that_loses_its_plugin_or_config_is_undone(old_world):
    device = old_world.device()
    run(old_world.house.configs.delete(device.config))
    old_world.settle()
    assert old_world.host.undone == [(PLUGIN, device.id, MAC)]
    assert old_world.house.directory.get(device.id).configured is False
    other = old_world.device(mac="00:08:5d:00:00:07")
    replace(old_world, other, plugin=None)
    assert old_world.host.undone[1:] == [(PLUGIN, other.id, "00:08:5d:00:00:07")]


def test_a_deleted_device_is_undone_and_one_without_files_is_not(old_world):
    device = old_world.device()
    run(old_world.house.devices.delete(device.id, old_world.scope))
    assert old_world.host.undone == [(PLUGIN, device.id, MAC)]
    old_world.host.broken[PLUGIN] = "no"
    broken = old_world.device()
    run(old_world.house.devices.delete(broken.id, old_world.scope))
    assert len(old_world.host.undone) == 1


def test_a_device_that_is_deleted_while_its_files_are_made_is_undone(old_world):
    config = run(old_world.house.configs.create({"id": "c", "parent_ids": ["base"], "raw_config": sip("a")}))
    old_world.host.gate.shut()
    members = {"id": "d", "plugin": PLUGIN, "mac": MAC, "config": config.id}
    creating = begin(old_world.house.devices.create(members, old_world.scope))
    run(old_world.house.devices.delete("d", old_world.scope))
    assert old_world.host.undone == []
    old_world.host.gate.open()
    creating.addErrback(lambda failure: None)
    assert creating.called
    assert old_world.host.undone == [(PLUGIN, "d", MAC)]


def test_a_config_that_changes_and_a_wish_undo_too(old_world):
    device = old_world.device()
    raw = {"id": device.config, "parent_ids": ["base"], "raw_config": sip("bob")}
    run(old_world.house.configs.replace(device.config, raw))
    old_world.settle()
    assert len(old_world.host.undone) == 1
    run(old_world.house.devices.reconfigure(device.id, old_world.scope))
    assert len(old_world.host.undone) == 2
    assert old_world.host.rendered == [device.id] * 3


def noted_revisions(world):
    """Return a list that gets the revision of the plugin that is asked, each time."""
    revisions = []
    deconfigure = world.host.deconfigure

    async def noting(plugin_id, device):
        revisions.append(world.host.plugins[plugin_id].revision)
        await deconfigure(plugin_id, device)

    world.host.deconfigure = noting
    return revisions


def test_reloading_undoes_before_and_makes_everything_again_after(old_world):
    device = old_world.device()
    old_world.settle()
    revisions = noted_revisions(old_world)
    before = old_world.host.plugins[PLUGIN].revision
    old_world.pump(old_world.house.plugins.reload(PLUGIN))
    old_world.settle()
    assert revisions == [before]
    assert old_world.host.rendered == [device.id] * 2


def test_reloading_what_does_not_load_leaves_devices_unconfigured(old_world):
    device = old_world.device()
    old_world.host.unloadable[PLUGIN] = "broken"
    with pytest.raises(PluginProblem):
        old_world.pump(old_world.house.plugins.reload(PLUGIN))
    old_world.settle()
    assert old_world.house.directory.get(device.id).configured is False
    assert len(old_world.host.undone) == 1


def test_an_upgrade_is_undone_by_the_new_one(old_world):
    device = old_world.device()
    old_world.archives.offers[PLUGIN] = FakeOffer()
    revisions = noted_revisions(old_world)
    before = old_world.host.plugins[PLUGIN].revision
    old_world.pump(old_world.house.plugins.upgrade(PLUGIN))
    old_world.settle()
    assert revisions == [before + "+"]
    assert old_world.host.rendered == [device.id] * 2


def test_uninstalling_undoes_nothing(old_world):
    device = old_world.device()
    old_world.pump(old_world.house.plugins.uninstall(PLUGIN))
    old_world.settle()
    assert old_world.host.undone == []
    assert old_world.house.directory.get(device.id).configured is False


def test_native_plugins_are_made_again_only_when_something_changed(world):
    device = world.device()
    revision = world.host.plugins[PLUGIN].revision
    world.pump(world.house.rendering.begin_anew(PLUGIN, undo=True))
    world.file(device)
    assert (world.host.rendered, world.host.undone) == ([device.id], [])
    assert world.host.plugins[PLUGIN].revision == revision


def test_after_a_restart_the_stored_device_is_undone(old_world):
    device = old_world.device()
    old_world.pump(old_world.house.stop())
    old_world.restart()
    replace(old_world, device, mac="00:08:5d:00:00:02")
    assert old_world.host.undone == [(PLUGIN, device.id, MAC)]


def test_changed_templates_make_everything_again_for_plugins_that_read_them_afresh(old_world):
    device = old_world.device()
    native = old_world.device(plugin=NATIVE, mac="00:08:5d:00:00:09")
    for plugin in (PLUGIN, NATIVE):
        old_world.house.plugins.follow_templates(plugin)
    old_world.settle()
    assert old_world.host.rendered == [device.id, native.id, device.id]
