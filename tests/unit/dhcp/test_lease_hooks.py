"""What the three DHCP servers tell their hook, what is noted of it, and what becomes of a note."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.lease_hooks import HOOK, HOOKS, hooked, notes, sender_module

from provisiond.provisioning.dhcp_info import parse_dhcp_info

MAC = "00:04:13:92:00:07"
NOW = 1_795_248_000.0


@pytest.fixture(scope="module")
def program() -> Iterator[Any]:
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    yield sender_module()
    sys.dont_write_bytecode = before


def test_dnsmasq(tmp_path: Path) -> None:
    more = {"DNSMASQ_VENDOR_CLASS": 'snom "D785"', "DNSMASQ_USER_CLASS0": "phones", "DNSMASQ_INTERFACE": "eth0"}
    done = hooked(tmp_path, "add", MAC, "192.0.2.7", "phone-7", environment=more)
    assert (done.returncode, done.stderr) == (0, "")
    assert notes(tmp_path) == {f"{MAC}.add.lease": f'192.0.2.7\n{MAC}\n060=snom "D785"\n077=phones\n'}


def test_dnsmasq_that_has_forgotten_what_the_phone_sent(tmp_path: Path) -> None:
    hooked(tmp_path, "add", MAC, "192.0.2.7", environment={"DNSMASQ_VENDOR_CLASS": "snom"})
    hooked(tmp_path, "old", MAC, "192.0.2.7", environment={"DNSMASQ_DATA_MISSING": "1"})
    assert notes(tmp_path)[f"{MAC}.add.lease"].endswith("060=snom\n")
    assert notes(tmp_path)[f"{MAC}.old.lease"] == f"192.0.2.7\n{MAC}\n"


def test_kea(tmp_path: Path) -> None:
    around = {
        "LEASES4_SIZE": "2",
        "LEASES4_AT0_ADDRESS": "192.0.2.7",
        "LEASES4_AT0_HWADDR": MAC,
        "LEASES4_AT1_ADDRESS": "192.0.2.8",
        "LEASES4_AT1_HWADDR": "00:04:13:92:00:08",
        "DELETED_LEASES4_SIZE": "0",
    }
    assert hooked(tmp_path, "leases4_committed", environment=around).returncode == 0
    renewed = {"LEASE4_ADDRESS": "192.0.2.9", "LEASE4_HWADDR": "00:04:13:92:00:09"}
    assert hooked(tmp_path, "lease4_renew", environment=renewed).returncode == 0
    assert list(notes(tmp_path).values()) == [f"192.0.2.{n}\n00:04:13:92:00:0{n}\n" for n in (7, 8, 9)]


def test_dhcpd(tmp_path: Path) -> None:
    # binary-to-ascii writes no leading zeros.
    hooked(tmp_path, "isc", "192.0.2.7", "0:4:13:92:0:7", "73.6e.6f.6d")
    hooked(tmp_path, "isc", "192.0.2.8", "0:4:13:92:0:8")
    assert list(notes(tmp_path).values()) == [
        "192.0.2.7\n0:4:13:92:0:7\n060.73.6e.6f.6d\n",
        "192.0.2.8\n0:4:13:92:0:8\n",
    ]


@pytest.mark.parametrize(
    ("words", "around"),
    [
        ((), {}),
        (("init",), {}),
        (("del", MAC, "192.0.2.7"), {}),
        (("tftp", "100", "192.0.2.7", "/x"), {}),
        (("add", "06-00:04:13:92:00:07", "192.0.2.7"), {}),
        (("add", "00:01:00:01:2a", "2001:db8::7"), {"DNSMASQ_IAID": "7"}),
        (("add", MAC, "2001:db8::7"), {}),
        (("add", "../../etc/passwd", "192.0.2.7"), {}),
        (("add", MAC, "192.0.2.7; reboot"), {}),
        (("add",), {}),
        (("lease4_release",), {"LEASE4_ADDRESS": "192.0.2.7", "LEASE4_HWADDR": MAC}),
        (("lease4_renew",), {}),
        (("leases4_committed",), {"LEASES4_SIZE": "0"}),
        (("leases4_committed",), {"LEASES4_SIZE": "1"}),
        (("leases4_committed",), {"LEASES4_SIZE": "$(reboot)"}),
        (("isc",), {}),
        (("isc", "192.0.2.7", "x"), {}),
    ],
)
def test_what_is_no_lease_of_a_phone_is_not_noted(
    words: tuple[str, ...], around: dict[str, str], tmp_path: Path
) -> None:
    assert hooked(tmp_path, *words, environment=around).returncode == 0
    assert notes(tmp_path) == {}


def test_a_phone_that_asks_again_is_one_note(tmp_path: Path) -> None:
    for host in (7, 8):
        hooked(tmp_path, "add", MAC, f"192.0.2.{host}")
    assert notes(tmp_path) == {f"{MAC}.add.lease": f"192.0.2.8\n{MAC}\n"}


def test_the_spool_is_bounded_and_what_waits_is_still_renewed(tmp_path: Path) -> None:
    bound = {"PROVISIOND_DHCP_MOST": "2"}
    for host in (7, 8, 9):
        done = hooked(tmp_path, "add", f"00:04:13:92:00:0{host}", f"192.0.2.{host}", environment=bound)
    assert done.returncode == 1
    assert "2 leases wait" in done.stderr
    assert len(notes(tmp_path)) == 2
    assert hooked(tmp_path, "add", MAC, "192.0.2.99", environment=bound).returncode == 0
    assert notes(tmp_path)[f"{MAC}.add.lease"].startswith("192.0.2.99\n")


def test_a_missing_spool_is_told(tmp_path: Path) -> None:
    done = hooked(tmp_path / "missing", "add", MAC, "192.0.2.7")
    assert done.returncode != 0
    assert "missing" in done.stderr


def test_the_shipped_examples_name_the_shipped_program() -> None:
    for name in ("isc-dhcpd.conf", "kea-dhcp4.json", "dnsmasq.conf"):
        assert f"/usr/share/provisiond/dhcp-hooks/{HOOK.name}" in (HOOKS / name).read_text()


# What becomes of notes


class Told:
    """A server that takes what it is given, unless it fails."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.fails: Exception | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self, body: dict[str, Any]) -> None:
        self.meanwhile()
        if self.fails is not None:
            raise self.fails
        self.bodies.append(body["dhcp_info"])


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def sender(program: Any, told: Told, tmp_path: Path) -> Any:
    spool = program.Spool(tmp_path)
    spool.begin()
    return program.Sender(spool, told, keep=3_600, most=3, now=lambda: NOW)


def noted(spool: Path, number: int, text: str | None = None, age: float = 0) -> Path:
    file = spool / f"00:04:13:92:00:{number:02x}.add.lease"
    file.write_text(f"192.0.2.{number}\n00:04:13:92:00:{number:02x}\n" if text is None else text)
    os.utime(file, (NOW - age, NOW - age))
    return file


def test_what_waits_is_reported_oldest_first_and_gone(sender: Any, told: Told, tmp_path: Path) -> None:
    noted(tmp_path, 1, age=10)
    noted(tmp_path, 2, age=20)
    assert sender.once() == 2
    assert [each["ip"] for each in told.bodies] == ["192.0.2.2", "192.0.2.1"]
    assert notes(tmp_path) == {}
    assert sender.once() == 0


@pytest.mark.parametrize("kind", ["add", "isc", "kea"])
def test_the_server_understands_what_is_reported(kind: str, sender: Any, told: Told, tmp_path: Path) -> None:
    words = {
        "add": ("add", MAC, "192.0.2.7"),
        "isc": ("isc", "192.0.2.7", "0:4:13:92:0:7", "73.6e.6f.6d.a"),
        "kea": ("lease4_renew",),
    }[kind]
    around = {"DNSMASQ_VENDOR_CLASS": "snom\n", "LEASE4_ADDRESS": "192.0.2.7", "LEASE4_HWADDR": MAC}
    hooked(tmp_path, *words, environment=around)
    for file in tmp_path.glob("*.lease"):
        os.utime(file, (NOW, NOW))
    assert sender.once() == 1
    request = parse_dhcp_info(told.bodies[0])
    assert request is not None
    assert (request.peer, request.chaddr) == ("192.0.2.7", MAC)
    assert request.dhcp == {"add": {60: "snom"}, "isc": {60: "snom\n"}, "kea": {}}[kind]


def test_nothing_is_lost_while_the_server_is_away(program: Any, sender: Any, told: Told, tmp_path: Path) -> None:
    told.fails = program.Kept("away")
    noted(tmp_path, 1)
    noted(tmp_path, 2)
    for _ in range(3):
        with pytest.raises(program.Kept):
            sender.once()
    assert len(notes(tmp_path)) == 2
    told.fails = None
    assert sender.once() == 2


def test_what_is_noted_while_it_is_sent_is_sent_too(sender: Any, told: Told, tmp_path: Path) -> None:
    noted(tmp_path, 1, "192.0.2.1\n" + MAC + "\n")
    told.meanwhile = lambda: noted(tmp_path, 1, "192.0.2.99\n" + MAC + "\n")
    sender.once()
    told.meanwhile = lambda: None
    assert sender.once() == 1
    assert [each["ip"] for each in told.bodies] == ["192.0.2.1", "192.0.2.99"]


def test_a_newer_note_is_not_replaced_by_the_one_that_could_not_be_sent(
    program: Any, sender: Any, told: Told, tmp_path: Path
) -> None:
    noted(tmp_path, 1, "192.0.2.1\n" + MAC + "\n")
    told.meanwhile = lambda: noted(tmp_path, 1, "192.0.2.99\n" + MAC + "\n")
    told.fails = program.Kept("away")
    with pytest.raises(program.Kept):
        sender.once()
    assert list(notes(tmp_path).values()) == ["192.0.2.99\n" + MAC + "\n"]


def test_a_sender_that_was_killed_loses_nothing(program: Any, told: Told, tmp_path: Path) -> None:
    (tmp_path / "sending").mkdir()
    noted(tmp_path, 1).rename(tmp_path / "sending" / "a.lease")
    unfinished, beginning = tmp_path / ".00:04:13:92:00:09.add.1", tmp_path / ".00:04:13:92:00:0a.add.2"
    for file in (unfinished, beginning):
        file.write_text("192.0")
    os.utime(unfinished, (NOW, NOW - 1e9))
    spool = program.Spool(tmp_path)
    spool.begin()
    assert (unfinished.exists(), beginning.exists()) == (False, True)
    assert program.Sender(spool, told, now=lambda: NOW).once() == 1
    with pytest.raises(BlockingIOError):
        program.Spool(tmp_path).begin()


def test_old_ones_and_too_many_are_dropped_with_a_line(
    sender: Any, told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noted(tmp_path, 1, age=4_000)
    for number in (2, 3, 4, 5):
        noted(tmp_path, number, age=100 - number)
    assert sender.once() == 3
    said = capsys.readouterr().err
    assert said.count("dropped") == 2
    assert [each["ip"] for each in told.bodies] == ["192.0.2.3", "192.0.2.4", "192.0.2.5"]


def test_each_reason_to_drop_is_told(
    program: Any, sender: Any, told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noted(tmp_path, 1, "")
    noted(tmp_path, 2, "x" * 5_000)
    sender.once()
    noted(tmp_path, 3, age=4_000)
    told.fails = program.Refused("provisiond refuses it: dhcp_info.ip must be an IPv4 address")
    noted(tmp_path, 4)
    sender.once()
    said = capsys.readouterr().err
    for reason in ("names no address", "too large", "too old", "refuses it"):
        assert reason in said
    assert notes(tmp_path) == {}


def test_links_and_other_things_are_not_read(sender: Any, program: Any, told: Told, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("192.0.2.1\n" + MAC + "\n")
    (tmp_path / "a.lease").symlink_to(secret)
    (tmp_path / "b.lease").mkdir()
    os.mkfifo(tmp_path / "c.lease")
    assert sender.once() == 0
    claimed = tmp_path / "sending" / "a.lease"
    claimed.symlink_to(secret)
    with pytest.raises(program.Refused):
        program.Spool.read(claimed)


def test_pauses_grow_and_begin_anew(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes: list[Any] = [program.Kept("away")] * 7 + [4, 0]
    pauses: list[float] = []

    class Scripted:
        def once(self) -> int:
            outcome = outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return int(outcome)

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if not outcomes:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        program.run(Scripted(), sleep)
    assert pauses == [2, 4, 8, 16, 30, 30, 30, 1, 1]
    assert capsys.readouterr().err.splitlines() == [
        "provisiond-dhcp-sender: away; leases are kept and reported later",
        "provisiond-dhcp-sender: provisiond can be told again, leases reported: 4",
    ]


@given(st.text(max_size=300), st.sampled_from(["060=", "060.", "", "60="]))
def test_no_line_of_a_note_breaks_the_report(program: Any, text: str, start: str) -> None:
    line = (start + text).replace("\n", " ")
    body = program.report(f"192.0.2.1\n{MAC}\n{line}\n")
    parse_dhcp_info(body["dhcp_info"])


@pytest.mark.parametrize("url", ["provisiond", "ftp://x", "http://"])
def test_a_wrong_address_is_told(program: Any, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.arguments(["--url", url])
    assert "--url is http://HOST:PORT" in capsys.readouterr().err
