"""A child process that runs existing plugins beside Twisted's global reactor, as they expect it."""

from __future__ import annotations

import json
import logging
import os
import pickle
import queue
import resource
import sys
import threading
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Final

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread

from provisiond.errors import PluginProblem, ProvisiondError
from provisiond.legacy import names
from provisiond.legacy.calls import Calls
from provisiond.legacy.mirror import remove_former
from provisiond.legacy.own_copies import OwnCopies
from provisiond.legacy.surroundings import HERE
from provisiond.legacy.wire import ANSWER, NUMBER, QUESTION, READY, Instruction
from provisiond.plugins.compiled_templates import templates_kept_in
from provisiond.plugins.messages import HEAD, framed, packed_answer
from provisiond.plugins.worker import ANSWERS

MEMORY: Final = 3 * 1024**3
reactor: Any = global_reactor


class Connection:
    """Speaks with the server: one thread reads, one writes, the reactor's thread does everything else."""

    def __init__(self, calls: BinaryIO, out: BinaryIO) -> None:
        self._incoming = calls
        self._out = out
        self._frames: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._asked: dict[int, Deferred[Any]] = {}
        self._numbers = count(1)
        self.handle: Callable[[Instruction], Any] | None = None

    def start(self) -> None:
        """Begin to read and write, and tell the server so: what it asks counts from now."""
        self._send(READY, 0, b"")
        for work in (self._read, self._write):
            threading.Thread(target=work, daemon=True).start()

    # The server asks

    def _read(self) -> None:
        while (head := self._incoming.read(HEAD.size)) and len(head) == HEAD.size:
            payload = self._incoming.read(HEAD.unpack(head)[0])
            # The server's own messages: whoever can write to this pipe is the server.
            reactor.callFromThread(self._taken, pickle.loads(payload))  # noqa: S301
        os._exit(0)

    def _taken(self, message: tuple[Any, ...]) -> None:
        if message[0] == "reply":
            self._replied(*message[1:])
            return
        number, instruction = message[1:]
        Deferred.fromCoroutine(self._answered(number, instruction))

    async def _answered(self, number: int, instruction: Instruction) -> None:
        assert self.handle is not None
        try:
            payload: bytes = await self.handle(instruction)
        except ProvisiondError as problem:
            payload = packed_answer({"problem": problem.sentence})
        except MemoryError:
            payload = packed_answer({"problem": "it needs too much memory"})
        except BaseException as error:
            payload = packed_answer({"problem": f"it raised {type(error).__name__}"})
        self._send(ANSWER, number, payload)

    # Plugins ask

    def deferred(self, kind: str, /, **members: Any) -> Deferred[Any]:
        """Ask the server; the Deferred fires in the reactor's thread."""
        number = next(self._numbers)
        asked: Deferred[Any] = Deferred()
        self._asked[number] = asked
        try:
            self._send(QUESTION, number, json.dumps({"kind": kind, **members}).encode())
        except (TypeError, ValueError):
            del self._asked[number]
            raise PluginProblem("the plugin gave the server something that is no JSON") from None
        return asked

    def blocking(self, kind: str, /, **members: Any) -> Any:
        """Ask the server and wait; to be called in any other thread."""
        return blockingCallFromThread(reactor, lambda: self.deferred(kind, **members))

    def _replied(self, number: int, reply: Mapping[str, Any]) -> None:
        asked = self._asked.pop(number, None)
        if asked is None:
            return
        if reply.get("problem") is not None:
            asked.errback(Exception(reply["problem"]))
        else:
            asked.callback(reply.get("value"))

    def _send(self, kind: bytes, number: int, payload: bytes) -> None:
        self._frames.put(framed(NUMBER.pack(kind, number) + payload))

    def _write(self) -> None:
        while True:
            self._out.write(self._frames.get())
            self._out.flush()


def main() -> None:
    """Run as a worker; descriptor 0 brings calls, 3 takes answers, 1 and 2 go to the server's log.

    The arguments are a directory for this process alone, beside those of the processes that it replaces, and, if there
    is one, that for compiled templates.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    calls = os.fdopen(os.dup(0), "rb")
    out = os.fdopen(ANSWERS, "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    remove_former(Path(sys.argv[1]))
    # Many plugins write into one log here.
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    names.register()
    OwnCopies(HERE).watch()
    connection = Connection(calls, out)
    HERE.bridge = connection
    HERE.compiled = templates_kept_in(sys.argv[2:])
    connection.handle = Calls(HERE, Path(sys.argv[1]), reactor).answer
    reactor.callWhenRunning(connection.start)
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main()
