"""Phones that a site knows before its power is cut, made known as a site does it: imported, not one by one."""

from __future__ import annotations

from typing import Any

from attrs import define

from bench.house import House
from bench.storm import SEQUENCES, Booting, Played, Storm, booting_phones

AT_ONCE = 5_000


@define
class Likeness:
    """What the phones of one model have in common, as the server found it out about the first of them."""

    device: dict[str, Any]
    raw_config: dict[str, Any]

    def config(self, number: int) -> dict[str, Any]:
        """Return the config of one of them, with a line of its own."""
        lines = self.raw_config.get("sip_lines", {})
        own = {"username": f"u{number}", "number": str(number), "display_name": f"Room {number}"}
        raw = {**self.raw_config, "sip_lines": {key: {**line, **own} for key, line in lines.items()}}
        return {"id": f"storm{number}", "parent_ids": ["base", "defaultconfigdevice"], "raw_config": raw}

    def phone(self, number: int, booting: Booting) -> dict[str, Any]:
        """Return one of them."""
        facts = {name: self.device[name] for name in ("vendor", "model", "version", "plugin") if name in self.device}
        return {**facts, "id": f"storm{number}", "mac": booting.mac, "ip": booting.address, "config": f"storm{number}"}


def likenesses(house: House, seconds: float) -> dict[str, Likeness]:
    """Let one phone of each sequence boot for the first time; return by the first half of the MAC what became of it.

    :param seconds: to wait until their files are made.
    :raises TimeoutError: when they are not.
    """
    first = booting_phones(len(SEQUENCES))
    Storm(house.http, house.tftp, Played(len(first), 0)).play(first, 0.5)
    house.settle(seconds)
    found = {}
    for device in house.rest.get("/dev_mgr/devices")["devices"]:
        if device.get("mac") in {phone.mac for phone in first}:
            config = house.rest.get(f"/cfg_mgr/configs/{device['config']}")["config"]
            found[device["mac"][:8]] = Likeness(device, config["raw_config"])
    return found


def introduce(house: House, phones: int, seconds: float) -> float:
    """Make the phones of a storm known; return in how many seconds all their files were made.

    :param seconds: to wait for the files.
    :raises TimeoutError: when they are not made by then; the phones are known all the same.
    """
    of_model = likenesses(house, seconds)
    booting = booting_phones(phones)
    new = list(enumerate(booting))[len(SEQUENCES) :]
    for first in range(0, len(new), AT_ONCE):
        piece = [(number, phone, of_model[phone.mac[:8]]) for number, phone in new[first : first + AT_ONCE]]
        house.import_rows("cfg_mgr", [like.config(number) for number, _, like in piece])
        house.import_rows("dev_mgr", [like.phone(number, phone) for number, phone, like in piece])
    return house.settle(seconds)
