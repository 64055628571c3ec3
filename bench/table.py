"""Results as ratios: what we do per what a peer does in the same round."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from attrs import define, field

OURS = "provisiond"


@define(eq=False)
class Case:
    """One thing that is measured, for every server, some times.

    :param unit: of the figure; more is better, except of seconds.
    :param rounds: in which it is measured; 0 for all.
    :param instead: the name of the case whose results stand for servers that don't speak windows.
    :param crowd: whether it is only measured of servers that thousands of clients may ask at once.
    :param rows: server name to its results, one a round; each holds ``figure``, ``cpu_us`` and other members. A figure
        in seconds may have ``within`` in its row: it took longer than the figure says, and was not waited for.
    """

    name: str
    unit: str
    rounds: int = 0
    instead: str = ""
    crowd: bool = False
    rows: dict[str, list[dict[str, Any]]] = field(factory=dict)

    def add(self, server: str, row: dict[str, Any]) -> None:
        """Add the result of one round."""
        self.rows.setdefault(server, []).append(row)

    def figures(self, server: str, member: str = "figure") -> list[float]:
        """Return what the rounds gave for a server."""
        return [float(row[member]) for row in self.rows.get(server, []) if member in row]

    def ratios(self, peer: str) -> list[float]:
        """Return ours per the peer's, round by round; nothing where ours is not known."""
        if any("within" in row for row in self.rows.get(OURS, [])):
            return []
        pairs = zip(self.figures(OURS), self.figures(peer), strict=False)
        return [ours / theirs for ours, theirs in pairs if theirs > 0]

    def told(self, server: str) -> str:
        """Return the figures of a server as text."""
        note = " (lock-step)" if any("lock_step" in row for row in self.rows[server]) else ""
        return self._told(server) + note

    def _told(self, server: str) -> str:
        if self.unit != "s":
            return f"{spread(self.figures(server), 1 if self.unit == 'MB/s' else 0)} {self.unit}"
        rows = self.rows[server]
        done, asked = (sum(int(row[member]) for row in rows) for member in ("ok", "asked"))
        late = [row["within"] for row in rows if "within" in row]
        if late:
            return f"{done or 'none'} of {asked} done in {max(late):.0f} s"
        most = [row["most"] for row in rows if row.get("most") is not None]
        more = f", 95 % in {spread(most, 2)} s" if most else ""
        return f"half in {spread(self.figures(server), 2)} s{more}; {done} of {asked} done"

    def ratio_told(self, peer: str) -> str:
        """Return the ratios of ours per the peer's as text."""
        ratios = self.ratios(peer)
        at_most = ratios and any("within" in row for row in self.rows[peer])
        return f"{'≤ ' if at_most else ''}{spread(ratios, 2)}"


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Return minimum, median and maximum as text."""
    if not values:
        return "–"
    if len(values) == 1:
        return f"{values[0]:,.{digits}f}"
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
            failed = sum(int(row.get("failed", 0)) for row in case.rows[server])
            cells = [
                case.name,
                server,
                case.told(server),
                spread(case.figures(server, "cpu_us")),
                spread(case.figures(server, "p99_ms"), 1),
                str(failed),
                "–" if server == OURS else case.ratio_told(server),
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
