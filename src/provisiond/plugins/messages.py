"""What the server and its workers say to each other.

The server's messages are pickled: workers trust it. A worker runs foreign code, so its messages are JSON and raw bytes,
and the server checks them like any other input.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from attrs import asdict, evolve, fields

from provisiond.errors import PluginProblem
from provisiond.identification.rules import Rule, Where
from provisiond.paths import UnsafeName, normalized_name
from provisiond.plugins.rendering import MAX_DEVICE, MAX_FILE, MAX_FILES
from provisiond.plugins.values import RenderedFile, content_type_of
from provisiond.sdk import HttpAction, NotSupported, Parameter, SccpReset, SipNotify, SyncAction
from provisiond.sdk.parameters import problem_of

HEAD: Final = struct.Struct("!I")
MAX_FRAME: Final = MAX_DEVICE + 4 * 1024 * 1024
_ACTIONS: Final = {kind.__name__: kind for kind in (SipNotify, HttpAction, SccpReset, NotSupported)}


def framed(payload: bytes) -> bytes:
    """Return a frame: four bytes of length, then the payload."""
    return HEAD.pack(len(payload)) + payload


class Frames:
    """Cuts a stream of bytes into frames.

    :raises ValueError: from :meth:`feed`, for a frame larger than allowed.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the payloads that are complete now."""
        self._buffer += data
        while len(self._buffer) >= HEAD.size:
            (length,) = HEAD.unpack_from(self._buffer)
            if length > MAX_FRAME:
                raise ValueError("the frame is too large")
            if len(self._buffer) < HEAD.size + length:
                return
            payload = bytes(self._buffer[HEAD.size : HEAD.size + length])
            del self._buffer[: HEAD.size + length]
            yield payload


def packed_answer(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """Return a worker's answer as a payload."""
    return json.dumps(header).encode() + b"\n" + body


def parsed_answer(payload: bytes) -> tuple[dict[str, Any], bytes]:
    """Return header and body of a worker's answer.

    :raises PluginProblem: for the problem that the worker reports, and for anything malformed.
    """
    line, _, body = payload.partition(b"\n")
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise PluginProblem("the plugin's process answered with nonsense")
    problem = header.get("problem")
    if problem is not None:
        raise PluginProblem(_on_one_line(str(problem)[:500]).strip() or "the plugin says no reason")
    return header, body


def _on_one_line(sentence: str) -> str:
    """Return a sentence that a plugin's code may have made as one that logs and terminals can show."""
    return "".join(char if char.isprintable() else " " for char in sentence)


def packed_files(files: Sequence[RenderedFile], more: Mapping[str, Any] | None = None) -> bytes:
    """Return rendered files as a payload.

    :param more: further members of the answer's header.
    """
    rows = [[file.name, file.sensitive, file.trigger, len(file.content)] for file in files]
    return packed_answer({**(more or {}), "files": rows}, b"".join(file.content for file in files))


def parsed_files(payload: bytes) -> tuple[RenderedFile, ...]:
    """Return the rendered files of a payload, names and sizes checked.

    :raises PluginProblem: when the worker reports a problem or the payload is not right.
    """
    header, body = parsed_answer(payload)
    files: list[RenderedFile] = []
    start = 0
    try:
        rows = header["files"]
        if len(rows) > MAX_FILES:
            raise ValueError("too many files")
        for name, sensitive, trigger, size in rows:
            if not isinstance(size, int) or not 0 <= size <= MAX_FILE:
                raise ValueError("a wrong size")
            if not isinstance(name, str) or not name or normalized_name(name) != name:
                raise ValueError("a wrong name")
            content = body[start : start + size]
            start += size
            files.append(
                RenderedFile(
                    name=name,
                    content=content,
                    content_type=content_type_of(name, content),
                    sensitive=bool(sensitive),
                    trigger=bool(trigger),
                )
            )
    except (KeyError, TypeError, ValueError, UnsafeName):
        raise PluginProblem("the plugin's process answered with files that are not right") from None
    if start != len(body):
        raise PluginProblem("the plugin's process answered with files that are not complete")
    return tuple(files)


def packed_many(payloads: Sequence[bytes]) -> bytes:
    """Return several answers as one payload."""
    return packed_answer({"sizes": [len(payload) for payload in payloads]}, b"".join(payloads))


def parsed_many(payload: bytes) -> list[bytes]:
    """Return the answers of a payload.

    :raises PluginProblem: when the worker reports a problem, or the payload is not right.
    """
    header, body = parsed_answer(payload)
    sizes = header.get("sizes")
    if not isinstance(sizes, list) or not all(type(size) is int and size >= 0 for size in sizes):
        raise PluginProblem("the plugin's process answered with nonsense")
    if sum(sizes) != len(body):
        raise PluginProblem("the plugin's process answered with files that are not complete")
    ends = list(accumulate(sizes))
    return [body[end - size : end] for end, size in zip(ends, sizes, strict=True)]


def packed_action(action: SyncAction) -> bytes:
    """Return an action as a payload."""
    return packed_answer({"action": type(action).__name__, "members": asdict(action)})


def parsed_action(payload: bytes) -> SyncAction:
    """Return the action of a payload.

    :raises PluginProblem: when it is none.
    """
    header, _ = parsed_answer(payload)
    kind = _ACTIONS.get(str(header.get("action")))
    members = header.get("members")
    if kind is None or not isinstance(members, dict):
        raise PluginProblem("the plugin's process answered with an unknown action")
    for each in fields(kind):
        if each.type == "str" and each.name in members and not isinstance(members[each.name], str):
            raise PluginProblem(f"the {each.name} of the plugin's {kind.__name__} is no text")
    extra = members.pop("extra", None) or []
    if not all(value is None or isinstance(value, str | bool) for value in (*members.values(), *extra)):
        raise PluginProblem("the plugin's process answered with an action that is not right")
    try:
        action: SyncAction = kind(**members)
    except TypeError:
        raise PluginProblem("the plugin's process answered with an action that is not right") from None
    if extra and isinstance(action, SipNotify):
        return evolve(action, extra=tuple(extra))
    return action


def packed_rules(rules: Sequence[Rule], parameters: Sequence[Parameter] = ()) -> bytes:
    """Return rules, and what can be set, as a payload."""
    rows = [{**asdict(rule), "where": rule.where.value} for rule in rules]
    return packed_answer({"rules": rows, "parameters": [asdict(each) for each in parameters]})


def parsed_parameters(payload: bytes) -> tuple[Parameter, ...]:
    """Return what can be set, of a payload with rules.

    :raises PluginProblem: when it is not right.
    """
    header, _ = parsed_answer(payload)
    try:
        parameters = tuple(Parameter(**row) for row in header.get("parameters") or ())
        problem = problem_of(parameters)
    except (TypeError, AttributeError):
        problem = "the plugin's parameters are not right"
    if problem is not None:
        raise PluginProblem(problem)
    return parameters


def parsed_rules(payload: bytes) -> tuple[Rule, ...]:
    """Return the rules of a payload.

    :raises PluginProblem: when they are none.
    """
    header, _ = parsed_answer(payload)
    try:
        rules = tuple(Rule(**{**row, "where": Where(row["where"])}) for row in header["rules"][:500])
    except (KeyError, TypeError, ValueError):
        raise PluginProblem("the plugin's identification rules are not right") from None
    for rule in rules:
        texts = (rule.literal, rule.pattern, *filter(None, (rule.vendor, rule.model, rule.argument)))
        if not all(isinstance(text, str) and len(text) <= 2_000 for text in texts):
            raise PluginProblem("the plugin's identification rules must hold texts")
    return rules
