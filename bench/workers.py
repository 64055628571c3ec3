"""What two processes that serve phones give over HTTP compared with one. Run: python -m bench.workers"""

from __future__ import annotations

import argparse
import http.client
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.house import House
from bench.loads import OurTarget
from bench.loads import http as wrk
from bench.programs import own_cpu_seconds
from bench.storm import booting_phones

KNOWN = "files that these phones have just fetched"
STORM = "the HTTP requests of a boot storm, each for the first time"

# Phones are told apart by X-Forwarded-For, since wrk asks from one address. An own header in each request makes it
# one that was not answered before, as after a power cut.
SCRIPT = """
local requests, number, turn = {}, 0, 0
local fresh = %s
init = function(arguments)
  for line in io.lines("%s") do
    local path, agent, address = line:match("^([^\\t]*)\\t([^\\t]*)\\t([^\\t]*)$")
    requests[#requests + 1] = {path, {["User-Agent"] = agent, ["X-Forwarded-For"] = address}}
  end
  number = %d
end
request = function()
  number = number %% #requests + 1
  local path, headers = requests[number][1], requests[number][2]
  if fresh then
    turn = turn + 1
    headers["X-Turn"] = os.time() .. "-" .. turn
  end
  return wrk.format("GET", path, headers)
end
"""

Request = tuple[str, str, str]


def http_requests(phones: int) -> list[Request]:
    """Return path, user agent and address of all HTTP requests of so many phones, in the order of a storm."""
    booting = booting_phones(phones)
    found = []
    for step in range(max(len(phone.steps) for phone in booting)):
        for phone in booting:
            if step < len(phone.steps) and phone.steps[step][0] == "http":
                _, path, agent = phone.steps[step]
                found.append((path if path.startswith("/") else f"/{path}", agent, phone.address))
    return found


def introduce(house: House, requests: list[Request]) -> list[Request]:
    """Let all requests be made once, so that every phone is known and has its files; return those that are served."""

    def asked(some: list[Request]) -> list[Request]:
        connection = http.client.HTTPConnection("127.0.0.1", house.http, timeout=60)
        served = []
        for path, agent, address in some:
            connection.request("GET", path, headers={"User-Agent": agent, "X-Forwarded-For": address})
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                served.append((path, agent, address))
        connection.close()
        return served

    parts = [requests[begin::8] for begin in range(8)]
    with ThreadPoolExecutor(8) as pool:
        return [each for part in pool.map(asked, parts) for each in part]


def measure(house: House, requests: list[Request], *, fresh: bool, seconds: float, connections: int) -> dict[str, Any]:
    """Return what wrk gets (see :func:`bench.loads.http`), without counting what is not there as an error.

    ``busiest_us`` is the processor time of the process that did most, for each request of all.
    """
    directory = house.server.settings.parent
    lines, script = directory / "requests.txt", directory / "requests.lua"
    lines.write_text("".join("\t".join(each) + "\n" for each in requests))
    script.write_text(SCRIPT % (str(fresh).lower(), lines, 0))
    pids = house.serving()
    before = {pid: own_cpu_seconds(pid) for pid in pids}
    row = wrk(OurTarget(house), connections=connections, seconds=seconds, path="", script=script, pinned=False)
    row["busiest_us"] = max(own_cpu_seconds(pid) - before[pid] for pid in pids) / max(1, row["ok"]) * 1e6
    return row


def compare(
    directory: Path, *, phones: int, rounds: int, seconds: float, say: Callable[[str], None]
) -> dict[str, dict[int, list[dict[str, Any]]]]:
    """Return the results by load and number of workers, of interleaved rounds."""
    requests = http_requests(phones)
    houses = {workers: House(directory / str(workers), workers=workers, proxies=1) for workers in (1, 2)}
    results: dict[str, dict[int, list[dict[str, Any]]]] = {KNOWN: {1: [], 2: []}, STORM: {1: [], 2: []}}
    try:
        known: list[Request] = []
        for workers, house in houses.items():
            house.start(pinned=False)
            house.install()
            began = time.monotonic()
            known = introduce(house, requests)
            say(f"{workers} workers: {len(known)} of {len(requests)} served in {time.monotonic() - began:.1f} s")
        for _ in range(rounds):
            for name, chosen, fresh in ((KNOWN, known[:400], False), (STORM, requests, True)):
                for workers, house in houses.items():
                    row = measure(house, chosen, fresh=fresh, seconds=seconds, connections=64)
                    results[name][workers].append(row)
                    say(f"{name}: {workers}: {row['figure']:,.0f}/s, {row['cpu_us']:.0f} µs, p99 {row['p99_ms']} ms")
    finally:
        for house in houses.values():
            if house.server.is_started:
                house.stop()
    return results


def table(results: dict[str, dict[int, list[dict[str, Any]]]]) -> str:
    """Return the results as a table in Markdown.

    The ratio by processor time is what two processors of their own would give: what one process needs for a request,
    by what the busier of two needs. It hardly depends on what else runs on the machine.
    """
    lines = [
        "| HTTP, 64 connections | one process | two | ratio | CPU µs each, one | two | the busier of the two | ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, rows in results.items():
        one, two = ([row["figure"] for row in rows[workers]] for workers in (1, 2))
        ratio = statistics.median(b / a for a, b in zip(one, two, strict=True))
        cpu = [statistics.median(row["cpu_us"] for row in rows[workers]) for workers in (1, 2)]
        busiest = [statistics.median(row["busiest_us"] for row in rows[workers]) for workers in (1, 2)]
        cells = [f"{statistics.median(one):,.0f}/s", f"{statistics.median(two):,.0f}/s", f"{ratio:.2f}"]
        cells += [*(f"{value:.0f}" for value in (*cpu, busiest[1])), f"{busiest[0] / busiest[1]:.2f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="provisiond-bench-") as name:
        results = compare(
            Path(name),
            phones=chosen.phones,
            rounds=chosen.rounds,
            seconds=chosen.seconds,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
    print(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
