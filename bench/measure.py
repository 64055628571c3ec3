"""`make bench`: our server beside others, in one run on one machine.

``--quick`` takes some twelve minutes, ``--smoke`` one; ``--markdown`` prints a section for docs/performance.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import Factory, define, evolve

from bench import rendering, workers
from bench.cases import BIG, MIDDLE, QUICK, SMOKE, Load, Sizes, http_cases, tftp_cases
from bench.house import PATTERN, House
from bench.known_phones import introduce
from bench.loads import OurTarget, PeerTarget, Target, tftp
from bench.machine import machine
from bench.peers import http_peers, tftp_peers
from bench.programs import BUILD, Missing, Peer
from bench.storm import storm
from bench.table import OURS, Case, markdown


@define
class Bench:
    """One run.

    :param deadline: of the whole run, by the monotonic clock; what would begin later is left out.
    :param problems: what must not happen on any machine, however slow.
    """

    sizes: Sizes
    directory: Path
    deadline: float
    cases: list[Case] = Factory(list)
    notes: list[str] = Factory(list)
    tables: list[str] = Factory(list)
    problems: list[str] = Factory(list)

    @property
    def files(self) -> Path:
        """Where the peers' files lie."""
        return self.directory / "files"

    def say(self, text: str) -> None:
        """Tell what goes on."""
        print(text, file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """Tell something, and keep it for the results."""
        self.notes.append(text)
        self.say(f"- {text}")

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.deadline - time.monotonic()

    def part(self, name: str, work: Callable[[], None], seconds: float = 0.0) -> None:
        """Do a part of the run, if there is time; whatever goes wrong in it does not end the run.

        :param seconds: that it takes, about.
        """
        if self.sizes.only and self.sizes.only not in name:
            return
        if self.left() < seconds:
            self.note(f"{name}: left out, there was no time for it")
            return
        began = time.monotonic()
        try:
            work()
        except Exception as error:
            self.note(f"{name}: {type(error).__name__}: {str(error)[-500:]}")
            self.problems.append(f"{name} could not be measured to its end")
        self.say(f"{name}: {time.monotonic() - began:.0f} s")

    def compare(self, kind: str, peers: list[Peer], house: House, cases: list[tuple[Case, Load]]) -> None:
        """Measure all cases on all servers in turn, round by round; only one server runs besides ours at a time."""
        cases = [(case, load) for case, load in cases if self.sizes.only in case.name or self.sizes.only in kind]
        self.cases.extend(case for case, _ in cases)
        for number in range(self.sizes.rounds if cases else 0):
            chosen = [(case, load) for case, load in cases if not case.rounds or number < case.rounds]
            self.say(f"{kind}, round {number + 1} of {self.sizes.rounds}")
            self._measure(OURS, OurTarget(house), chosen)
            for peer in peers:
                self._measure_peer(peer, chosen, tell=number == 0)

    def _measure_peer(self, peer: Peer, cases: list[tuple[Case, Load]], *, tell: bool) -> None:
        try:
            peer.start(self.files)
        except (Missing, OSError) as missing:
            if tell:
                self.note(str(missing))
            return
        left_out = [case for case, _ in cases if case.crowd and not peer.crowds]
        chosen = [(case, load) for case, load in cases if case not in left_out and not _stood_for(case, peer, cases)]
        try:
            self._measure(peer.name, PeerTarget(peer), chosen)
        finally:
            peer.stop()
        measured = {case.name: case.rows[peer.name][-1] for case, _ in chosen if peer.name in case.rows}
        for case, _ in cases:
            if _stood_for(case, peer, cases) and case.instead in measured:
                case.add(peer.name, {**measured[case.instead], "lock_step": True})

    def _measure(self, name: str, target: Target, cases: list[tuple[Case, Load]]) -> None:
        for case, load in cases:
            if self.left() < 0:
                self.note(f"{name}, {case.name}: left out, there was no time for it")
                continue
            try:
                row = load(target)
            except Exception as error:
                self.note(f"{name}, {case.name}: {type(error).__name__}: {str(error)[-300:]}")
                if name == OURS:
                    self.problems.append(f"{case.name} could not be measured")
                continue
            if case.unit == "MB/s":
                row["figure"] = row["megabytes"]
            case.add(name, row)
            self.say(f"  {case.name}: {name}: {row['figure']:,.1f} {case.unit}, failed {row['failed']}")


def _stood_for(case: Case, peer: Peer, cases: list[tuple[Case, Load]]) -> bool:
    return not peer.windows and case.instead in [each.name for each, _ in cases]


def prepare(bench: Bench, house: House) -> None:
    """Let the phones meet the server for the first time, and give the peers the same files."""
    phones = bench.sizes.phones
    house.start()
    house.install()
    first = tftp(OurTarget(house), clients=20, total=phones, seconds=300, phones=phones)
    if first["failed"]:
        odd = [line for line in house.server.log_text().splitlines() if " served " not in line and "tftp RRQ" in line]
        bench.note(f"{first['failed']} phones got nothing at their first contact: {' '.join(odd[:3])}")
        tftp(OurTarget(house), clients=20, total=phones, seconds=300, phones=phones)
    bench.note(f"first contact of {first['ok']} phones: {first['per_second']:.0f} a second, files made meanwhile")
    for number in range(phones):
        name = PATTERN % number
        (bench.files / name).write_bytes(house.fetched(name, f"127.1.{number >> 8}.{number & 255}"))
    chance = random.Random(1)
    for name, size in ((BIG, 20_000_000), (MIDDLE, 256_000)):
        content = chance.randbytes(size)
        (bench.files / name).write_bytes(content)
        (house.files / name).write_bytes(content)
    # The phones must be known at the address that asks for the large files and over HTTP.
    tftp(OurTarget(house), clients=1, total=1, seconds=30)
    try:
        house.settle(120)
    except TimeoutError as late:
        bench.note(str(late))


def play_storm(bench: Bench, house: House) -> None:
    """Play the boot storm."""
    phones, seconds = bench.sizes.storm_phones, bench.sizes.storm_seconds
    began, patience = time.monotonic(), max(60.0, bench.left() / 3)
    try:
        made = introduce(house, phones, patience)
        bench.note(
            f"{phones:,} phones imported in {time.monotonic() - began - made:.0f} s, files made {made:.0f} s later"
        )
    except TimeoutError as late:
        bench.note(f"{phones:,} phones imported: {late}")
    played = storm(house, phones=phones, seconds=seconds)
    bench.note(str(played))
    if played.failed:
        bench.problems.append(f"boot storm: {played.failed} requests were never answered")


def compare_workers(bench: Bench) -> None:
    """Compare two processes with one."""
    results = workers.compare(
        bench.directory / "workers", phones=150, rounds=bench.sizes.worker_rounds, seconds=2, say=bench.say
    )
    bench.tables.append(workers.table(results))


def change_base(bench: Bench) -> None:
    """Change the base config of many devices."""
    result = rendering.measure(
        bench.directory / "rendering",
        devices=bench.sizes.rendered,
        limit=min(300.0, max(60.0, bench.left() / 2)),
        say=bench.say,
    )
    bench.notes.extend(result.notes())


def crowd(bench: Bench) -> None:
    """Measure the same with a hundred thousand devices and more than a hundred plugins."""
    sizes, phones = bench.sizes, bench.sizes.phones
    case = Case(f"TFTP small, 50 clients, {sizes.devices:,} devices, {sizes.plugins} plugins", "/s")
    house = House(bench.directory / "crowd")
    house.start()
    try:
        house.install()
        alone = house.memory()
        began = time.monotonic()
        house.import_devices(sizes.devices)
        bench.say(f"{sizes.devices:,} devices imported in {time.monotonic() - began:.0f} s")
        house.stop()
        house.copy_plugin(sizes.plugins - 4)
        house.start()
        bench.note(
            f"start with {sizes.devices:,} devices and {sizes.plugins} plugins: {house.started_in:.1f} s, "
            f"{house.memory():.0f} MB resident (four plugins and no devices: {alone:.0f} MB)"
        )
        tftp(OurTarget(house), clients=20, total=phones, seconds=120, phones=phones)
        for _ in range(sizes.rounds):
            row = tftp(OurTarget(house), clients=50, total=400_000, seconds=sizes.seconds, phones=phones)
            case.add(OURS, row)
    finally:
        house.stop()
        bench.cases.append(case)


@contextlib.contextmanager
def _bench(sizes: Sizes) -> Iterator[Bench]:
    directory = Path(tempfile.mkdtemp(prefix="provisiond-bench-"))
    (directory / "files").mkdir()
    directory.chmod(0o755)
    try:
        yield Bench(sizes, directory, time.monotonic() + sizes.minutes * 60)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def run(sizes: Sizes) -> Bench:
    """Measure, and return the results."""
    with _bench(sizes) as bench:
        house = House(bench.directory / "house")
        try:
            prepare(bench, house)
            peers = (tftp_peers(), http_peers()) if sizes.peers else ([], [])
            # What is compared names its cases itself, so a choice of cases is made there.
            every = evolve(bench, sizes=evolve(sizes, only=""))
            every.part("TFTP", lambda: bench.compare("TFTP", peers[0], house, tftp_cases(sizes, bench.files)))
            every.part("HTTP", lambda: bench.compare("HTTP", peers[1], house, http_cases(sizes)))
            bench.part("boot storm", lambda: play_storm(bench, house), sizes.storm_seconds * 2)
            if "Traceback" in house.server.log_text():
                bench.problems.append("the server's log holds a traceback")
        finally:
            if house.server.is_started:
                house.stop()
        if sizes.worker_rounds:
            bench.part("workers", lambda: compare_workers(bench), 60)
        if sizes.rendered:
            bench.part("base config", lambda: change_base(bench), 120)
        if sizes.devices:
            bench.part("crowd", lambda: crowd(bench), 60)
        lost = [(case.name, row["failed"]) for case in bench.cases for row in case.rows.get(OURS, []) if row["failed"]]
        bench.problems += [
            f"{name}: {count} transfers were lost or wrong" for name, count in lost if "loss" not in name
        ]
        return bench


def section(bench: Bench, command: str, seconds: float) -> str:
    """Return the results as a section of docs/performance.md."""
    parts = [
        "## Beside other servers, on a quiet machine",
        f"`{command}`, {seconds / 60:.0f} minutes. Machine: {machine()}.",
        markdown(bench.cases),
        *bench.tables,
        "\n".join(f"* {note}" for note in bench.notes),
    ]
    return "\n\n".join(part for part in parts if part)


def chosen_sizes(arguments: Sequence[str] | None = None) -> tuple[Sizes, bool]:
    """Return what the command line asks for, and whether a section is printed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="one minute; fails on errors and lost transfers only")
    parser.add_argument("--quick", action="store_true", help="everything in some twelve minutes")
    parser.add_argument("--markdown", action="store_true", help="print a section for docs/performance.md")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of each measurement")
    parser.add_argument("--minutes", type=float, help="of the whole run; what finds no time is left out")
    parser.add_argument("--only", help="part of the names of the cases and parts that are measured, e.g. 'boot storm'")
    chosen = parser.parse_args(arguments)
    sizes = SMOKE if chosen.smoke else QUICK if chosen.quick else Sizes()
    given = {name: getattr(chosen, name) for name in ("rounds", "seconds", "minutes", "only")}
    return evolve(sizes, **{name: value for name, value in given.items() if value is not None}), chosen.markdown


def main() -> int:
    """Run the bench; return the exit status."""
    sizes, as_section = chosen_sizes()
    # Whoever ends the bench ends its servers, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    began = time.monotonic()
    bench = run(sizes)
    seconds = time.monotonic() - began
    text = section(bench, " ".join(["python -m bench.measure", *sys.argv[1:]]), seconds)
    print(text if as_section else text.partition("\n\n")[2])
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "results.md").write_text(text + "\n")
    (BUILD / "results.json").write_text(json.dumps({case.name: case.rows for case in bench.cases}, indent=1))
    for problem in bench.problems:
        print(problem, file=sys.stderr)
    print(f"{seconds:.0f} s", file=sys.stderr)
    return 1 if bench.problems else 0


if __name__ == "__main__":
    sys.exit(main())
