"""The three DHCP servers at one end of a cable, each with what provisiond writes for it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from tests.support.lease_hooks import HOOKS
from tests.support.namespaces import SERVER_ADDRESS, Cable, at_work

from provisiond.dhcp.plan import NO_EXTRAS, Extras, Server, planned
from provisiond.dhcp.writers import WRITERS

INSTALLED = "/usr/share/provisiond/dhcp-hooks/provisiond-dhcp-lease"
URL = "http://192.0.2.1:8667/"
DhcpServer = Callable[..., AbstractContextManager[None]]


def told_to_phones(form: str, *vendors: str, extras: Extras = NO_EXTRAS) -> str:
    """Return the configuration for the phones of some vendors."""
    server = Server(address=SERVER_ADDRESS, url=URL.rstrip("/"))
    return WRITERS[form](planned(vendors, {}, server, extras), server)


def _shipped(name: str, hook: Path | None) -> str:
    return "" if hook is None else (HOOKS / name).read_text().replace(INSTALLED, str(hook))


def _json(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(re.sub(r"(?m)^//.*$", "", text))["Dhcp4"]
    return document


@contextmanager
def dnsmasq(
    network: Cable, directory: Path, *vendors: str, hook: Path | None = None, extras: Extras = NO_EXTRAS
) -> Iterator[None]:
    """Run dnsmasq."""
    file = directory / "dnsmasq.conf"
    file.write_text(told_to_phones("dnsmasq", *vendors, extras=extras) + _shipped("dnsmasq.conf", hook))
    own = ["--keep-in-foreground", "--log-facility=-", "--port=0", "--user=root", f"--conf-file={file}", "--pid-file"]
    range_ = ["--interface=server0", "--bind-interfaces", "--dhcp-range=192.0.2.50,192.0.2.99,1h", "--no-ping"]
    command = [*network.server, "/usr/sbin/dnsmasq", *own, *range_, f"--dhcp-leasefile={directory / 'leases'}"]
    with at_work(command, directory / "log", "DHCP, sockets bound", dict(os.environ)):
        yield


@contextmanager
def dhcpd(
    network: Cable, directory: Path, *vendors: str, hook: Path | None = None, extras: Extras = NO_EXTRAS
) -> Iterator[None]:
    """Run ISC dhcpd."""
    file, leases = directory / "dhcpd.conf", directory / "leases"
    leases.touch()
    subnet = "subnet 192.0.2.0 netmask 255.255.255.0 { range 192.0.2.100 192.0.2.149; }\nping-check false;\n"
    phones = told_to_phones("isc", *vendors, extras=extras)
    file.write_text(subnet + "authoritative;\n" + phones + _shipped("isc-dhcpd.conf", hook))
    own = ["-f", "-d", "-cf", str(file), "-lf", str(leases), "-pf", str(directory / "pid"), "server0"]
    with at_work([*network.server, "/usr/sbin/dhcpd", *own], directory / "log", "starting service", dict(os.environ)):
        yield


@contextmanager
def kea(
    network: Cable, directory: Path, *vendors: str, hook: Path | None = None, extras: Extras = NO_EXTRAS
) -> Iterator[None]:
    """Run Kea."""
    hooks = _json(_shipped("kea-dhcp4.json", hook)) if hook is not None else {}
    for library in hooks.get("hooks-libraries", ()):
        (found,) = Path("/usr/lib").glob(f"*/kea/hooks/{Path(library['library']).name}")
        library["library"] = str(found)
    own = {
        "interfaces-config": {"interfaces": ["server0"]},
        "lease-database": {"type": "memfile", "name": str(directory / "leases.csv")},
        "subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "pools": [{"pool": "192.0.2.150-192.0.2.199"}]}],
        "loggers": [{"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "stdout"}]}],
    }
    file = directory / "kea.json"
    file.write_text(json.dumps({"Dhcp4": {**_json(told_to_phones("kea", *vendors, extras=extras)), **hooks, **own}}))
    places = {"KEA_PIDFILE_DIR": str(directory), "KEA_LOCKFILE_DIR": "none"}
    command = [*network.server, "/usr/sbin/kea-dhcp4", "-c", str(file)]
    with at_work(command, directory / "log", "DHCP4_STARTED", {**os.environ, **places}):
        yield
