"""A worker process: runs plugin code, one call after another, until its parent closes the pipe."""

from __future__ import annotations

import os
import pickle
import resource
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO, Final

from provisiond.errors import ProvisiondError
from provisiond.plugins.compiled_templates import templates_kept_in
from provisiond.plugins.hosting import PluginPlace, PluginShelf
from provisiond.plugins.messages import (
    HEAD,
    framed,
    packed_action,
    packed_answer,
    packed_files,
    packed_many,
    packed_rules,
)
from provisiond.plugins.rendering import MAX_DEVICE

ANSWERS: Final = 3
MEMORY: Final = 2 * 1024**3
NICENESS: Final = 5


def answer(shelf: PluginShelf, kind: str, place: PluginPlace, arguments: tuple[Any, ...]) -> bytes:
    """Return the payload that answers one call.

    :param kind: ``load``, ``try``, ``associate``, ``common``, ``device``, ``devices``, ``upload`` or ``synchronize``.
    """
    try:
        plugin = shelf.plugin(place)
        if kind == "load":
            return packed_rules(plugin.rules, plugin.parameters)
        if kind == "try":
            # a worker starts sooner without it
            from provisiond.plugins.testing import try_out

            try_out(plugin)
            return packed_answer({})
        if kind == "associate":
            return packed_answer({"score": plugin.associate(*arguments)})
        if kind == "common":
            return packed_files(plugin.common_files(*arguments))
        if kind == "device":
            return packed_files(plugin.device_files(*arguments))
        if kind == "devices":
            return packed_many(_answers(shelf, place, *arguments))
        if kind == "parameter":
            return packed_answer({"value": plugin.checked_parameter(*arguments)})
        if kind == "upload":
            return packed_answer({"accepted": plugin.accepts_upload(*arguments)})
        return packed_action(plugin.synchronize(*arguments))
    except ProvisiondError as problem:
        return packed_answer({"problem": problem.sentence})
    except MemoryError:
        return packed_answer({"problem": "it needs too much memory"})
    except Exception as error:
        return packed_answer({"problem": f"it raised {type(error).__name__}"})


def _answers(shelf: PluginShelf, place: PluginPlace, asked: Sequence[tuple[Any, ...]]) -> list[bytes]:
    """Return the answers for the first of these devices: as many as fit into one payload, at least one."""
    answers: list[bytes] = []
    size = 0
    for arguments in asked:
        each = answer(shelf, "device", place, arguments)
        size += len(each)
        if answers and size > MAX_DEVICE:
            break
        answers.append(each)
    return answers


def _exactly(stream: BinaryIO, size: int) -> bytes | None:
    data = stream.read(size)
    return data if len(data) == size else None


def serve(stream: BinaryIO, out: BinaryIO, shelf: PluginShelf) -> None:
    """Answer calls until the stream ends."""
    while (head := _exactly(stream, HEAD.size)) is not None:
        payload = _exactly(stream, HEAD.unpack(head)[0])
        if payload is None:
            return
        # The server's own messages: whoever can write to this pipe is the server.
        kind, place, arguments = pickle.loads(payload)  # noqa: S301
        out.write(framed(answer(shelf, kind, place, arguments)))
        out.flush()


def main() -> None:
    """Run as a worker; descriptor 0 brings calls, 3 takes answers, 1 and 2 go to the server's log.

    The argument, if there is one, is the directory for compiled templates.
    """
    # The server, which answers phones, goes first where there is not time for both.
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    calls = os.fdopen(os.dup(0), "rb")
    out = os.fdopen(ANSWERS, "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    shelf = PluginShelf(templates_kept_in(sys.argv[1:]))
    # The time of the first call counts from now.
    out.write(framed(b""))
    out.flush()
    serve(calls, out, shelf)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
