#!/usr/bin/python3
"""Installs the Debian package into a Debian of its own that boots with systemd and has no network, and tries it.

Usage, as root: try_package.py. Builds two versions of the package unless they lie in build/deb; takes a few minutes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "build" / "deb"
BASE = BUILT / "base.tar"
INCLUDED = "python3,adduser,systemd,systemd-sysv,dbus,curl,procps,diffutils"
PATIENCE = 900.0
UNIT = """[Unit]
After=multi-user.target provisiond-try.target
[Service]
Type=oneshot
ExecStart=/root/guest.sh
StandardOutput=file:/root/result
StandardError=file:/root/errors
ExecStopPost=/bin/systemctl --no-block poweroff
TimeoutStartSec=850
[Install]
WantedBy=multi-user.target
"""


def run(*command: str | Path, timeout: float = PATIENCE) -> None:
    """Run a command, or end with what it said."""
    done = subprocess.run(
        list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
    )
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{(done.stdout + done.stderr)[-4000:]}")


def package(version: str) -> Path:
    """Return the package of this version, built unless it is there."""
    found = sorted(BUILT.glob(f"provisiond_{version}_*.deb"))
    if not found:
        print(f"building {version}", flush=True)
        run(ROOT / "scripts" / "make-deb", version, timeout=3600)
        found = sorted(BUILT.glob(f"provisiond_{version}_*.deb"))
    return found[0]


def base() -> Path:
    """Return a Debian of its own as an archive, made unless it is there; only this needs a network."""
    if not BASE.exists():
        print("making a Debian", flush=True)
        run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={INCLUDED}", "bookworm", BASE)
    return BASE


def unpacked(place: Path) -> Path:
    """Return a fresh Debian below this directory."""
    place.mkdir()
    run("tar", "-C", place, "-xf", base(), "--exclude=./dev/*")
    return place


def tried_with_systemd(place: Path, former: Path, current: Path) -> bool:
    """Boot a Debian, let it try the packages, and tell whether all was good."""
    machine = unpacked(place)
    shutil.copy(former, machine / "root" / "former.deb")
    shutil.copy(current, machine / "root" / "current.deb")
    shutil.copy(ROOT / "tests" / "package" / "guest.sh", machine / "root" / "guest.sh")
    (machine / "root" / "guest.sh").chmod(0o755)
    units = machine / "etc" / "systemd" / "system"
    (units / "try.service").write_text(UNIT)
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    (units / "multi-user.target.wants" / "try.service").symlink_to("../try.service")
    command = [
        "systemd-nspawn",
        "--quiet",
        "--register=no",
        "--keep-unit",
        "--private-network",
        "--boot",
        "-D",
        str(machine),
    ]
    with (BUILT / "boot.log").open("wb") as out:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=PATIENCE, check=False)
    result = machine / "root" / "result"
    text = result.read_text() if result.exists() else "it did not boot; see build/deb/boot.log\n"
    print(text, end="", flush=True)
    for name in ("journal.log", "errors"):
        if (machine / "root" / name).exists():
            shutil.copy(machine / "root" / name, BUILT / f"guest-{name}")
    return text.endswith("ALL GOOD\n")


def tried_in_a_chroot(place: Path, current: Path) -> bool:
    """Install and purge where no systemd runs and there is no network, as in a container."""
    house = unpacked(place)
    shutil.copy(current, house / "root" / "current.deb")
    inside = ["unshare", "--net", "chroot", str(house), "/usr/bin/env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    steps: Sequence[Sequence[str]] = (
        ["dpkg", "-i", "/root/current.deb"],
        ["provisiond", "--check"],
        ["provisionctl", "--version"],
        ["provisiond-admin", "--version"],
        ["dpkg", "-P", "provisiond"],
        ["test", "!", "-e", "/var/lib/provisiond"],
    )
    for step in steps:
        done = subprocess.run([*inside, *step], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        print(f"{'FAIL' if done.returncode else 'ok  '} without systemd: {' '.join(step)}", flush=True)
        if done.returncode:
            print((done.stdout + done.stderr)[-2000:])
            return False
    return True


def main() -> int:
    """Try everything; return 0 when all was good."""
    source = (ROOT / "src" / "provisiond" / "__init__.py").read_text()
    version = source.split('__version__ = "')[1].split('"')[0]
    current, former = package(version), package(f"{version}~before")
    with tempfile.TemporaryDirectory(dir=BUILT, prefix="try-") as work:
        good = tried_in_a_chroot(Path(work) / "chroot", current)
        good = tried_with_systemd(Path(work) / "machine", former, current) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
