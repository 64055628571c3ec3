"""Check 15 of the firmware contract, and dead links: firmware from a real, slow or broken server."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from tests.support import file_server as serving
from tests.support.file_server import FileServer, status
from tests.support.firmware import file_section, package_section, zip_bytes
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from provisiond.model.operation import OperationProgress, format_progress
from provisiond.packages.downloads import Downloads
from provisiond.packages.firmware.inspection import FirmwareInspection
from provisiond.packages.firmware.service import FirmwarePackages
from provisiond.packages.problems import CorruptedFile, InvalidCredentials
from provisiond.packages.urls import Credentials
from provisiond.packages.web import WebClient

COPY = "[install_x]\na-b: cp * ./\n"
CONTENT = os.urandom(700_000)


class FirmwareTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.server = FileServer()
        self.server.start()
        self.addCleanup(self.server.stop)
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.plugin = self.root / "plugins/demo"
        (self.plugin / "pkgs").mkdir(parents=True)
        (self.root / "scratch").mkdir()
        self.downloads = Downloads(WebClient(reactor, dict, idle=5), deferToThread, reactor, pauses=(0.01,))
        self.password = "right"
        self.packages = FirmwarePackages(
            plugins_dir=self.root / "plugins",
            downloads=self.downloads,
            run=deferToThread,
            credentials=lambda plugin_id, url: Credentials("user", self.password),
        )
        self.inspection = FirmwareInspection(
            plugins_dir=self.root / "plugins",
            downloads=self.downloads,
            run=deferToThread,
            scratch=self.root / "scratch",
        )

    def define(self, *names: str, **options: object) -> None:
        sections = [package_section("fw", " ".join(names), "x"), COPY]
        for name in names:
            self.server.files[f"/{name}"] = CONTENT
            sections.append(file_section(name, CONTENT, f"{self.server.url}/{name}", **options))
        (self.plugin / "pkgs/pkgs.db").write_text("\n".join(sections))

    async def install(self) -> list[str]:
        """Install and return the different texts that a client could read meanwhile."""
        seen: list[str] = []

        def note() -> None:
            text = format_progress(progress.snapshot())
            if seen[-1:] != [text]:
                seen.append(text)

        progress = OperationProgress("install_pkg", on_change=note)
        try:
            await self.packages.install("demo", "fw", progress)
            progress.succeed()
        except BaseException:
            progress.fail()
            self.seen = seen
            raise
        return seen

    async def test_the_texts_of_an_installation_with_a_slow_server(self) -> None:
        self.define("a.bin", "b.bin")
        gate, halfway = threading.Event(), len(CONTENT) // 2

        def slow(exchange: serving.Exchange) -> None:
            exchange.head(200, Content_Length=len(CONTENT))
            exchange.body(CONTENT[:halfway])
            gate.wait(20)
            exchange.body(CONTENT[halfway:])

        self.server.once("/a.bin", slow)
        seen: list[str] = []
        arrived: Deferred[None] = Deferred()

        def note() -> None:
            seen.append(format_progress(progress.snapshot()))
            if not arrived.called and ";" in seen[-1] and ";0/" not in seen[-1]:
                arrived.callback(None)

        progress = OperationProgress("install_pkg", on_change=note)
        work = Deferred.fromCoroutine(self.packages.install("demo", "fw", progress))
        await arrived
        now = format_progress(progress.snapshot())
        assert now.startswith("install_pkg|progress(download|progress(progress;")
        assert now.endswith(f"/{len(CONTENT)}))(install|waiting)")
        gate.set()
        await work
        progress.succeed()
        end = f"{len(CONTENT)}/{len(CONTENT)}"
        assert seen[-1] == f"install_pkg|success(download|success(success;{end})(success;{end}))(install|success)"
        assert f"install_pkg|progress(download|success(success;{end})(success;{end}))(install|progress)" in seen

    async def test_everything_in_the_cache(self) -> None:
        self.define("a.bin")
        await self.install()
        assert (await self.install())[-1] == "install_pkg|success(download|success)(install|success)"

    async def test_a_failed_download(self) -> None:
        self.define("a.bin")
        self.server.files["/a.bin"] = bytes(len(CONTENT))
        with pytest.raises(CorruptedFile):
            await self.install()
        size = len(CONTENT)
        assert self.seen[-1] == f"install_pkg|fail(download|fail(fail;{size}/{size}))(install|fail)"
        self.server.behaviours["/a.bin"] = [status(404)]
        with pytest.raises(Exception, match="404"):
            await self.install()
        assert self.seen[-1] == f"install_pkg|fail(download|fail(fail;0/{size}))(install|fail)"

    async def test_credentials_are_given_to_the_downloader_auth_only(self) -> None:
        def guarded(exchange: serving.Exchange) -> None:
            if exchange.headers.get("Authorization") == Credentials("user", "right").basic():
                exchange.send(200, CONTENT)
            else:
                exchange.send(401, WWW_Authenticate='Basic realm="x"')

        self.define("a.bin")
        self.server.behaviours["/a.bin"] = [guarded]
        with pytest.raises(InvalidCredentials):
            await self.install()
        self.define("a.bin", downloader="auth")
        self.password = "wrong"
        with pytest.raises(InvalidCredentials):
            await self.install()
        self.password = "right"
        await self.install()

    async def test_dead_and_changed_links_are_told(self) -> None:
        self.define("good.bin", "dead.bin", "larger.bin", "other.bin", "down.bin")
        self.server.behaviours["/dead.bin"] = [status(404)]
        self.server.behaviours["/down.bin"] = [status(503)]
        self.server.files["/larger.bin"] = CONTENT + b"x"
        self.server.files["/other.bin"] = bytes(len(CONTENT))
        quick = {state.file: state.state for state in await self.inspection.check_links("demo")}
        assert quick == {
            "good.bin": "ok",
            "dead.bin": "dead",
            "larger.bin": "differs",
            "other.bin": "ok",
            "down.bin": "unreachable",
        }
        told: list[str] = []
        whole = await self.inspection.check_links("demo", whole=True, tell=lambda state: told.append(state.file))
        states = {state.file: state for state in whole}
        assert states["other.bin"].state == states["larger.bin"].state == "differs"
        assert "sha1 digest" in states["other.bin"].sentence
        assert states["good.bin"].state == "ok"
        assert sorted(told) == sorted(state.file for state in whole)
        assert list((self.root / "scratch").iterdir()) == []
        assert not (self.plugin / "var").exists()

    async def test_a_large_archive_is_unpacked_off_the_reactor_thread(self) -> None:
        archive = zip_bytes({f"d{number}/file.bin": CONTENT for number in range(30)})
        self.define("fw.zip")
        self.server.files["/fw.zip"] = archive
        text = file_section("fw.zip", archive, f"{self.server.url}/fw.zip")
        install = "[install_x]\na-b: unzip *\nb-c: cp * out/\n"
        (self.plugin / "pkgs/pkgs.db").write_text("\n".join([package_section("fw", "fw.zip", "x"), text, install]))
        threads = set()
        real = self.packages._built_and_placed

        def noting(*arguments: object) -> object:
            threads.add(threading.current_thread())
            return real(*arguments)  # type: ignore[arg-type]

        self.packages._built_and_placed = noting  # type: ignore[assignment,method-assign]
        await self.install()
        assert threading.main_thread() not in threads
        assert len(list((self.plugin / "var/tftpboot/out").glob("*/file.bin"))) == 30
