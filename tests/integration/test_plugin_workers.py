"""Plugins in real worker processes: what one does wrong never stops another."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from provisiond.errors import PluginProblem
from provisiond.identification.values import DeviceInfo
from provisiond.model.device import Device
from provisiond.plugins.pool import WorkerPool
from provisiond.plugins.registry import PluginRegistry
from provisiond.plugins.worker import NICENESS
from provisiond.plugins.working_copies import WorkingCopies
from provisiond.sdk import SipNotify

GOOD = """
from provisiond.sdk import File, Plugin, SipNotify
class Good(Plugin):
    def associate(self, info):
        return 500 if info.vendor == "V" else 0
    def common_files(self, raw_config):
        yield File(name="common.cfg", content=b"common")
    def device_files(self, device, raw_config):
        yield File(name="own.xml", templates="own.xml.tpl", context={"name": raw_config["name"]}, trigger=True)
    def synchronize(self, device, raw_config):
        if raw_config.get("end"):
            import os
            os._exit(7)
        return SipNotify("check-sync")
PLUGIN = Good
"""
BAD = """
import os, time
from provisiond.sdk import File, Plugin
class Bad(Plugin):
    def associate(self, info):
        {associate}
    def device_files(self, device, raw_config):
        {device}
PLUGIN = Bad
"""
OWN = """
from provisiond.sdk import File, Parameter, Plugin, PluginProblem
class Own(Plugin):
    parameters = (Parameter(name="name", description="Whose phones these are", default="admin"),)
    def checked_parameter(self, name, value):
        if not value:
            raise PluginProblem("a name is needed")
        return value.upper()
    def common_files(self, raw_config):
        yield File(name="all.cfg", content=self.context.parameters["name"].encode())
PLUGIN = Own
"""
DEVICE = Device({"id": "d", "mac": "00:11:22:33:44:55"})


class Threads:
    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        return await deferToThread(work, *args)


def put(root: Path, name: str, code: str, template: str = "<own>{{ name }}</own>\n") -> None:
    directory = root / name
    (directory / "templates").mkdir(parents=True, exist_ok=True)
    info = {"version": "1", "description": name, "capabilities": {}, "api": 1}
    (directory / "plugin-info").write_text(json.dumps(info))
    (directory / "entry.py").write_text(code)
    (directory / "templates" / "own.xml.tpl").write_text(template)


class Workers(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.directory = TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = Path(self.directory.name)
        put(self.root, "good", GOOD)
        compiled = self.root.parent / f"{self.root.name}-compiled"
        self.addCleanup(shutil.rmtree, compiled, ignore_errors=True)
        self.pool = WorkerPool(reactor, workers=2, compiled=compiled)  # type: ignore[arg-type]
        self.registry = PluginRegistry(self.root, self.pool, Threads(), time.time, load_seconds=60, render_seconds=1)

    def tearDown(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.registry.stop())

    def test_a_value_reaches_the_files_and_a_refusal_is_no_problem_of_the_plugin(self) -> Deferred[None]:
        values: dict[str, Any] = {}
        self.registry._values = lambda plugin_id: values
        put(self.root, "own", OWN)

        async def work() -> None:
            await self.registry.load("own")
            first = self.registry.loaded()["own"].revision
            assert (await self.registry.common_files("own", {}))[0].content == b"admin"
            values["name"] = await self.registry.checked_parameter("own", "name", "alice")
            await self.registry.load("own")
            assert (await self.registry.common_files("own", {}))[0].content == b"ALICE"
            assert self.registry.loaded()["own"].revision != first
            with pytest.raises(PluginProblem, match="a name is needed"):
                await self.registry.checked_parameter("own", "name", "")
            assert self.registry.problem_of("own") is None

        return self.run_async(work())

    def run_async(self, work: Awaitable[None]) -> Deferred[None]:
        return Deferred.fromCoroutine(work)  # type: ignore[arg-type]

    async def _good_goes_on(self) -> None:
        files = await self.registry.device_files("good", DEVICE, {"name": "a<b"})
        found = [(file.name, file.content, file.trigger) for file in files]
        assert found == [("own.xml", b"<own>a&lt;b</own>\n", True)]

    def test_a_good_plugin(self) -> Deferred[None]:
        async def work() -> None:
            await self.registry.start()
            await self._good_goes_on()
            common = await self.registry.common_files("good", {})
            assert [file.content for file in common] == [b"common"]
            assert await self.registry.synchronize("good", DEVICE, {}) == SipNotify("check-sync")
            assert await self.registry.associate(DeviceInfo(vendor="V")) == {"good": 500}
            assert self.registry.problems() == ()

        return self.run_async(work())

    async def _ended_workers(self) -> None:
        with pytest.raises(PluginProblem, match=r"status 7|signal"):
            await self.registry.synchronize("good", DEVICE, {"end": True})

    def _be_impatient(self, expected: str) -> None:
        """Wait for little where waiting is what is tried; starting a process may take long on a busy machine."""
        if expected == "took longer":
            self.registry._load_seconds = 2

    def _device_problem(self, device: str, expected: str) -> Deferred[None]:
        put(self.root, "bad", BAD.format(associate="return 0", device=device))

        async def work() -> None:
            await self.registry.start()
            self._be_impatient(expected)
            with pytest.raises(PluginProblem, match=expected):
                await self.registry.device_files("bad", DEVICE, {"name": "x"})
            self.registry._load_seconds = 60
            await self._good_goes_on()
            assert [problem.plugin for problem in self.registry.problems()] == ["bad"]
            assert self.registry.problems()[0].device == "d"

        return self.run_async(work())

    def test_a_device_that_raises(self) -> Deferred[None]:
        return self._device_problem('return [raw_config["secret-key"]]', "KeyError")

    def test_a_device_that_never_returns(self) -> Deferred[None]:
        return self._device_problem("time.sleep(600); return ()", "took longer")

    def test_a_device_that_ends_the_process(self) -> Deferred[None]:
        return self._device_problem("os._exit(7)", "status 7")

    def test_a_device_that_kills_the_process(self) -> Deferred[None]:
        return self._device_problem("os.kill(os.getpid(), 9); return ()", "signal 9")

    def test_a_device_whose_process_ends_but_not_what_it_started(self) -> Deferred[None]:
        return self._device_problem("import subprocess; subprocess.Popen(['sleep', '100']); os._exit(7)", "status 7")

    def test_a_device_whose_process_ends_but_not_its_copy(self) -> Deferred[None]:
        return self._device_problem("os.fork() and os._exit(7); time.sleep(100); os._exit(0)", "status 7")

    def test_a_result_that_is_far_too_large(self) -> Deferred[None]:
        return self._device_problem("return [File(name='x', content=b'x' * 2**26)]", "8 MiB")

    def test_a_name_that_leaves_its_directory(self) -> Deferred[None]:
        return self._device_problem("return [File(name='../../x', content=b'')]", "name")

    def test_something_that_is_no_file(self) -> Deferred[None]:
        return self._device_problem("return ['x']", "not a provisiond.sdk.File")

    def _many(self, expected: str) -> Deferred[None]:
        """Ask for four devices at once, of which the second cannot be made."""
        device = 'exec(raw_config["do"]); return [File(name="x", content=device.id.encode() * raw_config["times"])]'
        put(self.root, "bad", BAD.format(associate="return 0", device=device))
        rows = [(Device({"id": name}), {"do": "pass", "times": 1}) for name in "abcd"]

        async def work() -> None:
            await self.registry.start()
            assert [files[0].content for files in await self.registry.files_of_many("bad", rows)] == [
                *map(str.encode, "abcd")
            ]
            self._be_impatient(expected)
            rows[1][1]["do"] = self.does
            answers = await self.registry.files_of_many("bad", rows)
            problem = answers.pop(1)
            assert isinstance(problem, PluginProblem)
            assert expected in problem.sentence
            assert [files[0].content for files in answers] == [b"a", b"c", b"d"]
            assert [(each.device, each.kind) for each in self.registry.problems()] == [("b", "device")]
            rows[1][1]["do"] = "pass"
            self.registry._load_seconds = 60
            await self.registry.files_of_many("bad", rows)
            assert self.registry.problems() == ()

        return self.run_async(work())

    def test_one_of_many_devices_that_raises(self) -> Deferred[None]:
        self.does = "1 / 0"
        return self._many("ZeroDivisionError")

    def test_one_of_many_devices_that_ends_the_process(self) -> Deferred[None]:
        self.does = "os._exit(7)"
        return self._many("status 7")

    def test_one_of_many_devices_that_never_returns(self) -> Deferred[None]:
        self.does = "time.sleep(600)"
        return self._many("took longer")

    def test_many_devices_with_more_than_fits_into_one_answer(self) -> Deferred[None]:
        device = 'return [File(name=f"x{each}", content=b"x" * 2**23) for each in range(5)]'
        put(self.root, "bad", BAD.format(associate="return 0", device=device))
        rows: list[tuple[Device, dict[str, Any]]] = [(Device({"id": name}), {}) for name in "ab"]

        async def work() -> None:
            await self.registry.start()
            answers = await self.registry.files_of_many("bad", rows)
            assert [[len(file.content) for file in files] for files in answers] == [[2**23] * 5] * 2

        return self.run_async(work())

    def test_a_new_process_takes_the_templates_that_another_has_compiled(self) -> Deferred[None]:
        async def work() -> None:
            await self.registry.start()
            await self._good_goes_on()
            (compiled,) = (self.root.parent / f"{self.root.name}-compiled").iterdir()
            number = compiled.stat().st_ino
            os.utime(compiled, (1, 1))
            self.registry._workers = WorkerPool(reactor, compiled=compiled.parent)  # type: ignore[arg-type]
            await self._good_goes_on()
            await self.registry.stop()
            assert compiled.stat().st_mtime > 1
            assert compiled.stat().st_ino == number
            self.registry._workers = self.pool

        return self.run_async(work())

    def test_workers_leave_the_processor_to_the_server(self) -> Deferred[None]:
        device = 'return [File(name="x", content=str(os.nice(0)).encode())]'
        put(self.root, "bad", BAD.format(associate="return 0", device=device))

        async def work() -> None:
            await self.registry.start()
            (file,) = await self.registry.device_files("bad", DEVICE, {})
            assert int(file.content) == min(os.nice(0) + NICENESS, 19)

        return self.run_async(work())

    def test_megabytes_of_output_do_no_harm(self) -> Deferred[None]:
        put(self.root, "bad", BAD.format(associate="return 0", device="print('x' * 5_000_000); return ()"))

        async def work() -> None:
            await self.registry.start()
            assert await self.registry.device_files("bad", DEVICE, {}) == ()
            await self._good_goes_on()

        return self.run_async(work())

    def test_an_endless_template(self) -> Deferred[None]:
        code = BAD.format(associate="return 0", device='return [File(name="x", templates="own.xml.tpl")]')
        endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
        put(self.root, "bad", code, endless)

        async def work() -> None:
            await self.registry.start()
            self._be_impatient("took longer")
            with pytest.raises(PluginProblem, match="took longer"):
                await self.registry.device_files("bad", DEVICE, {})
            self.registry._load_seconds = 60
            await self._good_goes_on()

        return self.run_async(work())

    def test_associations_that_raise_or_give_nonsense_are_left_out(self) -> Deferred[None]:
        put(self.root, "bad", BAD.format(associate="1 / 0", device="return ()"))
        put(self.root, "none", BAD.format(associate="return None", device="return ()"))

        async def work() -> None:
            await self.registry.start()
            assert await self.registry.associate(DeviceInfo(vendor="V")) == {"good": 500}
            assert {problem.plugin for problem in self.registry.problems()} == {"bad", "none"}

        return self.run_async(work())

    def test_a_reload_takes_new_code_and_an_administrators_template(self) -> Deferred[None]:
        async def work() -> None:
            await self.registry.start()
            before = self.registry.loaded()["good"].revision
            mine = self.root / "good" / "var" / "templates" / "own.xml.tpl"
            mine.parent.mkdir(parents=True)
            mine.write_text("<mine/>\n")
            await self.registry.load("good")
            assert self.registry.loaded()["good"].revision != before
            files = await self.registry.device_files("good", DEVICE, {"name": "x"})
            assert files[0].content == b"<mine/>\n"

        return self.run_async(work())

    def test_a_plugin_that_runs_from_a_copy_outlives_broken_edits(self) -> Deferred[None]:
        values = {"good": {"greeting": "hello"}}
        self.copies = self.root / ".copies"
        self.registry = PluginRegistry(
            self.root,
            self.pool,
            Threads(),
            time.time,
            copies=WorkingCopies(self.copies),
            values=lambda plugin_id: values[plugin_id],
            load_seconds=30,
            render_seconds=30,
        )

        async def work() -> None:
            await self.registry.start()
            entry, template = self.root / "good" / "entry.py", self.root / "good" / "templates" / "own.xml.tpl"
            for path, broken in ((entry, "1 / 0"), (template, "{% endif %}"), (self.root / "good/plugin-info", "{")):
                text = path.read_text()
                path.write_text(broken)
                with pytest.raises(PluginProblem):
                    await self.registry.load("good")
                # a process that never saw the good files takes over
                await self._ended_workers()
                await self._good_goes_on()
                path.write_text(text)
                await self.registry.load("good")
                assert self.registry.problems() == ()
            await self.registry.unload("good")
            assert list(self.copies.iterdir()) == []

        return self.run_async(work())

    def test_a_plugin_for_a_newer_server_is_refused_with_a_sentence(self) -> Deferred[None]:
        put(self.root, "new", GOOD)
        info = {"version": "1", "description": "x", "capabilities": {}, "api": 2}
        (self.root / "new" / "plugin-info").write_text(json.dumps(info))

        async def work() -> None:
            await self.registry.start()
            assert set(self.registry.loaded()) == {"good"}
            assert "upgrade the server" in (self.registry.problem_of("new") or "")

        return self.run_async(work())
