"""Log lines: one line, no secrets, both formats."""

from __future__ import annotations

import io
import json
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel, LogLevelFilterPredicate

from provisiond.logs import JournalObserver, JsonObserver, Levels, TextObserver, is_journal, redacted, redacted_value


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2",
        "{'sip_lines': {'1': {'password': 'hunter2'}}}",
        '{"admin_password":"hunter2"}',
        'q={"raw_config.sip_lines.1.password":"hunter2"}',
        "GET http://user:hunter2@proxy.example.org:3128/x failed",
        "X-Auth-Token: hunter2",
        "GET http://user:un@quoted@hunter2@proxy.example.org:3128/x failed",
        "Authorization: Bearer hunter2",
        "Proxy-Authorization: Basic hunter2",
        'authorization: Digest username="x", response="hunter2"',
        "provisioning_key: hunter2",
        "token=hunter2&x=1",
        "ftp_pwd=hunter2",
        '{"adminPin": "hunter2"}',
    ],
)
def test_secrets_are_struck_out(text: str) -> None:
    assert "hunter2" not in redacted(text)
    assert "***" in redacted(text)


def test_what_is_no_secret_stays() -> None:
    text = "device 00:08:5d:2d:b0:7c fetched /Aastra/00085D2DB07C.cfg from http://192.0.2.1:8667/x"
    assert redacted(text) == text


def test_values_are_redacted_member_by_member() -> None:
    value = {"password": "a", "lines": [{"user_password": "b", "name": "c"}], "key": None, "n": 1}
    assert redacted_value(value) == {
        "password": "***",
        "lines": [{"user_password": "***", "name": "c"}],
        "key": None,
        "n": 1,
    }


@pytest.mark.parametrize(
    "piece",
    [
        "x",
        "a.b-",
        "key ",
        "key=",
        'password:"',
        "a://",
        "a://@",
        "authorization ",
        "authorization digest ",
        " ",
        "'",
        "\\",
    ],
)
def test_redaction_takes_time_with_the_length_only(piece: str) -> None:
    # With the square of the length this would take an hour.
    assert redacted(piece * (300_000 // len(piece)) + " token=hunter2").count("hunter2") == 0


@given(st.text())
def test_redaction_never_raises(text: str) -> None:
    redacted(text)


def _event_text(observer_type: type[TextObserver] | type[JsonObserver], text: str, **members: object) -> str:
    out = io.StringIO()
    Logger(namespace="provisiond.phones", observer=observer_type(out)).info("{text}", text=text, **members)
    return out.getvalue()


def test_a_text_line_names_level_and_subsystem() -> None:
    line = _event_text(TextObserver, "hello")
    assert line.endswith("info     phones: hello\n")


def test_control_characters_cannot_forge_a_line() -> None:
    line = _event_text(TextObserver, "hello\n2026-01-01 error: forged\x1b[31m")
    assert "\n  2026" in line
    assert "\x1b" not in line


def test_a_json_line_has_the_members_of_the_event() -> None:
    document = json.loads(_event_text(JsonObserver, "sent", peer="192.0.2.7", path="/x?password=abc"))
    assert document["message"] == "sent"
    assert document["peer"] == "192.0.2.7"
    assert "abc" not in json.dumps(document)


def test_subsystems_have_levels_of_their_own() -> None:
    predicate = LogLevelFilterPredicate(LogLevel.info)
    levels = Levels(predicate)
    told: list[tuple[str, dict[str, str]]] = []
    levels.listen(lambda level, own: told.append((level, dict(own))))
    levels.use("warn", {"tftp": "debug", "packages.downloads": "error"})
    shown = {
        name: predicate.logLevelForNamespace(f"provisiond.{name}").name
        for name in ("rest", "tftp", "tftp.transfer", "packages", "packages.downloads")
    }
    assert shown == {
        "rest": "warn",
        "tftp": "debug",
        "tftp.transfer": "debug",
        "packages": "warn",
        "packages.downloads": "error",
    }
    levels.use("error", {})
    assert told == [("warn", {"tftp": "debug", "packages.downloads": "error"}), ("error", {})]
    assert (levels.level, levels.levels) == ("error", {})
    assert predicate.logLevelForNamespace("provisiond.tftp").name == "error"


@pytest.mark.parametrize("observer_type", [TextObserver, JsonObserver])
def test_each_line_for_the_journal_begins_with_its_priority(observer_type: type[TextObserver]) -> None:
    out = io.StringIO()
    log = Logger(namespace="provisiond.phones", observer=observer_type(out, marks=True))
    log.error("one\ntwo")
    log.debug("three")
    lines = out.getvalue().splitlines()
    assert {line[:3] for line in lines} == {"<3>", "<7>"}
    if observer_type is JsonObserver:
        assert [json.loads(line[3:])["message"] for line in lines] == ["one\ntwo", "three"]
    else:
        assert [line[:3] for line in lines] == ["<3>", "<3>", "<7>"]


def test_only_the_stream_that_systemd_names_is_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "out").open("w") as out, (tmp_path / "other").open("w") as other:
        monkeypatch.delenv("JOURNAL_STREAM", raising=False)
        assert not is_journal(out)
        status = os.fstat(out.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert is_journal(out)
        assert not is_journal(other)
    assert not is_journal(io.StringIO())


def _fields(datagram: bytes) -> dict[str, str]:
    """Read systemd's native form: NAME=value lines, or NAME, eight bytes of length, and the value."""
    found = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + length], rest[9 + length :]
        found[name.decode()] = value.decode()
        datagram = rest
    return found


def test_the_journal_gets_members_as_fields(tmp_path: Path) -> None:
    path, out = str(tmp_path / "journal"), io.StringIO()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(path)
        journal.settimeout(30)
        observer = JournalObserver(TextObserver(out), path)
        log = Logger(namespace="provisiond.phones", observer=observer)
        log.warn("{path} has\npassword=hunter2", path="/a.cfg", device="d1", mac=None, outcome="served", bytes=7)
        assert _fields(journal.recv(65_536)) == {
            "MESSAGE": "/a.cfg has\npassword=***",
            "PRIORITY": "4",
            "SYSLOG_IDENTIFIER": "provisiond",
            "PROVISIOND_SUBSYSTEM": "phones",
            "PROVISIOND_DEVICE": "d1",
            "PROVISIOND_PATH": "/a.cfg",
            "PROVISIOND_OUTCOME": "served",
            "PROVISIOND_BYTES": "7",
        }
    assert out.getvalue() == ""
    log.info("the journal is gone")
    observer.close()
    assert out.getvalue().endswith("phones: the journal is gone\n"), "nothing is lost"
