"""What is asked of a server, and what came of it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from bench.house import PATTERN, House
from bench.programs import LOAD_CPU, Missing, Peer, on_cpu, program, tftp_load_generator

_SCALE = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


class Target(Protocol):
    """A running server."""

    def cpu(self) -> float | None: ...
    def port_of(self, kind: str) -> int: ...


class OurTarget:
    """Our server."""

    def __init__(self, house: House) -> None:
        self._house = house

    def cpu(self) -> float | None:
        """Return the processor time used so far."""
        return self._house.cpu()

    def port_of(self, kind: str) -> int:
        """Return its port."""
        return self._house.http if kind == "http" else self._house.tftp


class PeerTarget:
    """Somebody else's server."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def cpu(self) -> float | None:
        """Return the processor time used so far, or None where nobody can tell."""
        return self._peer.cpu()

    def port_of(self, kind: str) -> int:
        """Return its port."""
        return self._peer.port


def tftp(
    target: Target,
    *,
    clients: int,
    total: int,
    seconds: float,
    file: str = PATTERN,
    verify: Path | None = None,
    **more: object,
) -> dict[str, Any]:
    """Run TFTP clients; return ``figure`` (transfers a second), ``megabytes``, ``cpu_us``, ``p99_ms``, ``failed``.

    What nobody can tell is left out.

    :param verify: what the file must be. Processor time is then told for as many bytes, so that transfers count that
        were under way when the time was over.
    """
    options = [f"{name}={value}" for name, value in more.items() if value]
    if verify is not None:
        options.append(f"verify={verify}")
    command = [tftp_load_generator(), str(target.port_of("tftp")), file, str(clients), str(total), str(seconds)]
    before = target.cpu()
    done = subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
        preexec_fn=on_cpu(LOAD_CPU),
    )
    used = _used(before, target.cpu())
    result: dict[str, Any] = json.loads(done.stdout)
    result["figure"] = result["per_second"]
    result["megabytes"] = result["megabytes_per_second"]
    each = result["ok"] if verify is None else result["bytes"] / verify.stat().st_size
    if used is not None and each:
        result["cpu_us"] = used / each * 1e6
    if not result["ok"]:
        del result["p50_ms"], result["p99_ms"], result["max_ms"]
    # What was under way when the time was over is neither lost nor wrong.
    result["failed"] += result["wrong"]
    return result


def http(
    target: Target,
    *,
    connections: int,
    seconds: float,
    path: str,
    headers: Sequence[str] = (),
    script: Path | None = None,
    pinned: bool = True,
) -> dict[str, Any]:
    """Run wrk; return ``figure`` (requests a second), ``megabytes``, ``cpu_us``, ``p99_ms``, ``failed``.

    :param script: in Lua, makes the requests; what is not there is no error then.
    """
    sent = [part for header in headers for part in ("-H", header)]
    url = f"http://127.0.0.1:{target.port_of('http')}/{path}"
    command = [
        program("wrk"),
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "--timeout",
        "20s",
        "--latency",
        *sent,
        *(() if script is None else ("-s", str(script))),
        url,
    ]
    before = target.cpu()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
        preexec_fn=on_cpu(LOAD_CPU) if pinned else None,
    )
    used = _used(before, target.cpu())
    return {**_wrk_figures(done.stdout, used, scripted=script is not None), "seconds": seconds}


def _used(before: float | None, after: float | None) -> float | None:
    if before is None or after is None or after < before:
        return None
    return after - before


def _wrk_figures(text: str, used: float | None, *, scripted: bool = False) -> dict[str, Any]:
    found = re.search(r"(\d+) requests in ([\d.]+)(\w+),", text)
    latency = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", text)
    moved = re.search(r"Transfer/sec:\s+([\d.]+)([KMG]?B)", text)
    if found is None or latency is None or moved is None:
        raise Missing(f"wrk said something else:\n{text}")
    requests = int(found[1])
    kinds = "connect|read|write|timeout" if scripted else "connect|read|write|timeout|responses:"
    errors = sum(int(number) for number in re.findall(rf"(?:{kinds}) (\d+)", text))
    figures = {
        "ok": requests,
        "figure": requests / (float(found[2]) * _SCALE[found[3]] / 1e3),
        "megabytes": float(moved[1]) * {"B": 1e-6, "KB": 1.024e-3, "MB": 1.048576, "GB": 1073.74}[moved[2]],
        "p99_ms": float(latency[1]) * _SCALE[latency[2]],
        "failed": errors,
    }
    return figures if used is None else {**figures, "cpu_us": used / max(1, requests) * 1e6}
