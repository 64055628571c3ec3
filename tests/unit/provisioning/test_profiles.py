"""Where phones are told to fetch from."""

import pytest
from tests.support.provisioning import PLUGIN, run

from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.provisioning.newcomers import PER_ADDRESS, PER_ADDRESS_SECONDS


def asked(mac: str, event: str) -> PhoneRequest:
    headers = {"event": f"ua-profile;profile-type=device;{event}"}
    uri = f"sip:MAC%3a{mac}@224.0.1.75"
    return PhoneRequest(protocol=Protocol.PNP, method="SUBSCRIBE", path=uri, headers=headers, peer="192.0.2.7")


AASTRA = "vendor=Aastra;model=6731i;version=3.3.1"


def test_a_phone_that_a_plugin_serves_is_told_the_servers_address(world):
    url = run(world.house.profiles.locate(asked("00085d000001", AASTRA)))
    assert url is not None
    assert url.startswith("http://")
    assert url.endswith("/")
    (device,) = [each for each in map(world.house.directory.get, world.house.directory.ids()) if each is not None]
    assert (device.plugin, device.mac, device.ip) == (PLUGIN, "00:08:5d:00:00:01", "192.0.2.7")


def test_a_phone_that_no_plugin_serves_is_left_to_others(world):
    assert run(world.house.profiles.locate(asked("000ac2000001", "vendor=Fanvil;model=X4"))) is None


@pytest.mark.parametrize("mac", ["", "nonsense", "000000000000"])
def test_who_cannot_be_told_from_others_is_left_alone(world, mac):
    assert run(world.house.profiles.locate(asked(mac, "vendor=;model="))) is None


def test_the_tenants_key_stands_in_the_address(make_world):
    world = make_world(keys_in_urls=True)
    assert run(world.house.profiles.locate(asked("00085d000001", AASTRA))) is None
    run(world.house.parameters.set("provisioning_key", "key-12345678", world.house.tenants.master))
    url = run(world.house.profiles.locate(asked("00085d000001", AASTRA)))
    assert url is not None
    assert url.endswith("/key-12345678/")


def test_too_many_new_phones_of_one_address_are_left_out_and_known_ones_are_answered(world):
    answers = [run(world.house.profiles.locate(asked(f"00085d0000{number:02x}", AASTRA))) for number in range(20)]
    assert [answer is not None for answer in answers] == [True] * PER_ADDRESS + [False] * (20 - PER_ADDRESS)
    assert len(list(world.house.directory.ids())) == PER_ADDRESS
    for _ in range(20):
        assert run(world.house.profiles.locate(asked("00085d000001", AASTRA))) is not None
    world.clock.advance(PER_ADDRESS_SECONDS)
    assert run(world.house.profiles.locate(asked("00085d000013", AASTRA))) is not None
    assert run(world.house.profiles.locate(asked("00085d000012", AASTRA))) is None


def test_one_that_was_left_out_becomes_a_device_when_it_fetches(world):
    for number in range(PER_ADDRESS + 1):
        run(world.house.profiles.locate(asked(f"00085d0000{number:02x}", AASTRA)))
    last = asked(f"00085d0000{PER_ADDRESS:02x}", AASTRA)
    assert run(world.house.contact.seen(last)).created
