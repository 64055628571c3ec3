"""A phone of an existing plugin that boots over both protocols, for the demo."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from bench.legacy_repository import build_legacy_repository
from bench.phones import Boot, Phone
from bench.server import ROOT, Rest

PLUGIN = "wazo-examplia-1.2"
PHONE = Phone(
    name="Examplia E100 (TFTP, HTTP)",
    sequence="examplia",
    mac="02:00:5e:10:00:01",
    address="127.0.1.20",
    account="erin",
)


def with_existing_plugin(repository: Path, destination: Path) -> Path:
    """Return a copy of a repository that also offers an existing plugin, with an archive of the older kind."""
    shutil.copytree(repository, destination)
    return build_legacy_repository(destination, [ROOT / "docs" / "examples" / "legacy" / PLUGIN])


def register(rest: Rest) -> None:
    """Create the account of the person at this phone."""
    line = {"username": PHONE.account, "password": "pw-erin", "proxy_ip": "192.0.2.5"}
    config = {"id": "user-erin", "parent_ids": ["site"], "raw_config": {"protocol": "SIP", "sip_lines": {"1": line}}}
    rest.call("POST", "/cfg_mgr/configs", {"config": config})
    rest.call("POST", "/dev_mgr/devices", {"device": {"mac": PHONE.mac, "config": "user-erin"}})


def boot(*, http: int, tftp: int) -> Boot:
    """Have the phone ask for its file over TFTP, then for both files over HTTP."""
    result = Boot(PHONE)
    digits = PHONE.mac.replace(":", "")
    agent = ["--user-agent", f"Examplia E100 1.2 {digits}"]
    own = f"examplia-{digits}.cfg"
    started = time.monotonic()
    for url, more in (
        (f"tftp://127.0.0.1:{tftp}/{own}", []),
        (f"http://127.0.0.1:{http}/{own}", agent),
        (f"http://127.0.0.1:{http}/examplia.cfg", agent),
    ):
        command = ["curl", "--silent", "--fail", "--max-time", "30", "--interface", PHONE.address, *more, url]
        done = subprocess.run(command, capture_output=True, check=False)
        result.requests += 1
        if done.returncode != 0:
            result.missing.append(url)
        else:
            result.files[url] = done.stdout
            result.bytes += len(done.stdout)
    result.seconds = time.monotonic() - started
    return result
