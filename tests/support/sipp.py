"""SIPp as a phone: a program that nobody here wrote answers our requests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCENARIOS = Path(__file__).resolve().parents[1] / "data" / "sipp"


@contextmanager
def phone(scenario: str, address: str, port: int, directory: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a scenario once on an address; at the end of the block it must have ended well.

    :param scenario: a file of ``tests/data/sipp`` without its suffix.
    :param more: further arguments, e.g. ``-t t1`` for TCP.
    """
    program = ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", address, "-p", str(port), "-m", "1"]
    process = subprocess.Popen(
        [*program, "-nostdin", "-timeout", "60", "-timeout_error", *more],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_until_bound(process, address, port, "t1" in more)
        yield process
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output.decode(errors="replace")[-3000:]
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def wait_until_bound(process: subprocess.Popen[bytes], address: str, port: int, tcp: bool) -> None:
    """Return once the kernel lists the socket; fail when the program has ended."""
    wanted = "".join(f"{int(part):02X}" for part in reversed(address.split("."))) + f":{port:04X}"
    table = Path("/proc/net/tcp" if tcp else "/proc/net/udp")
    while wanted not in table.read_text():
        assert process.poll() is None, process.communicate()[0].decode(errors="replace")[-3000:]
