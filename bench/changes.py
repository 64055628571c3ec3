"""A person's configuration changes: the phone is told over SIP and fetches its new file, in the demo."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from bench.phones import Boot, Phone, boot
from bench.server import Rest
from bench.sip_phone import SipPhone

LABEL = "Dave, moved to room 7"


class ChangedPhone:
    """A phone that boots again whenever it is told to.

    :param http: the server's port for files over HTTP; ``tftp`` the one for TFTP.
    """

    def __init__(self, phone: Phone, *, http: int, tftp: int) -> None:
        self._phone = phone
        self.ports = {"http": http, "tftp": tftp}
        self.events: list[str] = []
        self.boots: list[Boot] = []
        self.sip = SipPhone(phone.address, self._told)

    def write_settings(self, directory: Path) -> None:
        """Have the server look for phones at this one's port: several demos may run side by side."""
        (directory / "conf.d").mkdir(exist_ok=True)
        (directory / "conf.d" / "sip.yml").write_text(yaml.safe_dump({"sip_sync": {"port": self.sip.port}}))

    def _told(self, event: str) -> None:
        self.events.append(event)
        self.boots.append(boot(self._phone, **self.ports))

    def got(self, text: str) -> bool:
        """Tell whether the files of the last boot hold a text."""
        return bool(self.boots) and any(text.encode() in content for content in self.boots[-1].files.values())


def _steps(rest: Rest, device: str) -> list[dict[str, Any]]:
    return list(rest.get(f"/dev_mgr/devices/{device}/synchronization")["steps"])


def _behind(rest: Rest, device: str) -> bool:
    return any(each["id"] == device for each in rest.get("/dev_mgr/behind")["devices"])


def change(rest: Rest, config: str, raw: Mapping[str, Any]) -> None:
    """Give the config's first line another name to show."""
    line = {**raw["sip_lines"]["1"], "display_name": LABEL}
    document = {**rest.get(f"/cfg_mgr/configs/{config}")["config"], "raw_config": {**raw, "sip_lines": {"1": line}}}
    rest.call("PUT", f"/cfg_mgr/configs/{config}", {"config": document})


def show(console: Console, rest: Rest, phone: ChangedPhone, device: str, config: str, seconds: float = 60) -> bool:
    """Change the config, synchronize the phone, and print what happened; tell whether it has its new file."""
    change(rest, config, rest.get(f"/cfg_mgr/configs/{config}")["config"]["raw_config"])
    table = Table("a config changes", "what happened")
    table.add_row("behind", "yes" if _behind(rest, device) else "[red]no[/red]")
    with phone.sip:
        rest.finish("/dev_mgr/synchronize", {"id": device})
        deadline = time.monotonic() + seconds
        while "fetched" not in {step["step"] for step in _steps(rest, device)} and time.monotonic() < deadline:
            time.sleep(0.05)
    for step in _steps(rest, device):
        table.add_row(step["step"], step["sentence"])
    good = phone.got(LABEL) and not _behind(rest, device)
    table.add_row("its new file", f'says "{LABEL}"' if good else "[red]is not there[/red]")
    console.print(table)
    return good
