"""What owner and fronts say to each other: JSON and raw bytes, in frames."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import asdict

from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.phones.content import Content, OwnAnswer
from provisiond.phones.journal import PhoneEvent
from provisiond.phones.pipeline import Answer
from provisiond.phones.remembered import Kept
from provisiond.plugins.messages import framed


def message(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """Return a message as a frame."""
    return framed(json.dumps(header).encode() + b"\n" + body)


def parsed(payload: bytes) -> tuple[dict[str, Any], bytes]:
    """Return header and body of a message.

    :raises ValueError: for what is none.
    """
    line, _, body = payload.partition(b"\n")
    header = json.loads(line)
    if not isinstance(header, dict):
        raise ValueError("a message has a header")
    return header, body


def packed_request(request: PhoneRequest) -> dict[str, Any]:
    """Return a phone's request as JSON members."""
    return {
        "protocol": request.protocol.value,
        "method": request.method,
        "path": request.path,
        "query": dict(request.query),
        "headers": dict(request.headers),
        "peer": request.peer,
        "raw_query": request.raw_query,
        "body": request.body.decode("latin-1"),
        "mode": request.mode,
        "options": dict(request.options),
    }


def unpacked_request(members: Mapping[str, Any]) -> PhoneRequest:
    """Return the request of :func:`packed_request`."""
    return PhoneRequest(
        protocol=Protocol(members["protocol"]),
        method=members["method"],
        path=members["path"],
        query=members["query"],
        headers=members["headers"],
        peer=members["peer"],
        raw_query=members["raw_query"],
        body=members["body"].encode("latin-1"),
        mode=members["mode"],
        options=members["options"],
    )


def packed_answer(answer: Answer, stamp: int) -> tuple[dict[str, Any], bytes]:
    """Return header and body of an answer.

    :param stamp: state of everything before the answer was made.
    """
    kept = answer.kept
    header: dict[str, Any] = {"outcome": answer.outcome, "stamp": stamp}
    if kept is None:
        return header, b""
    header.update(event=list(kept.event), name=kept.name)
    members, body = packed_content(kept.content)
    return {**header, "content": members}, body


def packed_content(content: Content) -> tuple[dict[str, Any], bytes]:
    """Return JSON members and bytes of a content."""
    members = asdict(content, filter=lambda attribute, _: attribute.name not in ("data", "path"))
    return {**members, "path": None if content.path is None else str(content.path)}, content.data or b""


def unpacked_content(members: Mapping[str, Any], body: bytes) -> Content:
    """Return the content of :func:`packed_content`."""
    members = dict(members)
    path, own = members.pop("path"), members.pop("own")
    if own is not None:
        headers = tuple((name, value) for name, value in own["headers"])
        own = OwnAnswer(status=own["status"], headers=headers, text=own["text"])
    return Content(**members, own=own, path=None if path is None else Path(path), data=body if path is None else None)


def unpacked_answer(header: Mapping[str, Any], body: bytes) -> Answer:
    """Return the answer of :func:`packed_answer`."""
    if "content" not in header:
        return Answer(outcome=header["outcome"])
    content = unpacked_content(header["content"], body)
    kept = Kept(PhoneEvent(*header["event"]), content, header["name"])
    return Answer(outcome=header["outcome"], content=content, kept=kept)
