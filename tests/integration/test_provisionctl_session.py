"""The session recorded in docs/provisionctl-session.txt is what really happens; each command in it is typed again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.demo_server import DemoServer, demo_server

from provisiond.cli.provisionctl.program import program

RECORDED = Path(__file__).parents[2] / "docs/provisionctl-session.txt"
# What differs from run to run, and what stands for it in the recording.
CHANGING = (
    (r"\b[0-9a-f]{32}\b", "6f1c…"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22,}\b", "0b1d…"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+(\+00:00|Z)", "2026-11-21T08:00:00Z"),
    (r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:8666"),
    (r"(file|http)://\S+/repository/", "https://provd.example/stable/"),
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    with demo_server(tmp_path_factory.mktemp("session")) as server:
        yield server


def steady(text: str) -> str:
    for pattern, shown in CHANGING:
        text = re.sub(pattern, shown, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def test_the_recorded_session_happens_again(house: DemoServer, tmp_path: Path) -> None:
    runner = CliRunner(env={"PROVISIONCTL_URL": house.url, "PROVISIONCTL_TOKEN_FILE": str(house.token_file)})
    lines: list[str] = []
    for line in RECORDED.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line:
            lines.append(line)
        elif line.startswith("$ provisionctl "):
            told = runner.invoke(program, shlex.split(line)[2:], prog_name="provisionctl")
            ended = f"[ended with {told.exit_code}]\n" if told.exit_code else ""
            lines += [line, *filter(None, [steady(told.stdout + told.stderr + ended)])]
    again = "\n".join(lines) + "\n"
    (tmp_path / "again.txt").write_text(again, encoding="utf-8")
    assert again == RECORDED.read_text(encoding="utf-8")
