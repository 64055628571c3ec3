"""Existing plugins in real child processes: what one does wrong never stops another (contract, checks 22, 37 to 41)."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.legacy_plugins import BASE, write_acme, write_small
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from provisiond.errors import PluginProblem
from provisiond.identification.values import DeviceInfo, PhoneRequest, Protocol
from provisiond.legacy.processes import LegacyProcesses
from provisiond.legacy.recognition import LegacyRecognition
from provisiond.legacy.registry import FullPluginRegistry
from provisiond.legacy.wire import Environment, tftp_packet
from provisiond.legacy.wire import PhoneRequest as PluginRequest
from provisiond.model.device import Device
from provisiond.plugins.pool import WorkerPool

BAD = """
import time
class Ex:
    def extract(self, request, request_type):
        if request.path == b"/die":
            os._exit(4)
        return defer.succeed({"vendor": "Bad"} if request.path == b"/bad" else None)
class Bad(StandardPlugin):
    IS_PLUGIN = True
    http_dev_info_extractor = Ex()
    def configure(self, device, raw_config):
        kind = raw_config.get("X_kind")
        if kind == "hangs":
            time.sleep(600)
        if kind == "dies":
            os._exit(3)
        if kind == "leaves":
            import subprocess
            subprocess.Popen(["sleep", "100"])
            os._exit(3)
        if kind == "raises":
            raise Exception("not\\x1b[31m here")
        if kind == "names":
            for name in ("good", "new\\nline", "caf\\udce9", "back\\\\slash"):
                open(os.path.join(self._tftpboot_dir, name), "w").close()
        if kind == "many":
            for number in range(2001):
                open(os.path.join(self._tftpboot_dir, str(number)), "w").close()
"""
TREE = """
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from twisted.internet import reactor
class Leaf(Resource):
    isLeaf = True
    def render_GET(self, request):
        return "leaf " + str(len(request.postpath)) + " " + str(request.prov_dev["id"])
    def render_POST(self, request):
        request.setResponseCode(201)
        request.setHeader(b"X-Mine", b"1")
        return request.args[b"name"][0] + b" " + request.content.read()
class Later(Resource):
    isLeaf = True
    def render_GET(self, request):
        reactor.callLater(0, self.finish, request)
        return NOT_DONE_YET
    def finish(self, request):
        request.write(b"later")
        request.finish()
class Fails(Resource):
    isLeaf = True
    def render_GET(self, request):
        raise ValueError("secret")
class Tree(Resource):
    def getChild(self, path, request):
        found = {b"leaf": Leaf(), b"later": Later(), b"fails": Fails()}[path]
        return defer.succeed(found) if path == b"leaf" else found
class Odd:
    def handle_read_request(self, request, response):
        name = request["packet"]["filename"]
        if name == b"never":
            return
        if name == b"twice":
            response.reject(b"\\0\\2", "no")
            response.ignore()
        if name == b"late":
            import io
            reactor.callLater(0, response.accept, io.BytesIO(b"late"))
class Small(StandardPlugin):
    IS_PLUGIN = True
    http_service = Tree()
    tftp_service = Odd()
    def synchronize(self, device, raw_config):
        return defer.fail(Exception("not today")) if device["id"] == "f" else defer.succeed(None)
"""
COMMON = """
def configure_common(self, raw_config):
    with open(os.path.join(self._tftpboot_dir, "all"), "w") as file:
        file.write(",".join(sorted(raw_config)))
"""
PATHS = """
class Service(HTTPNoListingFileService):
    def path_preprocess(self, request):
        parts = [p for p in request.path.decode("ascii").split("/") if p not in ("", ".", "..")]
        request.path = ("/" + "/".join(parts)).encode("ascii")
        request.postpath = parts
class Small(StandardPlugin):
    IS_PLUGIN = True
    def __init__(self, *args):
        super().__init__(*args)
        self.http_service = Service(self._tftpboot_dir)
"""


class Threads:
    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        return await deferToThread(work, *args)


class Questions:
    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    async def answer(self, kind: str, members: Mapping[str, Any]) -> Any:
        self.asked.append((kind, members))


class Processes(TestCase):
    timeout = 240

    def setUp(self) -> Deferred[None]:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        plugins = self.root / "plugins"
        write_acme(plugins, "acme")
        write_small(plugins, "bad", BAD)
        write_small(plugins, "tree", TREE)
        write_small(plugins, "paths", PATHS)
        write_small(plugins, "common", COMMON)
        write_small(plugins, "broken", "import nothing_such\n")
        write_small(plugins, "unasked", "@property\ndef http_service(self):\n    raise ValueError('no')\n")
        self.questions = Questions()
        self.processes = LegacyProcesses(
            reactor,  # type: ignore[arg-type]
            self.root / "scratch",
            lambda: Environment(proxies={}, locale=None, general={}, base=BASE, can_notify=True),
            self.questions,
            workers=1,
            compiled=self.root / "compiled",
        )
        self.registry = FullPluginRegistry(
            plugins,
            WorkerPool(reactor),
            Threads(),
            time.time,
            runner=self.processes,
            seconds=60.0,  # type: ignore[arg-type]
        )
        return Deferred.fromCoroutine(self.registry.start())

    def tearDown(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.registry.stop())

    def whole(self, work: Awaitable[None]) -> Deferred[None]:
        return Deferred.fromCoroutine(work)  # type: ignore[arg-type]

    async def problem(self, work: Awaitable[Any]) -> str:
        try:
            await work
        except PluginProblem as problem:
            return problem.sentence
        raise AssertionError("there was no problem")

    def device(self, plugin: str, device_id: str = "d", **raw: Any) -> Any:
        device = Device({"id": device_id, "mac": "00:11:22:33:44:55", "model": "A1"})
        return self.registry.device_files(plugin, device, {**BASE, "sip_lines": {}, **raw})

    def test_22_a_plugin_that_hangs_or_dies_harms_no_other(self) -> Deferred[None]:
        async def work() -> None:
            assert set(self.registry.loaded()) == {"acme", "bad", "tree", "paths", "common"}
            assert "nothing_such" in (self.registry.problem_of("broken") or "")
            assert (self.registry.problem_of("unasked") or "").startswith("ValueError: no (entry.py, line ")
            assert not [name for name in sys.modules if name.partition(".")[0] in ("provd", "wazo_provd")]
            self.registry._seconds = 3.0
            hanging = Deferred.fromCoroutine(self.problem(self.device("bad", X_kind="hangs")))
            others = [Deferred.fromCoroutine(self.device("acme", f"d{number}")) for number in range(3)]
            self.registry._seconds = 60.0
            for files in await gatherResults(others):
                assert [file.name for file in files] == ["Acme/001122334455.cfg"]
            assert "took longer than 3 seconds" in await hanging
            assert "status 3" in await self.problem(self.device("bad", X_kind="dies"))
            assert "status 3" in await self.problem(self.device("bad", X_kind="leaves"))
            assert await self.device("bad") == ()
            assert [file.trigger for file in await self.device("acme")] == [True]
            assert [len(tuple(slot.iterdir())) for slot in (self.root / "scratch").iterdir()] == [1]

        return self.whole(work())

    def test_files_that_no_phone_can_ask_for_are_left_out_and_too_many_refused(self) -> Deferred[None]:
        async def work() -> None:
            assert [file.name for file in await self.device("bad", X_kind="names")] == ["good"]
            assert await self.problem(self.device("bad", X_kind="many")) == (
                "the plugin makes more files than the server takes"
            )
            assert await self.device("bad") == ()
            assert (await self.problem(self.device("bad", X_kind="raises"))).startswith("not [31m here (entry.py")

        return self.whole(work())

    def test_a_new_process_takes_the_templates_that_another_has_compiled(self) -> Deferred[None]:
        async def work() -> None:
            before = await self.device("acme")
            compiled = list((self.root / "compiled").iterdir())
            assert compiled
            for path in compiled:
                os.utime(path, (1, 1))
            await self.problem(self.device("bad", X_kind="dies"))
            assert await self.device("acme") == before
            # Reading one is noted in its time; writing one anew would give it another name or number.
            assert any(path.stat().st_mtime > 1 for path in compiled)
            assert sorted((self.root / "compiled").iterdir()) == sorted(compiled)

        return self.whole(work())

    def test_25_an_extractor_that_ends_its_process_is_not_asked_again(self) -> Deferred[None]:
        async def work() -> None:
            failed: list[str] = []
            eyes = LegacyRecognition(self.registry, self.processes, failed.append)

            def request(path: str) -> PhoneRequest:
                headers = {"User-Agent": "Acme A1 1.0 001122334455"}
                return PhoneRequest(protocol=Protocol.HTTP, path=path, headers=headers, peer="192.0.2.7")

            acme = {"vendor": "Acme", "model": "A1", "version": "1.0", "mac": "00:11:22:33:44:55"}
            assert await eyes.votes(request("/bad")) == acme
            assert await eyes.votes(request("/die")) == acme
            assert failed == ["bad"]
            scores = await self.registry.associate(DeviceInfo(ip="192.0.2.7"), acme)
            assert scores["acme"] == 600

        return self.whole(work())

    def web(self, method: str, path: bytes, **more: Any) -> Any:
        request = PluginRequest(method=method, path=path, peer="192.0.2.7", **more)
        return self.registry.ask("web", "tree", request, {"id": "d"})

    def test_38_resources_of_plugins(self) -> Deferred[None]:
        async def work() -> None:
            header, body = await self.web("GET", b"/leaf/more")
            assert (header["status"], body) == (200, b"leaf 1 d")
            form = ((b"content-type", b"application/x-www-form-urlencoded"),)
            header, body = await self.web("POST", b"/leaf", headers=form, body=b"name=alice")
            assert (header["status"], body) == (201, b"alice name=alice")
            assert ["X-Mine", "1"] in header["headers"]
            assert (await self.web("GET", b"/later"))[1] == b"later"
            header, body = await self.web("GET", b"/fails")
            assert header["status"] == 500
            assert b"secret" not in body
            assert (await self.web("GET", b"/nothing"))[0]["status"] == 500

        return self.whole(work())

    def test_common_files_are_made_from_the_base_alone(self) -> Deferred[None]:
        async def work() -> None:
            raw = {**BASE, "sip_transport": "udp", "sip_lines": {}}
            (file,) = await self.registry.common_files("common", raw)
            assert file.content == b"http_base_url,http_port,ip,tftp_port"

        return self.whole(work())

    def test_37_paths_that_plugins_rewrite(self) -> Deferred[None]:
        async def work() -> None:
            assert self.registry.served_by("paths", "http").rewrites
            header, _ = await self.registry.ask("path", "paths", PluginRequest(method="GET", path=b"/./a//../b.xml"))
            assert header["path"] == "/a/b.xml"

        return self.whole(work())

    def test_41_tftp_services_of_plugins(self) -> Deferred[None]:
        async def work() -> None:
            late, twice = (tftp_packet(name, b"octet", {}) for name in (b"late", b"twice"))
            header, body = await self.registry.ask("tftp", "tree", late, "192.0.2.7", None)
            assert (header["served"], body) == (True, b"late")
            header, _ = await self.registry.ask("tftp", "tree", twice, "192.0.2.7", None)
            assert header["served"] is False
            assert self.registry.served_by("bad", "tftp").kind == "none"
            assert self.registry.served_by("acme", "tftp").kind == "files"

        return self.whole(work())

    def test_45_synchronizing(self) -> Deferred[None]:
        async def work() -> None:
            device = Device({"id": "d", "ip": "192.0.2.7"})
            assert await self.registry.synchronize("acme", device, BASE) is None
            event = {"ip": "192.0.2.7", "event": "check-sync;reboot=false", "extra": []}
            assert self.questions.asked == [("notify", event)]
            assert await self.registry.synchronize("tree", device, BASE) is None
            failing = self.registry.synchronize("tree", Device({"id": "f"}), BASE)
            assert "not today" in await self.problem(failing)
            assert "operation not supported" in await self.problem(self.registry.synchronize("bad", device, BASE))

        return self.whole(work())
