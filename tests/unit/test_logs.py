"""Log lines: one line, no secrets, both formats."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel, LogLevelFilterPredicate

from provisiond.logs import JsonObserver, TextObserver, redacted, redacted_value, use_levels


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2",
        "{'sip_lines': {'1': {'password': 'hunter2'}}}",
        '{"admin_password":"hunter2"}',
        'q={"raw_config.sip_lines.1.password":"hunter2"}',
        "GET http://user:hunter2@proxy.example.org:3128/x failed",
        "X-Auth-Token: hunter2",
        "Authorization: Bearer hunter2",
        "provisioning_key: hunter2",
        "token=hunter2&x=1",
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


@pytest.mark.parametrize("piece", ["x", "a.b-", "key ", "key=", 'password:"', "a://", "authorization ", " ", "'", "\\"])
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
    use_levels(predicate, "warn", {"tftp": "debug", "packages.downloads": "error"})
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
    use_levels(predicate, "error", {})
    assert predicate.logLevelForNamespace("provisiond.tftp").name == "error"
