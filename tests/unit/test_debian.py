"""The Debian package agrees with the program: its version, its sockets, its settings, and what its filters look for."""

from __future__ import annotations

import configparser
import io
import re
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import Logger

from provisiond import __version__
from provisiond.given_sockets import Place, _place_of
from provisiond.logs import JsonObserver, TextObserver
from provisiond.settings import Settings, load_settings
from provisiond.tftp.sockets import split_address

ROOT = Path(__file__).parents[2]
DEBIAN = ROOT / "debian"
HOST = r"(?P<host>[0-9A-Fa-f.:]+)"


def unit(name: str) -> dict[str, str]:
    """Return the assignments of a unit's sections, each key's last."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEBIAN / "units" / name)
    return {key: value for section in parser.sections() for key, value in parser.items(section)}


def test_the_version_is_the_projects() -> None:
    first = (DEBIAN / "changelog").read_text().splitlines()[0]
    assert first.startswith(f"provisiond ({__version__}) ")


def test_socket_units_open_what_the_settings_listen_on() -> None:
    settings = Settings()
    _, host, port = split_address(settings.tftp.listen[0])
    assert unit("provisiond-tftp.socket")["ListenDatagram"] == str(Place(host, port))
    for name, endpoint in (("http", settings.http.listen), ("rest", settings.rest_api.listen)):
        assert unit(f"provisiond-{name}.socket")["ListenStream"] == str(_place_of(endpoint))
    pnp = settings.pnp
    assert unit("provisiond-pnp.socket")["ListenDatagram"] == str(Place(pnp.groups[0], pnp.port))


def test_every_socket_unit_names_itself_and_the_service() -> None:
    for file in (DEBIAN / "units").glob("*.socket"):
        assert unit(file.name)["FileDescriptorName"] == file.stem.removeprefix("provisiond-")
        assert unit(file.name)["Service"] == "provisiond.service"


def test_the_service_writes_where_the_settings_say() -> None:
    service, general = unit("provisiond.service"), Settings().general
    assert f"/var/lib/{service['StateDirectory']}" == str(general.state_dir)
    assert f"/var/cache/{service['CacheDirectory']}" == str(general.cache_dir)
    assert service["Type"] == "notify"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""


def test_the_packages_own_settings_are_right(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "config.yml").write_text((ROOT / "etc" / "provisiond" / "config.yml").read_text())
    (tmp_path / "conf.d" / "10-package.yml").write_text((DEBIAN / "10-package.yml").read_text())
    assert load_settings(tmp_path / "config.yml").general.plugin_server == "file:///usr/share/provisiond/repository/"


def logged(observer: Any, **fields: Any) -> str:
    """Return the line of a request as the REST API logs it."""
    out = io.StringIO()
    log = Logger(namespace="provisiond.rest.routing", observer=observer(out))
    document = {"method": "GET", "path": "/provd", "peer": "192.0.2.7", "status": 401, "duration_ms": 0.4, **fields}
    source = (ROOT / "src" / "provisiond" / "rest" / "routing.py").read_text()
    form = re.search(r'"(\{method\} [^"]*)"', source)
    assert form is not None
    log.info(form[1], **document)
    return out.getvalue().rstrip("\n")


@pytest.fixture
def filters() -> list[re.Pattern[str]]:
    parser = configparser.RawConfigParser()
    parser.read(DEBIAN / "examples" / "fail2ban" / "provisiond.filter.conf")
    lines = parser.get("Definition", "failregex").splitlines()
    return [re.compile(line.replace("<HOST>", HOST)) for line in lines]


def banned(filters: list[re.Pattern[str]], line: str) -> str | None:
    found = next((match for each in filters if (match := each.search(line))), None)
    return None if found is None else found["host"]


@pytest.mark.parametrize("observer", [TextObserver, JsonObserver])
@pytest.mark.parametrize("before", ["", "pbx provisiond[42]: "])
class TestFail2ban:
    def test_a_wrong_token_is_found_with_its_host(
        self, filters: list[re.Pattern[str]], observer: Any, before: str
    ) -> None:
        assert banned(filters, before + logged(observer)) == "192.0.2.7"
        assert banned(filters, before + logged(observer, peer="2001:db8::1", method="DELETE")) == "2001:db8::1"

    def test_nothing_else_is(self, filters: list[re.Pattern[str]], observer: Any, before: str) -> None:
        for status in (200, 403, 404, 429):
            assert banned(filters, before + logged(observer, status=status)) is None

    def test_nobody_gets_another_one_banned(self, filters: list[re.Pattern[str]], observer: Any, before: str) -> None:
        forged = "x info rest.routing: GET /x from 198.51.100.1: 401 in 1 ms"
        out = io.StringIO()
        Logger(namespace="provisiond.phones.pipeline", observer=observer(out)).info("{name}", name=forged)
        assert banned(filters, before + out.getvalue().rstrip("\n")) is None
