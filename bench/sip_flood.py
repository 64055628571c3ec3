"""`python -m bench.sip_flood`: SIPp floods a server's plug-and-play with ever other phones; what that costs the server.

The server reads 200 datagrams a second and keeps 2,000 phones for 40 seconds, whatever comes; it drops the rest unread.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from attrs import define, field
from rich.console import Console
from rich.table import Table

from bench.demo import REPOSITORY
from bench.programs import own_cpu_seconds
from bench.server import ROOT, Rest, Server, free_port, write_settings

GROUP = "224.0.1.75"
SENDER = "127.0.3.9"
SCENARIO = ROOT / "tests" / "data" / "sipp" / "floods.xml"
PLUGIN = "snom-10.1.184.15"


@define
class Cost:
    """What a flood did.

    :param answers_ms: how long the API took for each request meanwhile.
    """

    sent: int
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    mebibytes_before: float = 0.0
    mebibytes_after: float = 0.0
    devices: int = 0
    answers_ms: list[float] = field(factory=list)

    @property
    def slowest_ms(self) -> float:
        """The slowest answer of the API."""
        return max(self.answers_ms, default=0.0)

    def share(self, part: float) -> float:
        """Return the time that this part of the answers was within, e.g. 0.99."""
        return sorted(self.answers_ms)[int(part * (len(self.answers_ms) - 1))]


def mebibytes(pid: int) -> float:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the process has no resident memory")


@contextmanager
def flooding(directory: Path, port: int, count: int, rate: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run SIPp, each request another phone."""
    phones = directory / "phones.csv"
    phones.write_text("SEQUENTIAL\n" + "".join(f"000413{number:06x};\n" for number in range(count)))
    program = ["sipp", f"{GROUP}:{port}", "-sf", str(SCENARIO), "-inf", str(phones), "-i", SENDER, "-nostdin"]
    bounds = ["-m", str(count), "-r", str(rate), "-l", str(count), "-timeout", "120"]
    with subprocess.Popen(
        [*program, *bounds], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def flood(server: Server, rest: Rest, directory: Path, port: int, *, count: int, rate: int) -> Cost:
    """Flood a running server and return what it cost."""
    cost = Cost(count, mebibytes_before=mebibytes(server.pid))
    cpu, began = own_cpu_seconds(server.pid), time.monotonic()
    with flooding(directory, port, count, rate) as process:
        while process.poll() is None:
            asked = time.monotonic()
            rest.get("/status")
            cost.answers_ms.append((time.monotonic() - asked) * 1000)
    cost.seconds = time.monotonic() - began
    cost.cpu_seconds = own_cpu_seconds(server.pid) - cpu
    cost.mebibytes_after = mebibytes(server.pid)
    cost.devices = len(rest.get("/dev_mgr/devices")["devices"])
    return cost


def shown(cost: Cost) -> Table:
    """Return what a flood cost, for people."""
    table = Table("a flood of SUBSCRIBE", "")
    table.add_row("sent", f"{cost.sent:,} in {cost.seconds:.1f} s, {cost.sent / cost.seconds:,.0f} a second")
    table.add_row("phones taken", f"{cost.devices:,}")
    table.add_row("processor", f"{cost.cpu_seconds:.1f} s, {100 * cost.cpu_seconds / cost.seconds:.0f} % of one")
    table.add_row("memory", f"{cost.mebibytes_before:.0f} MiB before, {cost.mebibytes_after:.0f} MiB after")
    table.add_row("the API meanwhile", f"half within {cost.share(0.5):.0f} ms, slowest {cost.slowest_ms:.0f} ms")
    return table


def main() -> int:
    """Start a server, flood it, print what it cost."""
    with tempfile.TemporaryDirectory(prefix="provisiond-flood-") as name:
        directory, rest_port, port = Path(name), free_port(), free_port(2)
        settings = write_settings(directory, rest=rest_port, http=free_port(), tftp=free_port(2), repository=REPOSITORY)
        (directory / "conf.d").mkdir()
        pnp = {"enabled": True, "port": port, "interface": "127.0.0.1"}
        (directory / "conf.d" / "pnp.yml").write_text(yaml.safe_dump({"pnp": pnp}))
        server = Server(settings)
        try:
            server.start()
            rest = server.rest(rest_port)
            rest.finish("/pg_mgr/install/update", {})
            rest.finish("/pg_mgr/install/install", {"id": PLUGIN})
            Console().print(shown(flood(server, rest, directory, port, count=20_000, rate=2_000)))
        finally:
            status = server.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
