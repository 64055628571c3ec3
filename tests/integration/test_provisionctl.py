"""provisionctl as people and programs meet it: processes, terminals of two sizes, servers slow, dead and refusing."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from bench.server import free_port
from tests.support.demo_repository import FIRMWARE
from tests.support.demo_server import DemoServer, demo_server
from tests.support.file_server import serve, stall_after
from tests.support.terminal import COMMAND, Terminal, environment, piped

DEVICES = [
    {"id": "reception", "mac": "00:1a:2b:00:00:01", "vendor": "Demo", "model": "D10", "ip": "192.0.2.11"},
    {"id": "door-of-the-warehouse-behind-the-house", "mac": "00:1a:2b:00:00:02", "vendor": "Demo", "version": "2.0"},
    {"id": "küche", "mac": "00:1a:2b:00:00:03", "description": "日本語"},
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    with demo_server(tmp_path_factory.mktemp("ctl")) as server:
        yield server


@pytest.fixture(scope="module")
def around(house: DemoServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of an administrator of the server, who has three devices and a plugin."""
    found = environment(
        tmp_path_factory.mktemp("home"), PROVISIONCTL_URL=house.url, PROVISIONCTL_TOKEN_FILE=str(house.token_file)
    )
    rows = "".join(json.dumps(each) + "\n" for each in DEVICES)
    assert piped(["import", "devices", "-"], found, rows).returncode == 0
    for words in (["plugin", "update"], ["plugin", "install", "demo-1"]):
        assert piped(words, found).returncode == 0
    return found


class TestTables:
    def test_at_80_columns_the_widest_give_way(self, around: dict[str, str]) -> None:
        columns = "id,mac,vendor,model,version,configured"
        shown = Terminal(["device", "list", "--sort", "mac", "--columns", columns], around, 80).ended()
        assert shown.lines == [
            "ID                         MAC                VENDOR  MODEL  VERSION  CONFIGURED",
            "reception                  00:1a:2b:00:00:01  Demo    D10             no",
            "door-of-the-warehouse-be…  00:1a:2b:00:00:02  Demo           2.0      no",
            "küche                      00:1a:2b:00:00:03                          no",
        ]
        assert shown.status == 0

    def test_at_140_columns_everything_is_there(self, around: dict[str, str]) -> None:
        shown = Terminal(["device", "list", "--sort", "mac"], around, 140).ended()
        assert max(map(len, shown.lines)) <= 140
        assert shown.lines[2].split()[:2] == ["door-of-the-warehouse-behind-the-house", "00:1a:2b:00:00:02"]
        assert "\x1b[1m" in shown.raw

    def test_without_a_terminal_nothing_is_cut_and_nothing_is_coloured(self, around: dict[str, str]) -> None:
        told = piped(["device", "list", "-f", "id~warehouse"], {**around, "COLUMNS": "40"})
        assert "door-of-the-warehouse-behind-the-house  00:1a:2b:00:00:02" in told.stdout
        assert "\x1b" not in told.stdout + told.stderr
        assert told.stderr == ""

    def test_wide_characters_keep_the_columns_straight(self, around: dict[str, str]) -> None:
        shown = Terminal(["device", "list", "-f", "id=küche", "--columns", "description,id"], around, 80).ended()
        assert shown.lines[1].replace(" ", "") == "日本語küche"

    def test_a_reader_that_has_enough_is_no_error(self, around: dict[str, str]) -> None:
        line = " ".join([*COMMAND, "device list -o json | head -n 1"])
        told = subprocess.run(["sh", "-c", line], env=around, capture_output=True, text=True, timeout=60, check=False)
        assert (told.stdout, told.stderr) == ("[\n", "")


class TestQuestions:
    def test_what_destroys_asks(self, around: dict[str, str]) -> None:
        terminal = Terminal(["device", "rm", "reception"], around)
        terminal.until(r"delete reception\? \[y/N\]")
        terminal.press("n\r")
        assert terminal.ended().status == 1
        assert piped(["device", "show", "reception"], around).returncode == 0
        assert piped(["device", "rm", "reception"], around).returncode == 2


class TestLongWork:
    def test_a_bar_shows_bytes_and_ctrl_c_leaves_the_work_alone(
        self, house: DemoServer, around: dict[str, str]
    ) -> None:
        house.firmware.once("/d10.bin", stall_after(len(FIRMWARE) // 2), then_normal=False)
        terminal = Terminal(["firmware", "install", "demo-1", "d10-fw"], around, 100)
        terminal.until(r"d10-fw[^\r]*200\.\d/400\.0 kB")
        terminal.press("\x03")
        shown = terminal.ended()
        assert shown.status == 130
        assert "detached; the work goes on. Come back with:" in shown.text
        [address] = re.findall(r"provisionctl operation wait (\S+)", shown.text)
        assert "state      progress" in piped(["operation", "show", address], around).stdout
        house.firmware.behaviours["/d10.bin"] = [serve]
        house.firmware.released.set()
        told = piped(["operation", "wait", address], around)
        assert told.returncode in (0, 1)
        assert piped(["firmware", "install", "demo-1", "d10-fw"], around).stdout == "d10-fw: done\n"

    def test_everything_is_installed_and_what_failed_is_named(self, around: dict[str, str]) -> None:
        shown = Terminal(["firmware", "install-all", "demo-1"], around, 100).ended()
        assert shown.status == 1
        assert "gone-fw" in shown.text
        listed = piped(["firmware", "list", "demo-1", "-o", "csv", "--columns", "id,installed"], around).stdout
        assert listed == "id,installed\nd10-fw,1.2\nfrench,1\ngone-fw,\n"
        told = piped(["firmware", "check", "demo-1"], around)
        assert told.returncode == 1
        assert "dead" in told.stdout

    def test_events_go_on_until_ctrl_c(self, around: dict[str, str]) -> None:
        terminal = Terminal(["device", "watch"], around, 140)
        for number in range(20):
            piped(["device", "set", "reception", f"X_n:={number}"], around)
            if terminal.child.expect(["device_changed", pexpect.TIMEOUT], timeout=1) == 0:
                break
        else:
            raise AssertionError("the change was not told")
        terminal.until("device_id=reception")
        terminal.press("\x03")
        assert terminal.ended().status == 130


class TestServers:
    def test_a_dead_server(self, around: dict[str, str]) -> None:
        told = piped(["--url", f"http://127.0.0.1:{free_port()}", "--token-file", "/dev/null", "status"], around)
        assert told.returncode == 5
        assert "refused" in told.stderr
        assert "Check the address" in told.stderr

    def test_a_server_that_says_nothing(self, around: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            words = ["--url", url, "--token-file", "/dev/null", "--timeout", "0.5", "device", "list"]
            told = piped(words, around)
        assert (told.returncode, "took too long" in told.stderr) == (5, True)

    def test_a_wrong_token(self, around: dict[str, str]) -> None:
        told = piped(["device", "list"], {**around, "PROVISIONCTL_TOKEN": "wrong"})
        assert told.returncode == 4
        assert told.stderr.startswith("provisionctl: Unauthorized. Use a token")

    def test_nothing_is_set_up(self, tmp_path: Path) -> None:
        told = piped(["device", "list"], environment(tmp_path))
        assert told.returncode in (2, 5)
        assert told.stderr.startswith("provisionctl: ")
        assert "Traceback" not in told.stderr

    def test_a_profile(self, house: DemoServer, tmp_path: Path) -> None:
        file = tmp_path / ".config/provisionctl.toml"
        file.parent.mkdir()
        file.write_text(f'default = "here"\n[profiles.here]\nurl = "{house.url}"\ntoken_file = "{house.token_file}"\n')
        assert piped(["status"], environment(tmp_path)).returncode == 0


class TestShell:
    def test_the_known_session_can_be_typed(self, around: dict[str, str]) -> None:
        terminal = Terminal(["shell"], {**around, "PROMPT_TOOLKIT_NO_CPR": "1"}, 100)
        terminal.until("provisionctl>")
        terminal.press("list(plugins.installed())\r")
        terminal.until(r"\['demo-1'\]")
        terminal.press("p = plugins['de\t")
        terminal.until(r"1'\]")
        terminal.press("\rp\r")
        terminal.until(r"plugins\['demo-1'\]\r")
        terminal.press("p.install_all()\r")
        terminal.until("OperationFailed: demo-1: .*gone-fw")
        terminal.press("devices.using_m\t")
        terminal.until("ac")
        terminal.press("('00-1A-2B-00-00-01')\r")
        terminal.until(r"devices\['reception'\]\r")
        terminal.press("for each in [1]:\r    print('inner', each)\r\r")
        terminal.until("inner 1\r")
        terminal.press("nonsense\r")
        terminal.until("NameError")
        terminal.press("\x04")
        assert terminal.ended().status == 0
        history = Path(around["HOME"], ".local/state/provisionctl/history")
        assert "list(plugins.installed())" in history.read_text()
        assert history.stat().st_mode & 0o777 == 0o600

    def test_code_and_scripts_run_without_a_prompt(self, around: dict[str, str]) -> None:
        assert piped(["shell", "-c", "devices.count()"], around).stdout == "3\n"
        told = piped(["shell"], around, "print(helpers.missing_plugins())\nconfigs['none']\n")
        assert (told.returncode, told.stdout) == (1, "[]\n")
        assert told.stderr.startswith("NotFound: ")


class TestStart:
    def test_a_list_loads_nothing_heavy(self, around: dict[str, str]) -> None:
        command = [sys.executable, "-X", "importtime", *COMMAND[1:], "device", "list"]
        told = subprocess.run(command, env=around, capture_output=True, text=True, timeout=60, check=True)
        loaded = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines() if "|" in line}
        heavy = ("twisted", "klein", "treq", "pydantic", "sqlalchemy", "jinja2", "prompt_toolkit", "yaml", "asyncio")
        assert {name for name in loaded if name.startswith((*heavy, "rich.progress", "rich.console"))} == set()

    def test_shells_are_offered_ids(self, around: dict[str, str]) -> None:
        words = "provisionctl device show re"
        given = {"_PROVISIONCTL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "3"}
        told = subprocess.run(
            [sys.executable, "-c", "from provisiond.cli.provisionctl.program import main; main()"],
            env={**around, **given},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert told.stdout == "plain,reception\n"
