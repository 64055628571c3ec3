from __future__ import annotations

import re

import pytest
from tests.support.provisioning import PLUGIN, World, aastra, begin, browser, run, sip
from twisted.logger import capturedLogs, eventAsText

from provisiond.errors import InvalidInput, StoreProblem
from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.provisioning.events import DeviceSeen


def seen(world: World, request: PhoneRequest):
    return run(world.house.contact.seen(request))


def test_a_first_contact_gets_device_plugin_config_and_file_at_once(world):
    sighting = seen(world, aastra())
    device = sighting.device
    assert sighting.created
    assert sighting.reason == "first contact"
    assert (device.vendor, device.model, device.version) == ("Aastra", "6731i", "3.3.1.4256")
    assert device.plugin == PLUGIN
    assert device.document["added"] == "auto"
    assert device.is_new
    assert re.fullmatch(r"[0-9a-f]{32}", device.id)
    assert re.fullmatch(r"autoprov[0-9a-f-]{36}", device.config)
    assert world.devices.document(device.id)["mac"] == "00:08:5d:2d:b0:7c"
    _, _, mac, _, raw = world.file(device)
    assert mac == "00:08:5d:2d:b0:7c"
    assert raw["sip_lines"]["1"]["username"].startswith("ap")
    assert world.house.directory.get(device.id).configured


def test_an_autocreated_config_is_a_transient_child_of_its_model(world):
    config = world.configs.config(seen(world, aastra()).device.config)
    assert config.transient
    assert config.parent_ids == ("autoprov",)
    assert config.role is None
    assert config.raw_config == world.configs.config("autoprov").raw_config


def test_a_known_phone_that_tells_nothing_new_waits_for_nothing(world):
    device = seen(world, aastra()).device
    world.file(device)
    world.settle()
    run(world.house.sightings.flush())
    world.devices.gate.shut()
    world.configs.gate.shut()
    world.threads.gate.shut()
    world.host.gate.shut()
    before = world.devices.calls
    again = seen(world, aastra())
    assert again.device.id == device.id
    assert not again.created
    assert world.file(again.device) is not None
    assert world.devices.calls == before


def test_two_first_requests_at_once_make_one_device(world):
    world.devices.gate.shut()
    one, other = begin(world.house.contact.seen(aastra())), begin(world.house.contact.seen(aastra()))
    assert world.devices.gate.waiting == 1
    world.devices.gate.open()
    first, second = run(one), run(other)
    assert first.device.id == second.device.id
    assert (first.created, second.created) == (True, False)
    assert len(world.devices.rows) == 1
    assert len([name for name in world.configs.rows if name.startswith("autoprov")]) == 2


def test_requests_that_share_only_the_address_make_one_device(world):
    bare = PhoneRequest(
        protocol=Protocol.HTTP,
        path="/aastra.cfg",
        headers={"User-Agent": "Aastra6731i V:3.3.1.4256-SIP"},
        peer="192.0.2.50",
    )
    world.devices.gate.shut()
    one, other = begin(world.house.contact.seen(bare)), begin(world.house.contact.seen(aastra()))
    world.devices.gate.open()
    device = run(one).device
    assert device.id == run(other).device.id
    assert world.house.directory.get(device.id).mac == "00:08:5d:2d:b0:7c"
    assert len(world.devices.rows) == 1


def test_different_phones_do_not_wait_for_each_other(world):
    world.devices.gate.shut()
    begin(world.house.contact.seen(aastra("00085D000001", "192.0.2.1")))
    begin(world.house.contact.seen(aastra("00085D000002", "192.0.2.2")))
    assert world.devices.gate.waiting == 2
    world.devices.gate.open()
    assert len(world.devices.rows) == 2


def test_a_request_without_identity_creates_nothing(world):
    sighting = seen(world, browser())
    assert sighting.device is None
    assert sighting.info.claims() == {"ip": "192.0.2.77"}
    assert not world.devices.rows


def test_an_address_shared_by_two_devices_is_ambiguous_without_identity(make_world):
    world = make_world(parameter_defaults={"NAT": 1})
    seen(world, aastra("00085D000001", "192.0.2.1"))
    seen(world, aastra("00085D000002", "192.0.2.1"))
    sighting = seen(world, browser("192.0.2.1"))
    assert sighting.device is None
    assert "2 devices" in sighting.reason


def test_every_browser_gets_a_device_when_that_is_wanted(make_world):
    world = make_world(takes_anyone=True)
    device = seen(world, browser()).device
    assert (device.ip, device.document["added"], device.plugin) == ("192.0.2.77", "auto", None)
    assert device.config.startswith("autoprov")
    assert seen(world, browser()).device.id == device.id
    assert seen(world, browser("192.0.2.78")).device.id != device.id
    assert len(world.devices.rows) == 2


def test_an_ambiguous_address_gets_another_device_when_that_is_wanted(make_world):
    world = make_world(parameter_defaults={"NAT": 1}, takes_anyone=True)
    known = {seen(world, aastra(f"00085D00000{number}", "192.0.2.1")).device.id for number in (1, 2)}
    assert seen(world, browser("192.0.2.1")).device.id not in known


def test_a_device_loses_the_address_that_another_has_now(world):
    first = seen(world, aastra("00085D000001", "192.0.2.1")).device
    second = seen(world, aastra("00085D000002", "192.0.2.1")).device
    assert world.house.directory.get(first.id).ip is None
    assert [device.id for device in world.house.directory.by_ip("192.0.2.1")] == [second.id]
    run(world.house.sightings.flush())
    assert "ip" not in world.devices.document(first.id)
    assert world.devices.document(second.id)["ip"] == "192.0.2.1"


def test_phones_that_swap_addresses_end_with_one_each(world):
    first = seen(world, aastra("00085D000001", "192.0.2.1")).device
    second = seen(world, aastra("00085D000002", "192.0.2.2")).device
    seen(world, aastra("00085D000001", "192.0.2.2"))
    seen(world, aastra("00085D000002", "192.0.2.1"))
    assert world.house.directory.get(first.id).ip == "192.0.2.2"
    assert world.house.directory.get(second.id).ip == "192.0.2.1"


def test_behind_nat_devices_keep_a_shared_address(make_world):
    world = make_world(parameter_defaults={"NAT": 1})
    first = seen(world, aastra("00085D000001", "192.0.2.1")).device
    seen(world, aastra("00085D000002", "192.0.2.1"))
    assert world.house.directory.get(first.id).ip == "192.0.2.1"


def test_sightings_that_the_store_refuses_are_a_sentence_in_the_log_and_tried_again(world):
    device = seen(world, aastra(ip="192.0.2.1")).device
    world.settle()
    run(world.house.sightings.flush())
    seen(world, aastra(ip="192.0.2.2"))
    world.devices.fails = StoreProblem("the database refused: database or disk is full")
    with capturedLogs() as events:
        run(world.house.sightings.flush())
    [told] = [each for each in events if "tried again" in str(each["log_format"])]
    assert eventAsText(told, includeTimestamp=False, includeSystem=False) == (
        "changes of 1 devices could not be written, they are tried again: "
        "the database refused: database or disk is full"
    )
    world.devices.fails = None
    run(world.house.sightings.flush())
    assert world.devices.document(device.id)["ip"] == "192.0.2.2"


def test_sightings_are_written_once_a_second_for_all_devices(world):
    devices = [seen(world, aastra(f"00085D00000{number}", f"192.0.2.{number}")).device for number in (1, 2, 3)]
    world.settle()
    run(world.house.sightings.flush())
    world.devices.sighting_writes.clear()
    for last in range(10, 40):
        for number in (1, 2, 3):
            seen(world, aastra(f"00085D00000{number}", f"192.0.{number}.{last}"))
    assert world.devices.sighting_writes == []
    world.clock.advance(1)
    assert world.devices.sighting_writes == [
        {device.id: {"ip": f"192.0.{number}.39"} for number, device in enumerate(devices, 1)}
    ]
    world.clock.advance(10)
    assert len(world.devices.sighting_writes) == 1


def test_a_new_firmware_version_makes_the_files_anew(world):
    device = seen(world, aastra()).device
    assert world.file(device)[3] == "3.3.1.4256"
    sighting = seen(world, aastra(version="3.3.1.4365"))
    assert sighting.device.version == "3.3.1.4365"
    assert world.file(sighting.device)[3] == "3.3.1.4365"


def test_a_registered_device_is_completed_and_keeps_what_was_registered(world):
    run(world.house.configs.create({"id": "mine", "parent_ids": ["base"], "raw_config": sip("alice")}))
    registered = run(
        world.house.devices.create({"mac": "00:08:5d:2d:b0:7c", "config": "mine", "description": "desk"}, world.scope)
    )
    assert not registered.configured
    device = seen(world, aastra()).device
    assert device.id == registered.id
    assert (device.config, device.plugin, device.model) == ("mine", PLUGIN, "6731i")
    assert device.document["description"] == "desk"
    assert "added" not in device.document
    assert world.devices.document(device.id)["plugin"] == PLUGIN
    assert world.file(device)[4]["sip_lines"]["1"]["username"] == "alice"


def test_a_phone_that_no_plugin_fits_is_kept_with_what_is_known(world):
    world.host.plugins.clear()
    sighting = seen(world, aastra())
    assert sighting.device.plugin is None
    assert sighting.device.model == "6731i"
    assert run(world.house.rendering.device_file(sighting.device, "x")) is None
    assert world.house.rendering.problem(sighting.device.id) == "no plugin serves this device"
    calls = world.devices.calls
    seen(world, aastra())
    assert world.devices.calls == calls


def test_without_a_model_for_configs_the_device_is_kept_without_config(world):
    world.configs.rows.clear()
    world.restart()
    document = {"id": "m", "parent_ids": [], "raw_config": {}, "role": "autocreate"}
    for name in list(world.configs.rows):
        world.configs.rows.pop(name)
    world.restart()
    run(world.house.configs.replace("autoprov", {**document, "id": "autoprov"}))
    sighting = seen(world, aastra())
    assert sighting.device.config is None
    assert world.house.rendering.problem(sighting.device.id) is None
    assert run(world.house.rendering.device_files(sighting.device)) is None
    assert world.house.rendering.problem(sighting.device.id) == "the device has no config"


def test_a_device_that_cannot_be_stored_leaves_nothing(world):
    world.devices.fails = RuntimeError("the disk is full")
    with pytest.raises(RuntimeError):
        seen(world, aastra())
    assert [name for name in world.configs.rows if name.startswith("autoprov")] == ["autoprov"]
    assert len(world.house.directory) == 0
    world.devices.fails = None
    assert seen(world, aastra()).created


def test_a_lease_report_creates_and_updates_a_device(world):
    report = {"op": "commit", "ip": "10.7", "mac": "0:8:5D:2D:b0:7c", "options": ["06041.61.73.74.72.61"]}
    world.house.contact.dhcp_info(report)
    (device,) = world.house.directory.by_mac("00:08:5d:2d:b0:7c")
    assert device.ip == "10.0.0.7"
    assert device.vendor == "Aastra"
    assert device.document["added"] == "auto"
    world.house.contact.dhcp_info({**report, "ip": "10.0.0.8"})
    assert world.house.directory.get(device.id).ip == "10.0.0.8"
    world.house.contact.dhcp_info({"op": "expiry", "ip": "10.0.0.8"})
    assert world.house.directory.get(device.id).ip == "10.0.0.8"


def test_a_wrong_lease_report_is_refused_before_anything_happens(world):
    with pytest.raises(InvalidInput):
        world.house.contact.dhcp_info({"op": "commit", "ip": "10.0.0.7"})
    assert not world.devices.rows


def test_contacts_are_told_to_listeners(world):
    subscription = world.house.events.subscribe()
    device = seen(world, aastra()).device
    seen(world, aastra())
    told = [event for event in subscription.pending() if isinstance(event, DeviceSeen)]
    assert told == [DeviceSeen(device.id, True, "192.0.2.50"), DeviceSeen(device.id, False, "192.0.2.50")]
    assert world.house.sightings.last_seen(device.id) == world.clock.seconds()


def test_an_unknown_failure_of_the_plugins_keeps_the_phone_waiting_for_nobody(world):
    world.host.broken[PLUGIN] = "the template is broken"
    sighting = seen(world, aastra())
    assert run(world.house.rendering.device_files(sighting.device)) is None
    assert world.house.rendering.problem(sighting.device.id) == "the template is broken"
    assert not world.house.directory.get(sighting.device.id).configured
