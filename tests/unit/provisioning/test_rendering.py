from __future__ import annotations

import json
import stat

import pytest
from tests.support.provisioning import PLUGIN, World, begin, info_of, run, sip

from provisiond.errors import InvalidInput, PluginProblem
from provisiond.model.config import Config
from provisiond.provisioning.events import DeviceConfigured


def username(world, device):
    return world.file(device)[4]["sip_lines"]["1"]["username"]


def change(world, config_id, raw_config, parents=("base",)):
    run(
        world.house.configs.replace(config_id, {"id": config_id, "parent_ids": list(parents), "raw_config": raw_config})
    )


def test_a_file_is_rendered_once_and_then_kept(world):
    device = world.device()
    first = world.file(device)
    assert world.file(device) == first
    assert world.host.rendered == [device.id]


def test_a_change_of_the_own_config_shows_in_the_next_request(world):
    device = world.device()
    change(world, device.config, sip("bob"))
    assert username(world, device) == "bob"


def test_a_change_of_an_ancestor_shows_in_the_next_request(world):
    device = world.device()
    assert "ntp_ip" in world.file(device)[4]
    base = dict(world.configs.config("base").document)
    run(world.house.configs.replace("base", {**base, "raw_config": {"X_mark": "new"}}))
    raw = world.file(device)[4]
    assert raw["X_mark"] == "new"
    assert "ntp_ip" not in raw


def test_a_parent_that_comes_later_counts_from_then_on(world):
    run(world.house.configs.create({"id": "leaf", "parent_ids": ["ghost"], "raw_config": sip("alice")}))
    device = world.device(config="leaf")
    assert "X_ghost" not in world.file(device)[4]
    run(world.house.configs.create({"id": "ghost", "parent_ids": [], "raw_config": {"X_ghost": 1}}))
    assert world.file(device)[4]["X_ghost"] == 1
    run(world.house.configs.delete("ghost"))
    assert "X_ghost" not in world.file(device)[4]


def test_a_change_that_leads_to_the_same_files_renders_nothing(world):
    device = world.device()
    world.file(device)
    document = dict(world.configs.config(device.config).document)
    run(world.house.configs.replace(device.config, {**document, "label": "new"}))
    world.settle()
    world.file(device)
    assert world.host.rendered == [device.id]


def test_requests_for_one_stale_device_wait_for_the_same_rendering(world):
    device = world.device()
    world.file(device)
    change(world, device.config, sip("bob"))
    world.host.gate.shut()
    waiting = [begin(world.house.rendering.device_file(device, "00085d000001.cfg")) for _ in range(5)]
    assert world.host.gate.waiting == 1
    world.host.gate.open()
    contents = {run(each).content for each in waiting}
    assert len(contents) == 1
    assert b"bob" in contents.pop()
    assert len(world.host.rendered) == 2


def test_a_change_during_a_rendering_is_in_the_answer_of_who_asked_after_it(world):
    device = world.device()
    change(world, device.config, sip("bob"))
    world.host.gate.shut()
    early = begin(world.house.rendering.device_file(device, "00085d000001.cfg"))
    change(world, device.config, sip("carol"))
    late = begin(world.house.rendering.device_file(device, "00085d000001.cfg"))
    world.host.gate.open()
    assert b"carol" in run(late).content
    assert run(early) is not None
    assert username(world, device) == "carol"


def test_a_request_that_is_given_up_leaves_the_rendering_to_the_others(world):
    device = world.device()
    change(world, device.config, sip("bob"))
    world.host.gate.shut()
    first = begin(world.house.rendering.device_file(device, "00085d000001.cfg"))
    second = begin(world.house.rendering.device_file(device, "00085d000001.cfg"))
    first.addErrback(lambda failure: None)
    first.cancel()
    world.host.gate.open()
    assert b"bob" in run(second).content
    world.settle()


def test_a_failure_takes_the_old_files_away_and_tells_why(world):
    device = world.device()
    assert world.file(device) is not None
    world.host.broken[PLUGIN] = "X is undefined"
    change(world, device.config, sip("bob"))
    assert world.file(device) is None
    assert world.house.rendering.problem(device.id) == "X is undefined"
    assert not world.house.directory.get(device.id).configured
    run(world.house.sightings.flush())
    assert world.devices.document(device.id)["configured"] is False


def test_a_failure_is_not_repeated_for_every_request_but_tried_again_later(world):
    world.host.broken[PLUGIN] = "X is undefined"
    device = world.device()
    for _ in range(5):
        assert world.file(device) is None
    assert len(world.host.rendered) == 1
    del world.host.broken[PLUGIN]
    world.clock.advance(31)
    assert world.file(device) is not None
    assert world.house.directory.get(device.id).configured
    assert world.house.rendering.problem(device.id) is None


def test_a_clock_that_is_set_back_puts_no_attempt_off(world):
    world.host.broken[PLUGIN] = "X is undefined"
    device = world.device()
    assert world.file(device) is None
    del world.host.broken[PLUGIN]
    world.clock.rightNow -= 3_600
    assert world.file(device) is not None


def test_what_nobody_foresaw_is_told_blandly(world, monkeypatch):
    device = world.device()

    async def explode(*args):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(world.host, "device_files", explode)
    change(world, device.config, sip("bob"))
    assert world.file(device) is None
    assert "secret" not in world.house.rendering.problem(device.id)


def test_parameters_that_do_not_fit_together_take_the_files_away(world):
    device = world.device()
    run(
        world.house.configs.create({"id": "site", "parent_ids": [], "raw_config": {"ntp_enabled": True, "ntp_ip": "x"}})
    )
    change(world, device.config, {**sip("bob"), "ntp_ip": ""}, ("site",))
    assert world.file(device) is None
    assert "ntp_ip" in world.house.rendering.problem(device.id)


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"plugin": None}, "no plugin serves this device"),
        ({"plugin": "other"}, 'plugin "other" is not loaded'),
        ({"config": None}, "the device has no config"),
        ({"config": "nothing"}, 'config "nothing" does not exist'),
    ],
)
def test_a_device_without_plugin_or_config_has_no_files(world, members, problem):
    device = world.device(**members)
    assert not device.configured
    assert world.house.rendering.problem(device.id) == problem
    assert run(world.house.rendering.device_files(device)) is None


def test_files_of_a_changed_plugin_are_made_anew(world):
    device = world.device()
    before = world.file(device)
    run(world.house.plugins.reload(PLUGIN))
    assert world.file(device) != before


def test_a_plugin_that_is_replaced_during_a_rendering_renders_again(world):
    device = world.device()
    change(world, device.config, sip("bob"))
    world.host.gate.shut()
    early = begin(world.house.rendering.device_file(device, "00085d000001.cfg"))
    world.host.touch(PLUGIN)
    world.host.gate.open()
    assert json.loads(run(early).content)[0].endswith("+")


def test_a_plugin_that_fails_because_it_is_replaced_during_a_rendering_renders_again(world):
    device = world.device()
    change(world, device.config, sip("bob"))
    world.host.gate.shut()
    asking = begin(world.house.rendering.device_file(device, "00085d000001.cfg"))
    world.host.broken[PLUGIN] = "its template is gone"
    world.house.rendering.maker.told = lambda plugin, outcome, seconds: world.host.broken.pop(plugin, None)
    world.host.touch(PLUGIN)
    world.host.gate.open()
    assert json.loads(run(asking).content)[0].endswith("+")
    assert world.house.rendering.problem(device.id) is None


def test_ten_thousand_devices_are_marked_at_once_and_rendered_beside_the_phones(world):
    run(world.house._following.look())
    for number in range(10_000):
        mac = f"00:08:5d:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        document = {"id": f"d{number}", "mac": mac, "plugin": PLUGIN, "config": f"c{number}", "configured": True}
        document |= {"tenant_uuid": world.house.tenants.master, "is_new": True}
        world.devices.rows[f"d{number}"] = json.dumps(document)
        world.configs.rows[f"c{number}"] = json.dumps(
            {"id": f"c{number}", "parent_ids": ["base"], "raw_config": sip(f"u{number}")}
        )
    world.restart()
    base = dict(world.configs.config("base").document)
    run(world.house.configs.replace("base", {**base, "raw_config": {"X_mark": "new"}}))
    # The change is one thing to do, not ten thousand, until its turn comes.
    assert 1 <= len(world.house.rendering.background) <= 2
    assert world.host.rendered == []
    phone = world.house.directory.get("d9999")
    assert world.file(phone)[4]["X_mark"] == "new"
    world.host.gate.shut()
    world.clock.advance(0)
    assert world.host.rendered[0] == "d9999"
    assert len(world.host.rendered) == 2


def test_the_background_stops_for_phones_that_wait(world):
    devices = [world.device(mac=f"00:08:5d:00:00:0{number}") for number in range(1, 6)]
    base = dict(world.configs.config("base").document)
    world.host.rendered.clear()
    run(world.house.configs.replace("base", {**base, "raw_config": {"X_mark": "new"}}))
    world.host.gate.shut()
    phone = begin(world.house.rendering.device_file(devices[4], "000000000005.cfg"))
    for _ in range(20):
        world.clock.advance(0)
    assert world.host.rendered == [devices[4].id]
    world.host.gate.open()
    run(phone)
    world.settle()
    assert sorted(world.host.rendered) == sorted(device.id for device in devices)


def test_the_background_follows_every_change(world):
    devices = [world.device(mac=f"00:08:5d:00:00:0{number}") for number in range(1, 4)]
    world.host.broken[PLUGIN] = "broken"
    base = dict(world.configs.config("base").document)
    run(world.house.configs.replace("base", {**base, "raw_config": {"X_mark": "new"}}))
    world.settle()
    assert not any(world.house.directory.get(device.id).configured for device in devices)
    world.clock.advance(1)
    assert not any(world.devices.document(device.id)["configured"] for device in devices)


def test_a_restart_starts_warm(world):
    device = world.device()
    before = world.file(device)
    world.host.rendered.clear()
    world.restart()
    assert world.file(device) == before
    assert world.host.rendered == []


def test_after_a_restart_a_change_of_the_plugin_is_seen(world):
    device = world.device()
    before = world.file(device)
    world.host.touch(PLUGIN)
    world.restart()
    assert world.file(device) != before


def test_what_was_changed_just_before_a_crash_is_rendered_after_it(world):
    device = world.device()
    world.settle()
    run(world.house._following.look())
    world.host.broken[PLUGIN] = "broken"
    change(world, device.config, sip("bob"))
    world.restart()
    assert not world.house.directory.get(device.id).configured


def test_damaged_files_on_disk_are_rendered_again(world):
    device = world.device()
    before = world.file(device)
    (kept,) = [path for path in (world.state_dir / "rendered" / "files").rglob("*") if path.is_file()]
    kept.write_bytes(kept.read_bytes()[:-3])
    world.restart()
    assert world.file(device) == before


def test_files_on_disk_are_for_the_daemon_alone_and_have_no_foreign_names(world):
    device = world.device(id="..evil name")
    world.file(device)
    paths = [path for path in (world.state_dir / "rendered").rglob("*") if path.is_file()]
    assert len(paths) == 1
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in paths)
    assert all(set(path.name) <= set("0123456789abcdef") for path in paths)


def test_a_full_disk_costs_nothing_but_warmth(world, monkeypatch):
    def refuse(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("provisiond.provisioning.rendered_files.write_set", refuse)
    device = world.device()
    assert world.file(device) is not None
    change(world, device.config, sip("bob"))
    assert username(world, device) == "bob"


def test_little_memory_costs_only_time(make_world):
    world = make_world(rendered_limit=0)
    one, other = world.device(), world.device(mac="00:08:5d:00:00:02")
    assert world.file(one)[1] == one.id
    assert world.file(other)[1] == other.id
    assert world.file(one)[1] == one.id
    assert world.host.rendered == [one.id, other.id]


def test_common_files_follow_the_plugin(world):
    first = run(world.house.rendering.common_file(PLUGIN, "common.cfg"))
    assert run(world.house.rendering.common_file(PLUGIN, "common.cfg")) is first
    assert run(world.house.rendering.common_file(PLUGIN, "other.cfg")) is None
    raw = json.loads(first.content)[1]
    assert {name: raw[name] for name in ("ip", "http_port", "tftp_port", "http_base_url")} == {
        "ip": "192.0.2.1",
        "http_port": 8667,
        "tftp_port": 69,
        "http_base_url": "http://192.0.2.1:8667",
    }
    run(world.house.plugins.reload(PLUGIN))
    assert run(world.house.rendering.common_file(PLUGIN, "common.cfg")).content != first.content


def test_common_files_of_an_unknown_or_broken_plugin_are_a_problem(world):
    with pytest.raises(PluginProblem):
        run(world.house.rendering.common_file("other", "common.cfg"))
    world.host.broken[PLUGIN] = "broken"
    with pytest.raises(PluginProblem):
        run(world.house.rendering.common_file(PLUGIN, "common.cfg"))


def test_a_preview_stores_nothing(world):
    device = world.device()
    before = world.file(device)
    override = Config({"id": device.config, "parent_ids": ["base"], "raw_config": sip("bob")})
    preview = run(world.house.rendering.preview(device, override))
    assert b'"username": "bob"' in preview.files["00085d000001.cfg"].content
    assert world.file(device) == before
    bad = Config({"id": device.config, "parent_ids": [], "raw_config": {"ntp_enabled": True}})
    with pytest.raises(InvalidInput):
        run(world.house.rendering.preview(device, bad))
    with pytest.raises(PluginProblem):
        run(world.house.rendering.preview(device.with_members(plugin=None)))


def test_the_trigger_file_tells_which_account_the_phone_runs(world):
    device = world.device()
    file = run(world.house.rendering.device_file(device, "00085d000001.cfg"))
    boot = run(world.house.rendering.device_file(device, "boot.cfg"))
    world.house.rendering.fetched(device.id, "boot.cfg", boot.etag)
    assert "remote_state_sip_username" not in world.house.directory.get(device.id).document
    world.house.rendering.fetched(device.id, "00085d000001.cfg", '"other"')
    assert "remote_state_sip_username" not in world.house.directory.get(device.id).document
    world.house.rendering.fetched(device.id, "00085d000001.cfg", file.etag)
    expected = world.configs.config(device.config).raw_config["sip_lines"]["1"]["username"]
    assert world.house.directory.get(device.id).document["remote_state_sip_username"] == expected
    world.clock.advance(1)
    assert world.devices.document(device.id)["remote_state_sip_username"] == expected


def test_what_a_phone_fetched_last_survives_changes_and_restarts(world):
    device = world.device()
    file = run(world.house.rendering.device_file(device, "00085d000001.cfg"))
    world.house.rendering.fetched(device.id, "00085d000001.cfg", file.etag)
    at = world.clock.seconds()
    change(world, device.config, sip("bob"))
    world.clock.advance(10)
    world.settle()
    world.restart()
    (fetch,) = run(world.house.fetches.of(device.id)).values()
    assert fetch.file == file
    assert fetch.at == at
    assert run(world.house.rendering.device_file(device, file.name)).etag != file.etag


def test_configured_is_told_to_listeners_when_it_changes(world):
    device = world.device()
    subscription = world.house.events.subscribe()
    world.file(device)
    change(world, device.config, sip("bob"))
    world.settle()
    told = [event for event in subscription.pending() if isinstance(event, DeviceConfigured)]
    assert told == [DeviceConfigured(device.id, True, None)]


def test_settled_waits_for_pending_work_but_not_for_ever(world):
    device = world.device()
    change(world, device.config, sip("bob"))
    world.host.gate.shut()
    waiting = begin(world.house.rendering.settled(device.id))
    assert not waiting.called
    world.clock.advance(5)
    assert waiting.called
    world.host.gate.open()
    run(world.house.rendering.settled(device.id))
    world.settle()
    assert username(world, device) == "bob"


def test_at_the_turn_of_the_year_files_are_made_anew(world):
    device = world.device()
    world.file(device)
    world.clock.advance(365 * 86400)
    world.file(device)
    world.settle()
    assert world.host.rendered == [device.id, device.id]


def test_the_provisioning_key_stands_in_urls_when_that_is_switched_on(make_world):
    world = make_world(keys_in_urls=True)
    device = world.device()
    assert world.house.rendering.problem(device.id) == "the tenant of the device has no provisioning key"
    run(world.house.parameters.set("provisioning_key", "abcdefgh", device.tenant_uuid))
    assert world.file(device)[4]["http_base_url"] == "http://192.0.2.1:8667/abcdefgh"
    assert run(world.house.configs.raw(device.config))["http_base_url"] == "http://192.0.2.1:8667"
    run(world.house.parameters.set("provisioning_key", "ijklmnop", device.tenant_uuid))
    assert world.file(device)[4]["http_base_url"] == "http://192.0.2.1:8667/ijklmnop"


def test_a_stopped_house_has_written_everything(world: World):
    device = world.device()
    world.house.sightings.note(device.id, {"ip": "192.0.2.3"})
    world.pump(world.house.stop())
    assert world.devices.document(device.id)["ip"] == "192.0.2.3"
    assert world.clock.getDelayedCalls() == []


def test_plugin_infos_can_be_localized():
    assert info_of().localized("fr_FR")["description"] == "fichiers"
