"""`make demo`: a server on embedded defaults, phones of several vendors that boot against it, and what each got."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import changes, legacy_phone
from bench.phones import Boot, Phone, boot_all, vendor_class
from bench.server import ROOT, Rest, Server, free_port, write_settings

REPOSITORY = ROOT / "build" / "repository"

PHONES = [
    Phone(name="Aastra 6731i", sequence="aastra-67xx", mac="00:08:5d:23:74:29", address="127.0.1.1", account="alice"),
    Phone(
        name="Aastra 6757i",
        sequence="aastra-67xx",
        mac="00:08:5d:2d:b0:7c",
        address="127.0.1.2",
        values={"model": "6757i", "version": "3.3.1.2235"},
    ),
    Phone(
        name="Cisco 7941G",
        sequence="cisco-79xx-sccp-known",
        mac="00:1b:54:00:00:05",
        address="127.0.1.3",
        account="192.0.2.51",
    ),
    Phone(
        name="Cisco 7961G",
        sequence="cisco-79xx-sccp-known",
        mac="00:1b:54:00:00:06",
        address="127.0.1.4",
        values={"model": "7961G"},
    ),
    Phone(name="Cisco SPA504G", sequence="cisco-spa5xx", mac="64:9e:f3:78:8e:6a", address="127.0.1.5", account="bob"),
    Phone(name="Linksys SPA921", sequence="cisco-linksys-spa9xx", mac="00:0e:08:a1:b2:c3", address="127.0.1.6"),
    Phone(name="Snom 320", sequence="snom-desk-v8", mac="00:04:13:24:a1:b2", address="127.0.1.7", account="carol"),
    Phone(name="Snom D785", sequence="snom-desk-v10", mac="00:04:13:92:2d:24", address="127.0.1.8", account="dave"),
    Phone(
        name="Snom D735",
        sequence="snom-desk-v10",
        mac="00:04:13:92:2d:25",
        address="127.0.1.9",
        values={"model": "D735", "version": "10.1.184.15"},
    ),
]
CHANGED = next(phone for phone in PHONES if phone.account == "dave")


def user_raw_config(phone: Phone) -> dict[str, Any]:
    """Return the parameters of the person at this phone."""
    if phone.sequence.startswith("cisco-79xx"):
        return {"protocol": "SCCP", "sccp_call_managers": {"1": {"ip": phone.account}}}
    line = {"username": phone.account, "password": f"pw-{phone.account}", "display_name": str(phone.account).title()}
    return {"protocol": "SIP", "sip_lines": {"1": {**line, "proxy_ip": "192.0.2.5"}}}


def prepare(rest: Rest) -> list[str]:
    """Install every plugin of the repository, and create a site, its users and some of the phones."""
    rest.finish("/pg_mgr/install/update", {})
    plugins = sorted(rest.get("/pg_mgr/install/installable")["pkgs"])
    for plugin in plugins:
        rest.finish("/pg_mgr/install/install", {"id": plugin})
    site = {
        "timezone": "Europe/Paris",
        "locale": "fr_FR",
        "sip_proxy_ip": "192.0.2.5",
        "sip_dtmf_mode": "RTP-out-of-band",
    }
    rest.call("POST", "/cfg_mgr/configs", {"config": {"id": "site", "parent_ids": ["base"], "raw_config": site}})
    for phone in PHONES:
        if phone.account is None:
            continue
        config = {"id": f"user-{phone.account}", "parent_ids": ["site"], "raw_config": user_raw_config(phone)}
        rest.call("POST", "/cfg_mgr/configs", {"config": config})
        rest.call("POST", "/dev_mgr/devices", {"device": {"mac": phone.mac, "config": config["id"]}})
    return plugins


def report_leases(rest: Rest) -> None:
    """Tell the server what a DHCP server would tell it of these phones."""
    for phone in PHONES:
        sent = vendor_class(phone)
        if sent is not None:
            option = "060" + ".".join(f"{byte:02x}" for byte in sent.encode("latin-1"))
            lease = {"op": "commit", "ip": phone.address, "mac": phone.mac, "options": [option]}
            rest.call("POST", "/dev_mgr/dhcpinfo", {"dhcp_info": lease})


def device_of(rest: Rest, phone: Phone) -> dict[str, Any]:
    """Return the device that the server made of this phone."""
    found = rest.get("/dev_mgr/devices?q=%7B%22mac%22:%22" + phone.mac + "%22%7D")["devices"]
    return dict(found[0]) if len(found) == 1 else {}


def expected_account(rest: Rest, phone: Phone, device: dict[str, Any]) -> str:
    """Return what this phone's own file must name: its person's account, or the one of its autocreated config."""
    if phone.account is not None:
        return phone.account
    raw = rest.get(f"/cfg_mgr/configs/{device['config']}/raw")["raw_config"]
    if phone.sequence.startswith("cisco-79xx"):
        return str(raw["sccp_call_managers"]["1"]["ip"])
    return str(raw["sip_lines"]["1"]["username"])


def account_found(boot: Boot, account: str) -> str | None:
    """Return ``account`` if the phone's own files name it and no other person's account."""
    own = b"\n".join(boot.files.values())
    others = [other.account for other in PHONES if other.account and other.account != account]
    if any(re.search(rb"\b" + re.escape(other.encode()) + rb"\b", own) for other in others):
        return None
    return account if re.search(rb"\b" + re.escape(account.encode()) + rb"\b", own) else None


def show(console: Console, rest: Rest, boots: list[Boot]) -> bool:
    """Print what each phone got; tell whether every one got its own account in its own file."""
    table = Table("phone", "registered", "requests", "bytes", "identified as", "plugin", "account in its file", "ms")
    good = True
    for boot in boots:
        device = device_of(rest, boot.phone)
        account = account_found(boot, expected_account(rest, boot.phone, device)) if device.get("config") else None
        good = good and account is not None and not boot.missing
        table.add_row(
            boot.phone.name,
            "yes" if boot.phone.account else "no",
            str(boot.requests),
            f"{boot.bytes:,}",
            " ".join(str(device.get(key) or "?") for key in ("vendor", "model", "version")),
            str(device.get("plugin") or "none"),
            account or f"[red]missing[/red] {' '.join(boot.missing)}",
            f"{boot.seconds * 1000:.0f}",
        )
    console.print(table)
    return good


def main() -> int:
    """Run the demo; return the exit status."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    directory = Path(tempfile.mkdtemp(prefix="provisiond-demo-"))
    rest_port, http, tftp = free_port(), free_port(), free_port(2)
    repository = legacy_phone.with_existing_plugin(REPOSITORY, directory / "repository")
    settings = write_settings(directory, rest=rest_port, http=http, tftp=tftp, repository=repository)
    changed = changes.ChangedPhone(CHANGED, http=http, tftp=tftp)
    changed.write_settings(directory)
    server = Server(settings)
    started = time.monotonic()
    try:
        server.start()
        console.print(f"provisiond serves REST on {rest_port}, HTTP on {http}, TFTP on {tftp}; state in {directory}")
        rest = server.rest(rest_port)
        console.print(f"installed: {', '.join(prepare(rest))}")
        report_leases(rest)
        legacy_phone.register(rest)
        boots = [*boot_all(PHONES, http=http, tftp=tftp), legacy_phone.boot(http=http, tftp=tftp)]
        good = show(console, rest, boots)
        device, config = device_of(rest, CHANGED)["id"], f"user-{CHANGED.account}"
        good = changes.show(console, rest, changed, device, config) and good
    except Exception as error:
        console.print(f"[red]the demo failed:[/red] {error}", markup=True)
        console.print(server.log_text()[-4000:], markup=False)
        good = False
    finally:
        status = server.stop()
        shutil.rmtree(directory, ignore_errors=True)
    if status != 0:
        console.print(f"[red]provisiond ended with status {status}[/red]")
    console.print(f"{len(PHONES) + 1} phones, {time.monotonic() - started:.1f} s in all")
    if good and status == 0:
        console.print(
            "Next: `make run`, then fetch a file yourself: curl tftp://127.0.0.1:6969/SEP001B54000005.cnf.xml"
        )
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
