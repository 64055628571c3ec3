"""How long it takes to recognise a phone, by kind of request. Run: python bench/identification.py"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.phone_cases import recorded, request_of

from provisiond.identification.extract import Identifier
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.rules import Rule, Where
from provisiond.identification.values import PhoneRequest

ROUNDS = 30
PLUGIN_RULES = 200


def best_times(identifier: Identifier, requests: list[PhoneRequest]) -> list[float]:
    """Return the best of several measurements of each request, in microseconds."""
    times = [float("inf")] * len(requests)
    for _ in range(ROUNDS):
        for place, request in enumerate(requests):
            started = time.perf_counter()
            identifier.identify(request)
            times[place] = min(times[place], (time.perf_counter() - started) * 1e6)
    return times


def reference() -> float:
    """Return the best time of a loop of 1,000 additions in microseconds: how fast this machine is just now."""
    best = float("inf")
    for _ in range(200):
        started, total = time.perf_counter(), 0
        for number in range(1000):
            total += number
        best = min(best, (time.perf_counter() - started) * 1e6)
    return best


def main() -> None:
    """Print one JSON object a line: median, 99th percentile and maximum in microseconds."""
    started = time.perf_counter()
    knowledge = Knowledge.shipped()
    plain = Identifier(knowledge)
    print(
        json.dumps({"load_ms": round((time.perf_counter() - started) * 1e3), "loop_of_1000_us": round(reference(), 1)})
    )
    rules = [
        Rule(where=where, literal=f"acme{number}", pattern=f"acme{number}/(?P<model>[0-9]+)", vendor="Acme")
        for number in range(PLUGIN_RULES // 2)
        for where in (Where.USER_AGENT, Where.PATH)
    ]
    crowded = Identifier(knowledge, {"acme": rules})
    cases = [request_of(case) for case in recorded("identification.jsonl", "traps.jsonl")]
    for name, identifier in (("own knowledge", plain), (f"with {PLUGIN_RULES} plugin rules", crowded)):
        for protocol in ("http", "tftp", "dhcp", "pnp"):
            times = sorted(best_times(identifier, [case for case in cases if case.protocol == protocol]))
            figures = {
                "median_us": round(statistics.median(times), 1),
                "p99_us": round(times[int(len(times) * 0.99)], 1),
                "max_us": round(times[-1], 1),
            }
            print(json.dumps({"what": name, "protocol": protocol, "requests": len(times), **figures}))


if __name__ == "__main__":
    main()
