"""Results as ratios: what we do per what a peer does in the same round."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from attrs import define, field

OURS = "provisiond"


@define
class Case:
    """One thing that is measured, for every server, some times.

    :param unit: of the figure; more is better.
    :param rounds: in which it is measured; 0 for all.
    :param rows: server name to its results, one a round; each holds ``figure``, ``cpu_us`` and other members.
    """

    name: str
    unit: str
    rounds: int = 0
    rows: dict[str, list[dict[str, Any]]] = field(factory=dict)

    def add(self, server: str, row: dict[str, Any]) -> None:
        """Add the result of one round."""
        self.rows.setdefault(server, []).append(row)

    def figures(self, server: str, member: str = "figure") -> list[float]:
        """Return what the rounds gave for a server."""
        return [float(row[member]) for row in self.rows.get(server, []) if member in row]

    def ratios(self, peer: str) -> list[float]:
        """Return ours per the peer's, round by round."""
        pairs = zip(self.figures(OURS), self.figures(peer), strict=False)
        return [ours / theirs for ours, theirs in pairs if theirs > 0]


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Return minimum, median and maximum as text."""
    if not values:
        return "–"
    wanted = (min(values), statistics.median(values), max(values))
    return " / ".join(f"{value:,.{digits}f}" for value in wanted)


def markdown(cases: Sequence[Case]) -> str:
    """Return one table of all cases that were measured; empty without any."""
    if not any(case.rows for case in cases):
        return ""
    lines = [
        "| case | server | figure: min / median / max | CPU µs each | p99 ms | lost or wrong | ours per theirs |",
        "|---|---|---|---|---|---|---|",
    ]
    measured = [case for case in cases if case.rows]
    for case in measured:
        for server in case.rows:
            ratios = [] if server == OURS else case.ratios(server)
            failed = sum(int(row.get("failed", 0)) for row in case.rows[server])
            cells = [
                case.name,
                server,
                f"{spread(case.figures(server), 1 if case.unit == 'MB/s' else 0)} {case.unit}",
                spread(case.figures(server, "cpu_us")),
                spread(case.figures(server, "p99_ms"), 1),
                str(failed),
                spread(ratios, 2),
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
