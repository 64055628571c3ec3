"""The server's side of the child processes that run existing plugins.

Each plugin lives in one of a few processes, so that it keeps its state between calls. A process that hangs or dies is
replaced; what other plugins were doing there is done again.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredLock, FirstError, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from provisiond.errors import PluginProblem, ProvisiondError, Unavailable
from provisiond.legacy.wire import ANSWER, NUMBER, READY, Environment, Instruction
from provisiond.plugins.child_process import DESCRIPTORS, START_SECONDS, PluginProcess, Reactor, kept_environment
from provisiond.plugins.hosting import PluginPlace
from provisiond.plugins.messages import parsed_answer

log = Logger()
BATCH_SECONDS: Final = 10.0
SINGLE_SECONDS: Final = 5.0
LOAD_SECONDS: Final = 60.0
ATTEMPTS: Final = 2
ONE_AT_A_TIME: Final = frozenset(
    {"load", "describe", "common", "device", "deconfigure", "set_parameter", "package_begin"}
)


class Questions(Protocol):
    """Answers what plugins ask of the server."""

    async def answer(self, kind: str, members: Mapping[str, Any]) -> Any: ...


@define(eq=False)
class _Call:
    """One call that a process is to answer."""

    instruction: Instruction
    seconds: float
    result: Deferred[bytes] = field(factory=Deferred)
    timer: Any = None
    attempts: int = 0


class _Process(PluginProcess):
    """One child process, with the calls that it has not answered yet."""

    def __init__(self, owner: LegacyProcesses, slot: int) -> None:
        super().__init__()
        self._owner = owner
        self.slot = slot
        self._number = 0
        self.calls: dict[int, _Call] = {}
        self.guilty: _Call | None = None
        self._is_ready = False

    def take(self, call: _Call) -> None:
        """Send a call."""
        self._number += 1
        number = self._number
        self.calls[number] = call
        call.attempts += 1
        seconds = call.seconds if self._is_ready else max(call.seconds, START_SECONDS)
        call.timer = self._owner.reactor.callLater(seconds, self._too_long, call)
        self._write(("call", number, call.instruction))

    def _ready(self) -> None:
        """Count the time of the calls that waited for the process from now on."""
        self._is_ready = True
        for call in self.calls.values():
            call.timer.reset(call.seconds)

    def _write(self, message: tuple[Any, ...]) -> None:
        self.send(pickle.dumps(message))

    def _too_long(self, call: _Call) -> None:
        self.guilty = call
        self.kill_slow(call.seconds)

    def answered(self, payload: bytes) -> None:
        """Take an answer or a question."""
        if len(payload) < NUMBER.size:
            raise ValueError("a frame without its number")
        kind, number = NUMBER.unpack_from(payload)
        if kind == READY:
            self._ready()
        elif kind == ANSWER:
            self._answered(number, payload[NUMBER.size :])
        else:
            self._asked(number, payload[NUMBER.size :])

    def _answered(self, number: int, payload: bytes) -> None:
        call = self.calls.pop(number, None)
        if call is None:
            self.kill("it answered without being asked")
            return
        self.end_timer(call.timer)
        self.let_print()
        call.result.callback(payload)

    def _asked(self, number: int, payload: bytes) -> None:
        Deferred.fromCoroutine(self._reply(number, payload))

    async def _reply(self, number: int, payload: bytes) -> None:
        try:
            question = json.loads(payload)
            reply = {"value": await self._owner.questions.answer(str(question.pop("kind")), question)}
        except ProvisiondError as problem:
            reply = {"problem": problem.sentence}
        except Exception:
            log.failure("a question of a plugin could not be answered")
            reply = {"problem": "the server could not do this, see its log"}
        self._write(("reply", number, reply))

    def processEnded(self, reason: Failure) -> None:  # noqa: N802
        """Give back what was not answered."""
        calls = list(self.calls.values())
        self.calls.clear()
        for call in calls:
            self.end_timer(call.timer)
        if self.guilty is None and len(calls) == 1 and not self.was_killed_by_others(reason):
            self.guilty = calls[0]
        self._owner.ended(self, calls, self.end_of(reason))


class LegacyProcesses:
    """Runs calls of existing plugins in child processes.

    :param scratch: a directory for the processes; what lies there is removed.
    :param environment: asked at each call.
    :param specific: settings by plugin id.
    :param workers: how many processes at most; each is started when it is first needed.
    :param questions: answers what plugins ask.
    :param compiled: directory for compiled templates; None to keep none.
    """

    def __init__(
        self,
        reactor: Reactor,
        scratch: Path,
        environment: Callable[[], Environment],
        questions: Questions,
        *,
        specific: Mapping[str, Mapping[str, Any]] | None = None,
        workers: int = 2,
        compiled: Path | None = None,
    ) -> None:
        self.reactor = reactor
        self.questions = questions
        self._scratch = scratch.absolute()
        self._environment = environment
        self._specific = specific or {}
        self._workers = workers
        self._compiled = [] if compiled is None else [str(compiled)]
        self._slots: dict[str, int] = {}
        self._processes: dict[int, _Process] = {}
        self._locks: dict[str, DeferredLock] = {}
        self._distrusted: set[PluginPlace] = set()
        self._stopped: Deferred[None] | None = None
        self._spawned = 0

    def recover(self) -> None:
        """Remove what an earlier server left, at the start; blocks."""
        shutil.rmtree(self._scratch, ignore_errors=True)

    async def call(self, kind: str, place: PluginPlace, *arguments: Any, seconds: float) -> bytes:
        """Return the payload that a plugin's process answers.

        :param seconds: time limit, from the moment the process begins.
        :raises PluginProblem: when the call takes longer, or the process dies over it.
        """
        instruction = self._instruction(kind, (place,), arguments)
        if kind == "load":
            self._distrusted.discard(place)
        if kind not in ONE_AT_A_TIME:
            return await self._answer(self._slot(place.id), instruction, seconds)
        async with self._locks.setdefault(place.id, DeferredLock()):
            return await self._answer(self._slot(place.id), instruction, seconds)

    async def ask_all(
        self, kind: str, places: Sequence[PluginPlace], argument: Any, *, seconds: float = BATCH_SECONDS
    ) -> dict[str, dict[str, Any]]:
        """Return what each plugin answers, by id; never raises for what one of them does.

        :param kind: ``extract`` or ``associate``.
        :raises Unavailable: when no process can be started, or the server is stopping.
        """
        trusted = [place for place in places if place not in self._distrusted]
        work = [
            Deferred.fromCoroutine(self._ask_slot(slot, kind, group, argument, seconds))
            for slot, group in self._grouped(trusted)
        ]
        try:
            answers: list[dict[str, dict[str, Any]]] = await gatherResults(work, consumeErrors=True)
        except FirstError as first:
            first.subFailure.raiseException()
        return {plugin_id: answer for each in answers for plugin_id, answer in each.items()}

    async def forget(self, plugin_id: str) -> None:
        """Let the process that has a plugin close it."""
        slot = self._slots.pop(plugin_id, None)
        self._locks.pop(plugin_id, None)
        process = self._processes.get(slot) if slot is not None else None
        if process is None or slot is None:
            return
        place = PluginPlace(id=plugin_id, directory=self._scratch, revision="", year=0)
        try:
            await self._answer(slot, self._instruction("unload", (place,), ()), 30.0)
        except ProvisiondError as problem:
            log.info("plugin {plugin} was not closed: {problem}", plugin=plugin_id, problem=problem.sentence)

    async def stop(self) -> None:
        """End all processes."""
        if self._stopped is None:
            self._stopped = Deferred()
        for process in tuple(self._processes.values()):
            process.kill("the server is stopping")
        if self._processes:
            await self._stopped
        shutil.rmtree(self._scratch, ignore_errors=True)

    # Inside

    def _instruction(self, kind: str, places: tuple[PluginPlace, ...], arguments: tuple[Any, ...]) -> Instruction:
        return Instruction(
            kind=kind,
            places=places,
            environment=self._environment(),
            specific={place.id: self._specific[place.id] for place in places if place.id in self._specific},
            arguments=arguments,
        )

    async def _ask_slot(
        self, slot: int, kind: str, places: Sequence[PluginPlace], argument: Any, seconds: float
    ) -> dict[str, dict[str, Any]]:
        try:
            return await self._asked(slot, kind, places, argument, seconds)
        except PluginProblem:
            log.warn("plugins are asked one by one, because one of them does not answer")
        answers: dict[str, dict[str, Any]] = {}
        for place in places:
            answers.update(await self._ask_alone(slot, kind, place, argument))
        return answers

    async def _ask_alone(self, slot: int, kind: str, place: PluginPlace, argument: Any) -> dict[str, dict[str, Any]]:
        """Ask one plugin, after it has been loaded: that may take long, asking may not."""
        try:
            parsed_answer(await self._answer(slot, self._instruction("load", (place,), ()), LOAD_SECONDS))
            return await self._asked(slot, kind, [place], argument, SINGLE_SECONDS)
        except PluginProblem as problem:
            self._distrusted.add(place)
            return {place.id: {"problem": f"{kind}: {problem.sentence}; it is not asked any more"}}

    async def _asked(
        self, slot: int, kind: str, places: Sequence[PluginPlace], argument: Any, seconds: float
    ) -> dict[str, dict[str, Any]]:
        payload = await self._answer(slot, self._instruction(kind, tuple(places), (argument,)), seconds)
        answers = parsed_answer(payload)[0].get("answers")
        if not isinstance(answers, dict) or not all(isinstance(each, dict) for each in answers.values()):
            raise PluginProblem("the plugin's process answered with nonsense")
        return answers

    def _grouped(self, places: Sequence[PluginPlace]) -> Iterator[tuple[int, list[PluginPlace]]]:
        groups: dict[int, list[PluginPlace]] = {}
        for place in places:
            groups.setdefault(self._slot(place.id), []).append(place)
        yield from groups.items()

    def _slot(self, plugin_id: str) -> int:
        """Return the process of a plugin; a new one goes where the fewest are."""
        if plugin_id not in self._slots:
            used = list(self._slots.values())
            self._slots[plugin_id] = min(range(self._workers), key=used.count)
        return self._slots[plugin_id]

    async def _answer(self, slot: int, instruction: Instruction, seconds: float) -> bytes:
        call = _Call(instruction, seconds)
        self._send(slot, call)
        return await call.result

    def _send(self, slot: int, call: _Call) -> None:
        if self._stopped is not None:
            call.result.errback(Unavailable("the server is stopping"))
            return
        process = self._processes.get(slot)
        if process is None:
            try:
                process = self._processes[slot] = self._started(slot)
            except OSError as error:
                sentence = f"no process can be started for plugins now: {error.strerror or error}"
                call.result.errback(Unavailable(sentence))
                return
        process.take(call)

    def _started(self, slot: int) -> _Process:
        process = _Process(self, slot)
        self._spawned += 1
        directory = self._scratch / str(slot) / f"{os.getpid()}-{self._spawned}-{time.time_ns():x}"
        directory.mkdir(parents=True)
        self.reactor.spawnProcess(
            process,
            sys.executable,
            [sys.executable, "-B", "-m", "provisiond.legacy.worker", str(directory), *self._compiled],
            env={**kept_environment(), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
            childFDs=DESCRIPTORS,
        )
        return process

    def ended(self, process: _Process, calls: Sequence[_Call], reason: str) -> None:
        """Fail the guilty call, and do the others again elsewhere."""
        if self._processes.get(process.slot) is process:
            del self._processes[process.slot]
        for call in calls:
            if self._stopped is not None:
                call.result.errback(Unavailable("the server is stopping"))
            elif call is process.guilty or call.attempts >= ATTEMPTS:
                call.result.errback(PluginProblem(reason))
            else:
                self._send(process.slot, call)
        if self._stopped is not None and not self._processes and not self._stopped.called:
            self._stopped.callback(None)
