"""The authors' round with real programs: make, rsync, a web server, the daemon and a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from bench.phones import fetch_http, fetch_tftp
from bench.server import RestError
from tests.support.authors import ROOT, make, serve_directory
from tests.support.file_server import FileServer, file_server
from tests.support.guide import write_examples
from tests.support.rsync_daemon import rsync_daemon
from tests.support.servers import Running, running

FILE = "001122334455.xml"
AGENT = "DemoPhone D10 1.0 001122334455"
PHONE = "127.0.3.1"
ID = "demo-1.0"


@frozen
class Workshop:
    """An author's sources, the rsync server that takes channels, and the web server that shows them."""

    sources: Path
    destination: str
    published: Path
    web: FileServer

    def make(self, *words: str, fails: bool = False) -> str:
        """Type ``make``; the web server shows what is published afterwards."""
        said = make(self.sources, *words, f"DESTINATION={self.destination}", fails=fails)
        serve_directory(self.web, self.published)
        return said

    def change(self, version: str, codec: str) -> None:
        """Give the plugin another version, that writes another codec into the phone's file."""
        info = self.sources / "demo/1.0/plugin-info"
        info.write_text(json.dumps({**json.loads(info.read_text()), "version": version}))
        (self.sources / "demo/common/common.py").write_text(f"def codec(device):\n    return {codec!r}\n")

    def names(self, channel: str) -> list[str]:
        directory = self.published / channel
        return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    directory = tmp_path_factory.mktemp("workshop")
    sources = directory / "sources"
    write_examples(sources)
    (sources / "Makefile").write_text((ROOT / "plugins/Makefile").read_text())
    with rsync_daemon(directory) as destination, file_server() as web:
        yield Workshop(sources, destination, directory / "published", web)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, workshop: Workshop) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("server")
    with running(directory / "server", directory) as server:
        yield server


def turn_to(house: Running, workshop: Workshop, channel: str) -> None:
    value = {"param": {"value": f"{workshop.web.url}/{channel}/"}}
    house.rest.call("PUT", "/configure/plugin_server", value)
    house.rest.finish("/pg_mgr/install/update", {})


def versions(house: Running, what: str) -> Any:
    return {key: info["version"] for key, info in house.rest.get(f"/pg_mgr/install/{what}")["pkgs"].items()}


def read_by_phone(house: Running) -> bytes:
    """Return the phone's file, which is the same over both protocols."""
    content = fetch_http(house.http, f"/{FILE}", address=PHONE, user_agent=AGENT)
    assert content is not None
    assert fetch_tftp(house.tftp, FILE, address=PHONE) == content
    return content


def test_from_the_sources_to_the_phone_and_on_to_stable(workshop: Workshop, house: Running) -> None:
    # a plan changes nothing
    assert "would send demo-1.0-0.1.tar.bz2" in workshop.make("upload", "DRY_RUN=1")
    assert workshop.names("testing") == []

    # testing: a server that is set to it installs and serves
    workshop.make("upload")
    assert workshop.names("testing") == ["demo-1.0-0.1.tar.bz2", "plugins.db"]
    turn_to(house, workshop, "testing")
    assert versions(house, "installable") == {ID: "0.1"}
    house.rest.finish("/pg_mgr/install/install", {"id": ID})
    assert b'<phone codec="alaw">' in read_by_phone(house)

    # nothing is in stable yet, and a server that is set to it keeps what it has
    with pytest.raises(RestError, match="install/update"):
        turn_to(house, workshop, "stable")
    assert b'<phone codec="alaw">' in read_by_phone(house)

    # the next version goes through testing as well
    workshop.change("0.2", "opus")
    workshop.make("upload")
    assert workshop.names("testing") == ["demo-1.0-0.2.tar.bz2", "plugins.db"]
    turn_to(house, workshop, "testing")
    assert (versions(house, "installable"), versions(house, "installed")) == ({ID: "0.2"}, {ID: "0.1"})

    # promotion; no rm, no cp
    workshop.make("download-stable")
    assert "would put demo-1.0-0.2.tar.bz2" in workshop.make("promote", "PLUGIN=demo-*", "DRY_RUN=1")
    workshop.make("promote", "PLUGIN=demo-*")
    assert workshop.names("stable") == []
    workshop.make("upload-stable")
    assert workshop.names("stable") == ["demo-1.0-0.2.tar.bz2", "plugins.db"]

    # and the server upgrades from stable; the phone gets its new file
    turn_to(house, workshop, "stable")
    house.rest.finish("/pg_mgr/install/upgrade", {"id": ID})
    assert versions(house, "installed") == {ID: "0.2"}
    assert b'<phone codec="opus">' in read_by_phone(house)


def test_a_plugin_that_is_given_up_goes_to_the_archive(workshop: Workshop, house: Running) -> None:
    workshop.make("archive", "PLUGIN=demo-1.0")
    workshop.make("upload-archive", "upload-stable")
    assert workshop.names("stable") == ["plugins.db"]
    assert workshop.names("archive") == ["demo-1.0-0.2.tar.bz2", "plugins.db"]
    turn_to(house, workshop, "stable")
    assert versions(house, "installable") == {}
    assert b'<phone codec="opus">' in read_by_phone(house)


def test_a_file_that_is_edited_in_place_reaches_the_phone_after_a_reload(house: Running) -> None:
    template = house.server.state / "plugins" / ID / "templates/base.xml.tpl"
    template.write_text(template.read_text().replace("<phone ", "<phone edited='1' "))
    assert b"edited" not in read_by_phone(house)
    assert house.rest.call("POST", "/pg_mgr/reload", {"id": ID})[0] == 204
    assert b"<phone edited='1' " in read_by_phone(house)


def test_what_is_missing_is_named(workshop: Workshop) -> None:
    assert "name the destination" in make(workshop.sources, "upload-stable", fails=True)
    assert "name the plugin" in make(workshop.sources, "promote", fails=True)
    assert "make promote PLUGIN=" in make(workshop.sources, "help")
