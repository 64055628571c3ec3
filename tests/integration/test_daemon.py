"""The daemon from outside: real sockets, real clients, wrong input, kill -9."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.phones import fetch_atftp, fetch_http, fetch_tftp
from bench.server import MEDIA_TYPE, RestError
from tests.support.servers import Running, build_repository, prepared, running

PROGRAM = Path(sys.executable).with_name("provisiond")
SNOM_AGENT = "Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 2010.12-00004-g9ba52f5 000413922D24 SXM:0 UXM:0)"
SEP = "SEP001B54000005.cnf.xml"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_repository(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server"), repository) as server:
        server.install("cisco-sccp-9.0.3", "snom-10.1.184.15")
        yield server


def raw_call(house: Running, method: str, path: str, body: bytes | None, **headers: str) -> tuple[int, str]:
    token = (house.server.state / "admin-token").read_text().strip()
    request = urllib.request.Request(f"http://127.0.0.1:{house.rest_port}{path}", data=body, method=method)
    for name, value in {"X-Auth-Token": token, "Content-Type": MEDIA_TYPE, **headers}.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class TestFirstContact:
    def test_a_phone_that_nobody_registered_gets_its_own_file_over_every_client(
        self, house: Running, tmp_path: Path
    ) -> None:
        first = fetch_tftp(house.tftp, SEP, address="127.0.2.1")
        assert first is not None
        assert b"<processNodeName>127.0.0.1</processNodeName>" in first
        assert fetch_atftp(house.tftp, SEP, tmp_path / "a") == first
        assert fetch_http(house.http, f"/{SEP}", address="127.0.2.1") == first
        target = tmp_path / "hpa"
        subprocess.run(
            ["tftp", "-m", "binary", "127.0.0.1", str(house.tftp), "-c", "get", SEP, str(target)],
            check=True, capture_output=True, timeout=30, cwd=tmp_path,
        )  # fmt: skip
        assert target.read_bytes() == first
        windowed = ["--option", "blksize 1428", "--option", "windowsize 16", "--option", "tsize 0"]
        subprocess.run(
            ["atftp", *windowed, "-g", "-r", SEP, "-l", str(tmp_path / "w"), "127.0.0.1", str(house.tftp)],
            check=True, capture_output=True, timeout=30,
        )  # fmt: skip
        assert (tmp_path / "w").read_bytes() == first

    def test_the_device_has_plugin_config_and_is_configured(self, house: Running) -> None:
        fetch_http(house.http, "/snomD785-000413922D24.htm", address="127.0.2.2", user_agent=SNOM_AGENT)
        found = house.rest.get('/dev_mgr/devices?q={"mac":"00:04:13:92:2d:24"}'.replace('"', "%22"))["devices"]
        assert [(d["vendor"], d["model"], d["plugin"], d["configured"], d["added"]) for d in found] == [
            ("Snom", "D785", "snom-10.1.184.15", True, "auto")
        ]

    def test_a_recognised_phone_without_a_plugin_is_kept(self, house: Running) -> None:
        agent = "Yealink SIP-T46S 66.86.0.15 80:5e:c0:11:22:33"
        assert fetch_http(house.http, "/805ec0112233.cfg", address="127.0.2.3", user_agent=agent) is None
        found = house.rest.get("/dev_mgr/devices?q={%22mac%22:%2280:5e:c0:11:22:33%22}")["devices"]
        assert [(d["vendor"], d["model"], d.get("plugin"), d["configured"]) for d in found] == [
            ("Yealink", "T46S", None, False)
        ]

    def test_the_server_says_which_plugins_would_serve_it(self, house: Running) -> None:
        agent = "Aastra6731i MAC:00-08-5D-23-74-29 V:3.2.0.70-SIP"
        assert fetch_http(house.http, "/00085D237429.cfg", address="127.0.2.8", user_agent=agent) is None
        found = house.rest.get("/dev_mgr/devices?q={%22mac%22:%2200:08:5d:23:74:29%22}")["devices"]
        fitting = house.rest.get(f"/dev_mgr/devices/{found[0]['id']}/plugins")
        assert fitting == {"plugins": ["aastra-3.3.1-SP2"]}

    def test_a_browser_creates_nothing(self, house: Running) -> None:
        before = len(house.rest.get("/dev_mgr/devices")["devices"])
        assert (
            fetch_http(house.http, "/index.html", address="127.0.2.4", user_agent="Mozilla/5.0 Firefox/130.0") is None
        )
        assert len(house.rest.get("/dev_mgr/devices")["devices"]) == before


class TestFreshness:
    def test_a_change_is_in_the_very_next_file(self, house: Running) -> None:
        config = {"id": "fresh", "parent_ids": ["base"], "raw_config": {"sip_lines": {"1": {"username": "before"}}}}
        house.rest.call("POST", "/cfg_mgr/configs", {"config": config})
        device = {"mac": "00:04:13:92:00:01", "vendor": "Snom", "model": "D785", "config": "fresh"}
        device["plugin"] = "snom-10.1.184.15"
        house.rest.call("POST", "/dev_mgr/devices", {"device": device})
        path = "/snomD785-000413920001.htm"
        assert b"before" in (fetch_http(house.http, path, address="127.0.2.5") or b"")
        for name in ("after", "later", "last"):
            config["raw_config"] = {"sip_lines": {"1": {"username": name}}}
            house.rest.call("PUT", "/cfg_mgr/configs/fresh", {"config": config})
            assert name.encode() in (fetch_http(house.http, path, address="127.0.2.5") or b"")

    def test_http_answers_conditional_and_range_requests(self, house: Running) -> None:
        url = f"http://127.0.0.1:{house.http}/snomD785-000413920001.htm"
        done = subprocess.run(["curl", "-s", "-D", "-", "-o", "/dev/null", url], check=True, capture_output=True)
        headers = dict(line.split(": ", 1) for line in done.stdout.decode().splitlines() if ": " in line)
        assert "Server" not in headers
        for extra, status in (
            (["-H", f"If-None-Match: {headers['ETag']}"], "304"),
            (["-H", f"If-Modified-Since: {headers['Last-Modified']}"], "304"),
            (["-H", "Range: bytes=0-9"], "206"),
            (["-H", "Range: bytes=99999999-"], "416"),
            (["-H", "Range: nonsense"], "200"),
            (["-I"], "200"),
            (["-X", "PUT", "-d", "x"], "405"),
        ):
            code = subprocess.run(
                ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *extra, url], check=True, capture_output=True
            )
            assert code.stdout.decode() == status, extra


class TestTraversal:
    SPELLINGS = (
        "../../etc/passwd", "/../../etc/passwd", "..\\..\\etc\\passwd", "/..\\../etc/passwd", "a/../../../etc/passwd",
        "....//....//etc/passwd", "./../../etc/passwd", "/etc/passwd", "//etc/passwd", "../tftpboot2/x",
        "%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fetc%2fpasswd", "%252e%252e/etc/passwd", "..%5c..%5cetc%5cpasswd",
        "%00", "x%00.cfg", "..",
    )  # fmt: skip

    def test_no_spelling_leaves_the_root(self, house: Running) -> None:
        fetch_tftp(house.tftp, SEP, address="127.0.2.6")
        for spelling in self.SPELLINGS:
            for content in (
                fetch_http(house.http, f"/{spelling}", address="127.0.2.6"),
                self.tftp(house.tftp, spelling, "127.0.2.6"),
            ):
                assert content is None or b"root:" not in content, spelling

    def tftp(self, port: int, name: str, address: str) -> bytes | None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((address, 0))
            client.settimeout(10)
            client.sendto(b"\0\1" + name.encode() + b"\0octet\0", ("127.0.0.1", port))
            answer, _ = client.recvfrom(2048)
        assert answer[:2] in (b"\0\5", b"\0\3"), "silence or nonsense"
        return answer[4:] if answer[:2] == b"\0\3" else None


class TestWrongInput:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/0.2/dev_mgr/devices", {"device": {"mac": "00:11:22:33:44"}}),
            ("/0.2/dev_mgr/devices", {"device": {"ip": "10.0.0.256"}}),
            ("/0.2/dev_mgr/devices", {"device": None}),
            ("/0.2/dev_mgr/devices", {"mac": "00:11:22:33:44:55"}),
            ("/0.2/dev_mgr/devices", []),
            ("/0.2/dev_mgr/devices", {"device": {"id": "../x"}}),
            ("/0.2/cfg_mgr/configs", {"config": {"parent_ids": [], "raw_config": {"vlan_id": 99999}}}),
            ("/0.2/cfg_mgr/configs", {"config": {"parent_ids": [], "raw_config": {"my_key": 1}}}),
            ("/0.2/cfg_mgr/configs", {"config": {"parent_ids": []}}),
            ("/0.2/cfg_mgr/configs", {"config": {"parent_ids": "base", "raw_config": {}}}),
            ("/0.2/pg_mgr/install/install", {"id": "no-such-plugin"}),
            ("/0.2/pg_mgr/install/install", {"id": 5}),
            ("/0.2/pg_mgr/reload", {"id": "../../etc"}),
            ("/0.2/dev_mgr/dhcpinfo", {"dhcp_info": {"op": "commit", "ip": "1.2.3.4", "mac": "zz", "options": []}}),
        ],
    )
    def test_it_gets_one_sentence(self, house: Running, path: str, body: object) -> None:
        status, text = raw_call(house, "POST", path, json.dumps(body).encode())
        assert status == 400
        assert text
        assert "\n" not in text
        assert "Traceback" not in text

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"device": NaN}', b'{"device": {}, "device": {}}', b"5", b'"x"'],
    )
    def test_a_body_that_is_not_right_json_is_400(self, house: Running, body: bytes) -> None:
        assert raw_call(house, "POST", "/0.2/dev_mgr/devices", body)[0] == 400

    def test_a_body_of_50_megabytes_is_413(self, house: Running) -> None:
        assert raw_call(house, "POST", "/0.2/dev_mgr/devices", b" " * 50_000_000)[0] == 413

    def test_another_media_type_is_415_and_a_narrow_accept_406(self, house: Running) -> None:
        assert raw_call(house, "POST", "/0.2/dev_mgr/devices", b"{}", Content_Type="application/json")[0] == 415
        assert raw_call(house, "GET", "/0.2/dev_mgr/devices", None, Accept="text/html")[0] == 406

    def test_without_a_token_nothing_is_told(self, house: Running) -> None:
        for path in ("/0.2", "/0.2/dev_mgr/devices", "/0.2/no/such/thing", "/provd/pg_mgr/plugins/x"):
            assert raw_call(house, "GET", path, None, X_Auth_Token="wrong") == (401, "Unauthorized")

    def test_a_loop_of_parents_is_merged_once_each(self, house: Running) -> None:
        for one, other in (("loop-a", "loop-b"), ("loop-b", "loop-a")):
            config = {"id": one, "parent_ids": [other, one], "raw_config": {f"X_{one.replace('-', '_')}": 1}}
            house.rest.call("POST", "/cfg_mgr/configs", {"config": config})
        raw = house.rest.get("/cfg_mgr/configs/loop-a/raw")["raw_config"]
        assert (raw["X_loop_a"], raw["X_loop_b"]) == (1, 1)


BROKEN = {
    "raises": "1 / 0",
    "exits": "import os; os._exit(3)",
    "loops": "while True: pass",
    "no-class": "PLUGIN = 5",
    "undefined": """
from provisiond.sdk import File, Plugin


class Broken(Plugin):
    def associate(self, info):
        return 600 if info.vendor == "Snom" else 0

    def device_files(self, device, raw_config):
        yield File(name="x.xml", templates="x.xml.tpl")


PLUGIN = Broken
""",
}


@pytest.fixture(scope="module")
def broken_house(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("broken")
    server = prepared(directory, repository)
    with server.server.settings.open("a") as settings:
        settings.write("plugins: {load_seconds: 12, render_seconds: 12}\n")
    for name, code in BROKEN.items():
        plugin = server.server.state / "plugins" / name
        (plugin / "templates").mkdir(parents=True)
        info = {"version": "1", "description": name, "capabilities": {}, "api": 1}
        (plugin / "plugin-info").write_text(json.dumps(info))
        (plugin / "entry.py").write_text(code)
        (plugin / "templates" / "x.xml.tpl").write_text("<x>\n{{ nothing_such }}\n</x>\n")
    server.server.start()
    try:
        server.install("cisco-sccp-9.0.3")
        yield server
    finally:
        server.server.stop()


class TestBrokenPlugins:
    def test_each_problem_is_shown_over_rest(self, broken_house: Running) -> None:
        fetch_http(broken_house.http, "/snomD785-000413922D24.htm", address="127.0.4.1", user_agent=SNOM_AGENT)
        sentences = {row["plugin"]: row["sentence"] for row in broken_house.rest.get("/pg_mgr/problems")["problems"]}
        assert "ZeroDivisionError" in sentences["raises"]
        assert "status 3" in sentences["exits"]
        assert "took longer" in sentences["loops"]
        assert "PLUGIN" in sentences["no-class"]
        assert "nothing_such" in sentences["undefined"]
        assert "x.xml.tpl, line 2" in sentences["undefined"]
        assert set(broken_house.rest.get("/pg_mgr/plugins")["plugins"]) == {"cisco-sccp-9.0.3", "undefined"}
        installed = broken_house.rest.get("/pg_mgr/install/installed")["pkgs"]
        assert all(installed[name]["problem"] for name in BROKEN)

    def test_the_other_phones_are_served(self, broken_house: Running) -> None:
        assert fetch_tftp(broken_house.tftp, SEP, address="127.0.4.2") is not None


class TestProcess:
    def test_a_killed_server_serves_the_same_bytes_after_its_restart(self, tmp_path: Path, repository: Path) -> None:
        with running(tmp_path, repository) as house:
            house.install("cisco-sccp-9.0.3")
            before = fetch_tftp(house.tftp, SEP, address="127.0.3.1")
            assert before is not None
            config = {"id": "kept", "parent_ids": [], "raw_config": {}}
            house.rest.call("POST", "/cfg_mgr/configs", {"config": config})
            house.server.kill()
            house.server.start()
            assert fetch_tftp(house.tftp, SEP, address="127.0.3.1") == before
            assert house.rest.get("/cfg_mgr/configs/kept")["config"] == config
            assert len(house.rest.get("/dev_mgr/devices")["devices"]) == 1

    def test_the_token_is_readable_by_its_owner_only(self, house: Running) -> None:
        assert stat.S_IMODE((house.server.state / "admin-token").stat().st_mode) == 0o600

    def test_sigterm_ends_it_with_status_0(self, tmp_path: Path, repository: Path) -> None:
        with running(tmp_path, repository) as house:
            assert house.server.stop() == 0

    def test_a_busy_port_is_one_sentence_and_status_1(self, house: Running, tmp_path: Path, repository: Path) -> None:
        second = prepared(tmp_path, repository)
        for key, port in (("rest_api", house.rest_port), ("http", house.http)):
            text = second.server.settings.read_text()
            mine = second.rest_port if key == "rest_api" else second.http
            second.server.settings.write_text(text.replace(f"tcp:{mine}:", f"tcp:{port}:"))
            done = self.run("--config", str(second.server.settings))
            assert done.returncode == 1
            assert "Address already in use" in done.stderr
            assert "Traceback" not in done.stderr
            second.server.settings.write_text(text)

    def test_a_busy_tftp_port_too(self, house: Running, tmp_path: Path, repository: Path) -> None:
        second = prepared(tmp_path, repository)
        text = second.server.settings.read_text().replace(f"127.0.0.1:{second.tftp}", f"127.0.0.1:{house.tftp}")
        second.server.settings.write_text(text)
        done = self.run("--config", str(second.server.settings))
        assert (done.returncode, "cannot listen for TFTP" in done.stderr) == (1, True)

    def test_a_directory_that_cannot_be_written_is_one_sentence(self, tmp_path: Path, repository: Path) -> None:
        second = prepared(tmp_path / "x", repository)
        (tmp_path / "file").write_text("")
        text = second.server.settings.read_text().replace(str(second.server.state), str(tmp_path / "file" / "state"))
        second.server.settings.write_text(text)
        done = self.run("--config", str(second.server.settings))
        assert done.returncode == 1
        assert "cannot be written" in done.stderr

    def test_check_tells_every_problem_and_exits_2(self, tmp_path: Path) -> None:
        file = tmp_path / "config.yml"
        file.write_text("general:\n  nonsense: 1\nhttp:\n  listen: x\n")
        done = self.run("--check", "--config", str(file))
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 2
        assert all(str(file) in line for line in done.stderr.splitlines())

    def test_version(self) -> None:
        assert self.run("--version").stdout.startswith("provisiond, version ")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PROGRAM), *arguments], capture_output=True, text=True, timeout=60, check=False, env={**os.environ}
        )


def test_the_api_refuses_like_a_program_expects(house: Running) -> None:
    with pytest.raises(RestError, match="403 The document base is not deletable"):
        house.rest.call("DELETE", "/cfg_mgr/configs/base")
    with pytest.raises(RestError, match='404 No such resource: config "nope"'):
        house.rest.get("/cfg_mgr/configs/nope")


def test_the_readme_creates_a_config_and_a_device_with_curl(house: Running, tmp_path: Path) -> None:
    section = (Path(__file__).parents[2] / "README.md").read_text().split("## With curl\n")[1].split("\n## ")[0]
    lines = [line.removeprefix("    ") for line in section.splitlines() if line.startswith("    ")]
    script = "\n".join(f"echo; {line}" if line.startswith("curl ") else line for line in lines)
    for shown, real in (
        ("var/state/admin-token", str(house.server.state / "admin-token")),
        ("127.0.0.1:8666", f"127.0.0.1:{house.rest_port}"),
        ("127.0.0.1:8667", f"127.0.0.1:{house.http}"),
    ):
        assert shown in script
        script = script.replace(shown, real)
    done = subprocess.run(["bash", "-e"], input=script, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    expected = [line.removeprefix("# => ") for line in lines if line.startswith("# => ")]
    assert [line for line in done.stdout.splitlines() if line] == expected
