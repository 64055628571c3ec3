"""Check 9 of the firmware contract: downloads from servers that fail in every way, over real sockets."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from tests.support import file_server as serving
from tests.support.certificates import tls_file_server
from tests.support.connect_proxy import connect_proxy
from tests.support.file_server import FileServer, cut_after, etag, redirect, serve, stall_after, status
from tests.support.ftp_server import ftp_server
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from provisiond.model.operation import OperationProgress, format_progress
from provisiond.packages.downloads import Downloads, Mirror
from provisiond.packages.problems import Aborted, CorruptedFile, DownloadProblem, InvalidCredentials
from provisiond.packages.urls import Credentials
from provisiond.packages.wanted import WantedFile
from provisiond.packages.web import WebClient

CONTENT = bytes(range(256)) * 1200
SHA1 = hashlib.sha1(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class DownloadTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.server = FileServer()
        self.server.start()
        self.addCleanup(self.server.stop)
        self.server.files["/fw.bin"] = CONTENT
        self.directory = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)
        self.proxies: dict[str, str | None] = {}
        self.progress = OperationProgress("install_pkg")
        self.web = WebClient(reactor, lambda: self.proxies, idle=0.4)
        self.downloads = self.make()

    def make(self, **members: Any) -> Downloads:
        return Downloads(self.web, deferToThread, reactor, **{"pauses": (0.01, 0.02), **members})  # type: ignore[arg-type]

    def wanted(self, **members: Any) -> WantedFile:
        given = {"name": "fw.bin", "url": f"{self.server.url}/fw.bin", "size": len(CONTENT), "digests": {"sha1": SHA1}}
        return WantedFile(**{**given, **members})

    async def fetch(self, credentials: Credentials | None = None, **members: Any) -> Path:
        wanted = self.wanted(**members)

        def part() -> OperationProgress:
            return self.progress.part(end=wanted.size, current=0)

        return await self.downloads.fetch(wanted, self.directory, part, credentials=lambda url: credentials)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir())

    async def refused(self, kind: type[Exception], said: str = "", **members: Any) -> str:
        with pytest.raises(kind) as caught:
            await self.fetch(**members)
        assert said in str(caught.value)
        assert "fw.bin" not in [name for name in self.names() if not name.startswith(".")]
        return str(caught.value)

    async def test_a_download(self) -> None:
        path = await self.fetch()
        assert path.read_bytes() == CONTENT
        assert self.names() == ["fw.bin"]
        assert (
            format_progress(self.progress.snapshot()) == f"install_pkg|progress(success;{len(CONTENT)}/{len(CONTENT)})"
        )

    async def test_a_right_file_is_reused_and_hashed_once(self) -> None:
        await self.fetch()
        await self.fetch()
        assert len(self.server.requests) == 1

    async def test_a_wrong_file_in_the_cache_is_replaced(self) -> None:
        (self.directory / "fw.bin").write_bytes(b"wrong")
        await self.fetch()
        assert (self.directory / "fw.bin").read_bytes() == CONTENT

    async def test_a_wrong_digest_is_refused_without_a_second_try(self) -> None:
        await self.refused(CorruptedFile, "sha1 digest", digests={"sha1": "0" * 40})
        assert self.names() == []
        assert len(self.server.requests) == 1

    async def test_both_digests_count(self) -> None:
        await self.fetch(digests={"sha1": SHA1, "sha256": SHA256})
        (self.directory / "fw.bin").unlink()
        await self.refused(CorruptedFile, "sha256 digest", digests={"sha1": SHA1, "sha256": "0" * 64})

    async def test_a_sha256_alone_and_an_md5_alone_are_enough(self) -> None:
        await self.fetch(digests={"sha256": SHA256})
        await self.fetch(digests={"md5": hashlib.md5(CONTENT).hexdigest()})

    async def test_a_wrong_size_with_the_right_digest_is_fine(self) -> None:
        await self.fetch(size=5)
        assert f"success;{len(CONTENT)}/5" in format_progress(self.progress.snapshot())

    async def test_a_wrong_size_is_refused_where_sizes_are_exact(self) -> None:
        await self.refused(Aborted, "larger", size=len(CONTENT) - 1, exact_size=True)
        await self.refused(CorruptedFile, "bytes instead of", size=len(CONTENT) + 1, exact_size=True)
        assert self.names() == []

    async def test_a_cut_download_is_resumed(self) -> None:
        self.server.once("/fw.bin", cut_after(100_000))
        await self.fetch()
        first, second = self.server.asked("/fw.bin")
        assert "range" not in first
        kept = int(second["range"].removeprefix("bytes=").removesuffix("-"))
        assert 0 < kept <= 100000
        assert second["if-range"] == etag(CONTENT)

    async def test_a_cut_download_is_resumed_after_a_restart(self) -> None:
        self.server.once("/fw.bin", cut_after(100_000), cut_after(1), cut_after(1))
        self.downloads = self.make(pauses=())
        await self.refused(DownloadProblem, "was lost")
        assert self.names() == [".fw.bin.part", "fw.bin.part"]
        self.server.behaviours.clear()
        self.downloads = self.make(pauses=())
        await self.fetch()
        assert "range" in self.server.asked("/fw.bin")[-1]
        assert self.names() == ["fw.bin"]

    async def test_a_server_without_ranges_gives_all_of_it_again(self) -> None:
        self.server.ranges = False
        self.server.once("/fw.bin", cut_after(100_000))
        await self.fetch()
        assert (self.directory / "fw.bin").read_bytes() == CONTENT

    async def test_a_file_that_changed_meanwhile_is_fetched_whole(self) -> None:
        self.server.once("/fw.bin", cut_after(100_000))
        old, self.server.files["/fw.bin"] = CONTENT, CONTENT[::-1]
        assert etag(old) != etag(self.server.files["/fw.bin"])
        self.server.files["/fw.bin"] = old

        def changed(exchange: serving.Exchange) -> None:
            self.server.files["/fw.bin"] = CONTENT[::-1]
            serve(exchange)

        self.server.once("/fw.bin", cut_after(100_000), changed)
        await self.fetch(digests={"sha1": hashlib.sha1(CONTENT[::-1]).hexdigest()})
        assert (self.directory / "fw.bin").read_bytes() == CONTENT[::-1]

    async def test_a_digest_wrong_after_a_resume_gets_one_fresh_try(self) -> None:
        def lying(exchange: serving.Exchange) -> None:
            start = int(exchange.headers["Range"][6:-1])
            rest = bytes(len(CONTENT) - start)
            spread = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
            exchange.send(206, rest, ETag=etag(CONTENT), Content_Range=spread)

        self.server.once("/fw.bin", cut_after(100_000), lying)
        await self.fetch()
        assert ["range" in headers for headers in self.server.asked("/fw.bin")] == [False, True, False]

    async def test_another_range_than_asked_for_is_refused(self) -> None:
        def elsewhere(exchange: serving.Exchange) -> None:
            exchange.send(206, CONTENT, ETag=etag(CONTENT), Content_Range=f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}")

        self.server.once("/fw.bin", cut_after(100_000), elsewhere, then_normal=False)
        await self.refused(DownloadProblem, "another part")

    async def test_a_stall_fails_and_is_tried_again(self) -> None:
        self.server.once("/fw.bin", stall_after(50_000))
        await self.fetch()
        assert len(self.server.requests) == 2

    async def test_a_server_that_always_stalls_is_given_up(self) -> None:
        self.server.once("/fw.bin", stall_after(0), then_normal=False)
        await self.refused(DownloadProblem, "sends nothing any more")
        assert len(self.server.requests) == 3
        assert "(fail;0/" in format_progress(self.progress.snapshot())

    async def test_a_server_that_never_answers_is_given_up(self) -> None:
        self.server.once("/fw.bin", serving.Exchange.wait, then_normal=False)
        await self.refused(DownloadProblem, "sends nothing any more")

    async def test_statuses(self) -> None:
        for code, tries in ((404, 1), (403, 1), (410, 1), (503, 3), (500, 3), (429, 3)):
            self.server.requests.clear()
            self.server.once("/fw.bin", status(code), then_normal=False)
            await self.refused(DownloadProblem, str(code))
            assert len(self.server.requests) == tries, code
        self.server.once("/fw.bin", status(401), then_normal=False)
        await self.refused(InvalidCredentials, "credentials")

    async def test_503_then_200(self) -> None:
        self.server.once("/fw.bin", status(503), status(503))
        await self.fetch()

    async def test_redirects_are_followed_within_bounds(self) -> None:
        for number in range(10):
            self.server.behaviours[f"/{number}"] = [redirect(f"/{number + 1}" if number < 9 else "/fw.bin")]
        await self.fetch(url=f"{self.server.url}/0")
        (self.directory / "fw.bin").unlink()
        self.server.behaviours["/start"] = [redirect("/0")]
        await self.refused(DownloadProblem, "more than 10 times", url=f"{self.server.url}/start")
        self.server.behaviours["/loop"] = [redirect("/loop")]
        await self.refused(DownloadProblem, "more than 10 times", url=f"{self.server.url}/loop")

    async def test_redirects_to_other_schemes_are_refused(self) -> None:
        for target in ("file:///etc/passwd", "gopher://x/", "javascript:1", "http://[::bad", "//"):
            self.server.behaviours["/fw.bin"] = [redirect(target)]
            await self.refused(DownloadProblem)

    async def test_larger_than_the_limit(self) -> None:
        self.downloads = self.make(max_size=100_000)
        await self.refused(Aborted, "larger than the 100,000 bytes")

        def unannounced(exchange: serving.Exchange) -> None:
            exchange.head(200, Connection="close")
            exchange.body(CONTENT)
            exchange.hang_up()

        self.server.once("/fw.bin", unannounced, then_normal=False)
        await self.refused(Aborted, "larger than the 100,000 bytes")
        assert self.names() == []

    async def test_a_disk_without_room(self) -> None:
        await self.refused(Aborted, "are needed", size=1 << 60)

    async def test_lies_about_the_length(self) -> None:
        self.server.once("/fw.bin", serving.announce(len(CONTENT) + 10), then_normal=False)
        await self.refused(DownloadProblem, "was lost")
        self.server.once("/fw.bin", serving.announce(len(CONTENT) - 10), then_normal=False)
        await self.refused(CorruptedFile, "digest")

    async def test_no_connection_and_no_host(self) -> None:
        self.server.stop()
        await self.refused(DownloadProblem, "no connection")

    async def test_an_http_proxy_is_asked_and_may_change_at_run_time(self) -> None:
        self.proxies["http"] = f"http://us%40er:pa%3Ass@127.0.0.1:{self.server.port}"
        await self.fetch(url="http://firmware.invalid/fw.bin")
        [(_, path, headers)] = self.server.requests
        assert path == "http://firmware.invalid/fw.bin"
        assert headers["proxy-authorization"] == Credentials("us@er", "pa:ss").basic()
        (self.directory / "fw.bin").unlink()
        self.proxies.clear()
        await self.fetch()
        assert self.server.requests[-1][1] == "/fw.bin"

    async def test_ftp_through_a_proxy(self) -> None:
        self.proxies["ftp"] = self.server.url
        await self.fetch(url="ftp://firmware.invalid/fw.bin")
        assert self.server.requests[0][1] == "ftp://firmware.invalid/fw.bin"

    async def test_an_https_proxy_is_asked_for_a_tunnel(self) -> None:
        with connect_proxy() as proxy:
            self.proxies["https"] = f"127.0.0.1:{proxy.port}"
            await self.refused(DownloadProblem, url=f"https://127.0.0.1:{self.server.port}/fw.bin")
            assert proxy.asked[0] == f"CONNECT 127.0.0.1:{self.server.port} HTTP/1.1"
        with connect_proxy("Basic nothing") as proxy:
            self.proxies["https"] = f"127.0.0.1:{proxy.port}"
            await self.refused(DownloadProblem, "407", url=f"https://127.0.0.1:{self.server.port}/fw.bin")

    async def test_a_proxy_that_is_set_wrongly(self) -> None:
        self.proxies["http"] = "http://:99999"
        await self.refused(DownloadProblem, "proxy is not set to a host")

    async def test_credentials_are_sent_to_their_host_only(self) -> None:
        def guarded(exchange: serving.Exchange) -> None:
            if exchange.headers.get("Authorization") == Credentials("u", "p").basic():
                exchange.send(302, Location=f"http://localhost:{self.server.port}/fw.bin")
            else:
                exchange.send(401, WWW_Authenticate='Basic realm="x"')

        self.server.behaviours["/guarded"] = [guarded]
        await self.fetch(url=f"{self.server.url}/guarded", credentials=Credentials("u", "p"))
        assert "authorization" not in self.server.asked("/fw.bin")[0]
        (self.directory / "fw.bin").unlink()
        await self.refused(InvalidCredentials, url=f"{self.server.url}/guarded", credentials=Credentials("u", "x"))
        self.server.requests.clear()
        text = await self.refused(InvalidCredentials, url=f"http://u:secret@127.0.0.1:{self.server.port}/guarded")
        assert "secret" not in text

    async def test_digest_authentication(self) -> None:
        def guarded(exchange: serving.Exchange) -> None:
            given = exchange.headers.get("Authorization", "")
            if given.startswith("Digest ") and _digest_fits(given, "u", "p", "/guarded"):
                exchange.send(200, CONTENT)
            else:
                exchange.send(
                    401, WWW_Authenticate='Digest realm="r", nonce="n", qop="auth", algorithm=MD5, opaque="o"'
                )

        self.server.behaviours["/guarded"] = [guarded]
        await self.fetch(url=f"{self.server.url}/guarded", credentials=Credentials("u", "p"))
        (self.directory / "fw.bin").unlink()
        await self.refused(InvalidCredentials, url=f"{self.server.url}/guarded", credentials=Credentials("u", "x"))

    async def test_a_manual_file_is_wanted_with_all_that_is_needed(self) -> None:
        text = await self.refused(DownloadProblem, url="")
        for part in ("fw.bin", f"{len(CONTENT):,}", SHA1):
            assert part in text
        (self.directory / "fw.bin").write_bytes(b"wrong")
        with pytest.raises(CorruptedFile) as caught:
            await self.fetch(url="")
        assert SHA1 in str(caught.value)
        assert hashlib.sha1(b"wrong").hexdigest() in str(caught.value)
        assert (self.directory / "fw.bin").read_bytes() == b"wrong"
        (self.directory / "fw.bin").write_bytes(CONTENT)
        await self.fetch(url="")
        assert self.server.requests == []

    async def test_mirrors(self) -> None:
        mirror = self.directory / "mirror"
        mirror.mkdir()
        self.downloads = self.make(mirror=lambda: Mirror.parse(str(mirror)))
        await self.fetch()
        assert len(self.server.requests) == 1
        (self.directory / "fw.bin").unlink()
        (mirror / "fw.bin").write_bytes(b"wrong")
        await self.fetch()
        assert len(self.server.requests) == 2
        (self.directory / "fw.bin").unlink()
        (mirror / "fw.bin").write_bytes(CONTENT)
        await self.fetch(url="")
        assert len(self.server.requests) == 2
        (self.directory / "fw.bin").unlink()
        self.downloads = self.make(mirror=lambda: Mirror.parse(f"only:{self.server.url}/none"))
        await self.refused(DownloadProblem, "404")
        assert self.server.requests[-1][1] == "/none/fw.bin"

    async def test_the_environment_is_not_asked_for_proxies(self) -> None:
        names = ("http_proxy", "HTTP_PROXY", "all_proxy")
        with patch.dict(os.environ, dict.fromkeys(names, "http://127.0.0.1:1")):
            await self.fetch()

    async def test_https_directly_and_through_a_tunnel(self) -> None:
        with tls_file_server() as (server, policy):
            server.files["/fw.bin"] = CONTENT
            self.web = WebClient(reactor, lambda: self.proxies, policy, idle=2)
            self.downloads = self.make()
            await self.fetch(url=f"https://localhost:{server.port}/fw.bin")
            (self.directory / "fw.bin").unlink()
            with connect_proxy("Basic dTpw") as proxy:
                self.proxies["https"] = f"u:p@127.0.0.1:{proxy.port}"
                await self.fetch(url=f"https://localhost:{server.port}/fw.bin")
                assert proxy.asked == [f"CONNECT localhost:{server.port} HTTP/1.1"]
            (self.directory / "fw.bin").unlink()
            self.proxies.clear()
            self.web = WebClient(reactor, lambda: self.proxies, idle=2)
            self.downloads = self.make()
            await self.refused(DownloadProblem, "not trusted", url=f"https://localhost:{server.port}/fw.bin")
            self.server.behaviours["/fw.bin"] = [redirect(f"https://localhost:{server.port}/fw.bin")]
            await self.refused(DownloadProblem, "not trusted")

    async def test_ftp(self) -> None:
        with ftp_server({"/pub/fw.bin": CONTENT}, "user", "pass") as ftp:
            await self.fetch(url=f"ftp://user:pass@127.0.0.1:{ftp.port}/pub/fw.bin")
            (self.directory / "fw.bin").unlink()
            self.server.behaviours["/fw.bin"] = [redirect(f"ftp://127.0.0.1:{ftp.port}/pub/fw.bin")]
            await self.refused(InvalidCredentials, "credentials")
            with pytest.raises(DownloadProblem, match="allowed are http, https"):
                await self.downloads.fetch(self.wanted(), self.directory, OperationProgress, schemes=("http", "https"))
            await self.refused(DownloadProblem, "550", url=f"ftp://user:pass@127.0.0.1:{ftp.port}/pub/none")
            await self.refused(DownloadProblem, "names no file", url=f"ftp://127.0.0.1:{ftp.port}/a%0d%0aDELE")
            ftp.cut = 1000
            await self.refused(DownloadProblem, "was lost", url=f"ftp://user:pass@127.0.0.1:{ftp.port}/pub/fw.bin")
        await self.refused(DownloadProblem, "no connection", url=f"ftp://127.0.0.1:{ftp.port}/pub/fw.bin")

    async def test_a_slow_reader_holds_the_sender_back(self) -> None:
        self.server.files["/big.bin"] = big = CONTENT * 60
        digest = hashlib.sha1(big).hexdigest()
        await self.fetch(url=f"{self.server.url}/big.bin", digests={"sha1": digest})
        assert (self.directory / "fw.bin").stat().st_size == len(big)


def _digest_fits(given: str, user: str, password: str, uri: str) -> bool:
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', given))

    def hashed(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    secret, request = hashed(f"{user}:r:{password}"), hashed(f"GET:{uri}")
    wanted = hashed(f"{secret}:n:{fields['nc']}:{fields['cnonce']}:auth:{request}")
    return fields["response"] == wanted and fields["opaque"] == "o" and fields["uri"] == uri
