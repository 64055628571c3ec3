"""Indexes and archives from a server that stalls, lies, redirects and breaks."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from pathlib import Path

import pytest
from tests.support import file_server as serving
from tests.support.file_server import FileServer, cut_after, redirect, stall_after, status
from tests.support.plugin_packages import plugin_archive, publish
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from provisiond.errors import PackageProblem
from provisiond.model.operation import OperationProgress, format_progress
from provisiond.packages.downloads import Downloads
from provisiond.packages.kept_archives import KeptArchives
from provisiond.packages.plugins import PluginPackages
from provisiond.packages.problems import CorruptedFile, RepositoryProblem
from provisiond.packages.repositories import Repositories, Repository
from provisiond.packages.web import WebClient


class RepositoryTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.server = FileServer()
        self.server.start()
        self.addCleanup(self.server.stop)
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.now = 1000.0
        self.url = f"{self.server.url}/stable"
        self.offer("1.0")
        self.web = WebClient(reactor, dict, idle=0.4)
        self.repositories = Repositories(
            directory=self.root / "repositories",
            sources=lambda: [Repository(name="default", url=self.url)],
            web=self.web,
            run=deferToThread,
            now=lambda: self.now,
            total_seconds=1.5,
        )
        self.plugins = PluginPackages(
            plugins_dir=self.root / "plugins",
            cache_dir=self.root / "cache",
            repositories=self.repositories,
            kept=KeptArchives(self.root / "repositories" / "archives", self.root / "cache", signed=False),
            downloads=Downloads(self.web, deferToThread, reactor, pauses=(0.01,)),
            check=self.check,
            load=self.load,
            run=deferToThread,
            now=lambda: self.now,
        )
        self.plugins.recover()
        self.seen: list[str] = []

    async def check(self, directory: Path, plugin_id: str) -> None:
        assert (directory / "plugin-info").is_file()

    async def load(self, plugin_id: str) -> None:
        self.seen.append(plugin_id)

    def offer(self, version: str) -> None:
        channel = self.root / "channel"
        publish(channel, {f"demo-{version}.tar.bz2": plugin_archive("demo", version)})
        for path in channel.iterdir():
            self.server.files[f"/stable/{path.name}"] = path.read_bytes()

    async def update(self) -> str:
        progress = OperationProgress("update")
        await self.plugins.update(progress)
        progress.succeed()
        return format_progress(progress.snapshot())

    async def test_an_unchanged_index_is_not_sent_again(self) -> None:
        size = len(self.server.files["/stable/plugins.db"])
        assert await self.update() == f"update|success;{size}"
        self.now = 2000.0
        assert await self.update() == "update|success"
        assert self.server.asked("/stable/plugins.db")[1]["if-none-match"].startswith('"')
        [state] = self.repositories.states()
        assert (state.updated, state.entries, state.problem) == (2000.0, 1, None)
        self.offer("1.1")
        await self.update()
        assert self.plugins.installable()["demo"].version == "1.1"

    async def test_a_compressed_transfer_works_and_a_bomb_in_it_does_not(self) -> None:
        content = self.server.files["/stable/plugins.db"]
        packed = gzip.compress(content)
        self.server.behaviours["/stable/plugins.db"] = [
            lambda exchange: exchange.send(200, packed, Content_Encoding="gzip")
        ]
        await self.update()
        assert list(self.plugins.installable()) == ["demo"]
        bomb = gzip.compress(bytes(80 << 20))
        self.server.behaviours["/stable/plugins.db"] = [
            lambda exchange: exchange.send(200, bomb, Content_Encoding="gzip")
        ]
        with pytest.raises(RepositoryProblem, match="larger than"):
            await self.update()
        assert list(self.plugins.installable()) == ["demo"]

    async def test_every_failure_keeps_the_last_good_index_and_is_shown(self) -> None:
        await self.update()

        def drip(exchange: serving.Exchange) -> None:
            exchange.head(200, Content_Length=1 << 20)
            while not self.server.released.wait(0.1):
                exchange.body(b" ")

        def endless(exchange: serving.Exchange) -> None:
            exchange.head(200, Connection="close")
            for _ in range(70):
                exchange.body(b" " * (1 << 20))
            exchange.hang_up()

        behaviours = {
            "answers with status 404": status(404),
            "answers with status 500": status(500),
            "sends nothing any more": stall_after(10),
            "was lost": cut_after(10),
            "more than 10 times": redirect("/stable/plugins.db"),
            "redirects elsewhere": redirect("file:///etc/passwd"),
            "larger than": serving.announce((64 << 20) + 1),
            "not valid JSON": lambda exchange: exchange.send(200, b"<html>"),
            "must be a JSON object": lambda exchange: exchange.send(200, b"[]"),
        }
        for said, behaviour in behaviours.items():
            self.server.behaviours["/stable/plugins.db"] = [behaviour]
            with pytest.raises(PackageProblem, match=said):
                await self.update()
            assert said in (self.repositories.states()[0].problem or "")
            assert list(self.plugins.installable()) == ["demo"]
        for behaviour in (drip, endless):
            self.server.behaviours["/stable/plugins.db"] = [behaviour]
            with pytest.raises(PackageProblem):
                await self.update()
        assert [path.name for path in (self.root / "repositories").iterdir()] == ["default.index"]

    async def test_an_install_shows_its_bytes_while_a_slow_server_sends(self) -> None:
        await self.update()
        name = "/stable/demo-1.0.tar.bz2"
        content = self.server.files[name]
        half = len(content) // 2
        seen: list[str] = []
        progress = OperationProgress("install", on_change=lambda: seen.append(format_progress(progress.snapshot())))
        self.server.once(name, cut_after(half))
        await self.plugins.install("demo", progress)
        progress.succeed()
        end = len(content)
        assert seen[0] == f"install|progress(download|progress;0/{end})"
        assert f"install|progress(download|progress;{half}/{end})" in seen
        assert seen[-1] == f"install|success(download|success;{end}/{end})"
        assert (self.root / "plugins/demo/plugin-info").is_file()

    async def test_bad_archives_leave_nothing(self) -> None:
        await self.update()
        name = "/stable/demo-1.0.tar.bz2"
        good = self.server.files[name]
        for content in (b"", good[:-1], good + b"x", good[:-1] + b"!"):
            self.server.files[name] = content
            with pytest.raises(PackageProblem):
                await self.plugins.install("demo", OperationProgress("install"))
            assert not self.plugins.is_installed("demo")
        self.server.behaviours[name] = [status(404)]
        with pytest.raises(PackageProblem, match="404"):
            await self.plugins.install("demo", OperationProgress("install"))
        assert self.plugins.recover() == []
        assert [path.name for path in (self.root / "plugins").iterdir() if not path.name.startswith(".")] == []

    async def test_a_failed_download_of_an_upgrade_keeps_the_old_plugin(self) -> None:
        await self.update()
        await self.plugins.install("demo", OperationProgress("install"))
        self.offer("1.1")
        await self.update()
        self.server.files["/stable/demo-1.1.tar.bz2"] = plugin_archive("demo", "1.2")
        with pytest.raises((CorruptedFile, PackageProblem)):
            await self.plugins.upgrade("demo", OperationProgress("install"))
        assert '"1.0"' in (self.root / "plugins/demo/plugin-info").read_text()
        assert self.seen == []
