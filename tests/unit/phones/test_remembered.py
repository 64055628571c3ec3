"""Answers of the last moment: given again only while nothing changes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.support.provisioning import World, run

from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.metrics import Metrics
from provisiond.phones.access import Access
from provisiond.phones.files import PhoneFiles
from provisiond.phones.journal import Journal
from provisiond.phones.pipeline import Answer, Pipeline
from provisiond.phones.remembered import LIFETIME, MAX_ANSWERS, NOTED_SECONDS, Remembered

MAC = "00085d000001"
NAME = f"/Aastra/{MAC}.cfg"


class Phones:
    """A pipeline on a whole server of stand-ins."""

    def __init__(self, tmp_path: Path) -> None:
        self.world = World(tmp_path)
        self.house = self.world.start()
        self.journal = Journal(Metrics())
        self.contacts = 0
        self.root = tmp_path / "static"
        self.root.mkdir()
        self.pipeline = Pipeline(
            contact=self,
            files=PhoneFiles(self.house.rendering, self),
            access=Access({}),
            fetched=self.house.rendering,
            journal=self.journal,
            upload_rules=None,  # type: ignore[arg-type]
            uploads=None,  # type: ignore[arg-type]
            stamp=self.house.stamp,
            now=self.world.clock.seconds,
            tick=self.world.clock.seconds,
        )

    async def seen(self, request: PhoneRequest) -> Any:
        self.contacts += 1
        return await self.house.contact.seen(request)

    def seen_again(self, device_id: str, ip: str | None) -> None:
        self.house.contact.seen_again(device_id, ip)

    def static_root(self, plugin_id: str) -> Path:
        return self.root

    def ask(self, name: str = NAME) -> Answer:
        """Ask as an adapter does."""
        key = (name, "192.0.2.9")
        kept = self.pipeline.again(key, "http", "GET")
        if kept is not None:
            return Answer(outcome="served", content=kept.content)
        request = PhoneRequest(
            protocol=Protocol.HTTP,
            path=name,
            headers={"User-Agent": "Aastra6731i MAC:00-08-5D-00-00-01 V:3.2.2.1136-SIP"},
            peer="192.0.2.9",
        )
        return run(self.pipeline.answer(request, name, key))


@pytest.fixture
def phones(tmp_path: Path) -> Phones:
    phones = Phones(tmp_path)
    phones.ask()
    phones.world.settle()
    phones.ask()
    return phones


def own_name(phones: Phones) -> str:
    """Return the name of a file that the stand-in plugin makes for the phone."""
    device = next(iter(phones.house.directory.by_mac("00:08:5d:00:00:01")))
    files = run(phones.house.rendering.device_files(device))
    assert files is not None
    return next(iter(files.files))


def test_the_same_request_is_answered_without_looking_again_and_noted_each_time(phones: Phones) -> None:
    name = own_name(phones)
    first = phones.ask(name)
    looked, rows = phones.contacts, len(phones.journal.overall())
    again = [phones.ask(name) for _ in range(5)]
    assert first.content is not None
    assert all(each.content is first.content for each in again)
    assert phones.contacts == looked
    assert len(phones.journal.overall()) == rows + 5
    assert phones.journal.overall()[0]._replace(time=0) == phones.journal.overall()[5]._replace(time=0)


def test_after_a_while_the_phone_is_looked_at_again(phones: Phones) -> None:
    name = own_name(phones)
    phones.ask(name)
    looked = phones.contacts
    phones.world.clock.advance(LIFETIME)
    phones.ask(name)
    assert phones.contacts == looked + 1


def test_once_a_second_it_is_noted_that_the_phone_was_seen(phones: Phones) -> None:
    name = own_name(phones)
    phones.ask(name)
    device = next(iter(phones.house.directory.by_mac("00:08:5d:00:00:01")))
    seen = phones.house.event_log.newest
    for _ in range(3):
        phones.world.clock.advance(NOTED_SECONDS)
        for _ in range(5):
            phones.ask(name)
    assert phones.house.event_log.newest == seen + 3
    assert phones.house.sightings.last_seen(device.id) == phones.world.clock.seconds()
    assert run(phones.house.fetches.of(device.id))[name].at == phones.world.clock.seconds()


def test_after_a_change_the_very_next_answer_is_the_new_one(phones: Phones) -> None:
    name, house = own_name(phones), phones.house
    device = next(iter(house.directory.by_mac("00:08:5d:00:00:01")))
    before = phones.ask(name).content
    assert phones.ask(name).content is before
    config = house.tree.at_hand(str(device.config))
    assert config is not None
    changed = {**config.document, "raw_config": {**config.document.get("raw_config", {}), "X_new": "1"}}
    stamp = house.stamp()
    run(house.configs.replace(config.id, changed))
    assert house.stamp() != stamp
    looked = phones.contacts
    phones.ask(name)
    assert phones.contacts == looked + 1


def test_a_deleted_device_is_not_served_from_memory(phones: Phones) -> None:
    name, house = own_name(phones), phones.house
    device = next(iter(house.directory.by_mac("00:08:5d:00:00:01")))
    phones.ask(name)
    house.directory.remove(device.id)
    looked = phones.contacts
    phones.ask(name)
    assert phones.contacts == looked + 1


def test_a_static_file_that_was_replaced_or_taken_away_is_looked_at_again(phones: Phones) -> None:
    path = phones.root / "firmware.bin"
    path.write_bytes(b"one")
    os.utime(path, ns=(1, 1))
    first = phones.ask("/firmware.bin").content
    assert first is not None
    assert phones.ask("/firmware.bin").content is first
    path.write_bytes(b"two")
    second = phones.ask("/firmware.bin").content
    assert second is not None
    assert second.etag != first.etag
    path.unlink()
    assert phones.ask("/firmware.bin").content is None


def test_what_is_not_found_is_not_remembered(phones: Phones) -> None:
    phones.ask("/nothing.cfg")
    looked = phones.contacts
    phones.ask("/nothing.cfg")
    assert phones.contacts == looked + 1


def test_only_so_many_are_remembered_and_none_that_was_made_before_a_change(phones: Phones) -> None:
    phones.ask(own_name(phones))
    kept = phones.pipeline.again((own_name(phones), "192.0.2.9"), "http", "GET")
    assert kept is not None
    remembered = Remembered(lambda: 1)
    for number in range(MAX_ANSWERS + 1):
        remembered.put(number, kept, 1, 0.0)
    assert remembered.get(0, 0.5) is None
    assert remembered.get(MAX_ANSWERS, 0.5) is kept
    remembered.put("old", kept, 0, 0.5)
    assert remembered.get("old", 0.5) is None
    assert remembered.get(MAX_ANSWERS, LIFETIME) is None
