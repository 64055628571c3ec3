"""Archives, indexes and answers that nobody should send, made here, by name."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from tests.support.file_server import Behaviour, Exchange, announce, redirect, status
from tests.support.firmware import zip_bytes
from tests.support.package_daemon import PLUGIN, demo_archive, demo_files
from tests.support.plugin_packages import link, member, tar_bytes

VERSION = "6.6"
Members = list[tuple[tarfile.TarInfo, bytes]]


def good_members(**more: bytes) -> Members:
    """Return the members of a right archive."""
    files = demo_files(VERSION, **more)
    return [member(PLUGIN), *(member(f"{PLUGIN}/{name}", content) for name, content in files.items())]


def packed(*more: tuple[tarfile.TarInfo, bytes]) -> bytes:
    return tar_bytes([*good_members(), *more])


def _without(name: str, *instead: tuple[tarfile.TarInfo, bytes]) -> bytes:
    kept = [each for each in good_members() if each[0].name != f"{PLUGIN}/{name}"]
    return tar_bytes([*kept, *instead])


def _info(content: bytes) -> bytes:
    return tar_bytes(good_members(**{"plugin-info": content}))


def _deep() -> bytes:
    name = PLUGIN + "/d" * 3000
    return packed(member(f"{name}/file", b"x"))


def _sparse() -> bytes:
    info, content = member(f"{PLUGIN}/sparse", b"x" * 512)
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 50)}
    return packed((info, content))


def _negative() -> bytes:
    data = bytearray(tar_bytes(good_members(), ""))
    data[124:136] = b"\xff" * 12
    return bz2.compress(_checksummed(data))


def _checksummed(data: bytearray) -> bytes:
    data[148:156] = b" " * 8
    data[148:156] = f"{sum(data[:512]):06o}\0 ".encode()
    return bytes(data)


@cache
def plugin_archives() -> Mapping[str, bytes]:
    """Return name -> archive of a plugin in version 6.6 that must be refused."""
    good = tar_bytes(good_members())
    top, info = f"{PLUGIN}/x", json.loads(demo_files(VERSION)["plugin-info"])
    found = {
        "empty": b"",
        "noise": random.Random(1).randbytes(5000),
        "page": b"<html><body>404 not found</body></html>" * 20,
        "zip": zip_bytes({f"{PLUGIN}/plugin-info": json.dumps(info).encode()}),
        "packed twice": bz2.compress(good),
        "index": json.dumps({PLUGIN: info}).encode(),
        "no member": tar_bytes([]),
        "parent": packed(member("../evil", b"x")),
        "parent inside": packed(member(f"{PLUGIN}/../../evil", b"x")),
        "absolute": packed(member("/tmp/evil", b"x")),
        "link out": packed(link(top, "../../../../etc/passwd")),
        "absolute link": packed(link(top, "/etc/passwd")),
        "hard link out": packed(link(top, "../../etc/passwd", tarfile.LNKTYPE)),
        "hard link to nothing": packed(link(top, f"{PLUGIN}/nothing", tarfile.LNKTYPE)),
        "link then file": packed(link(top, "/tmp"), member(f"{top}/evil", b"x")),
        "links by way of links": packed(link(f"{PLUGIN}/a", "."), link(f"{PLUGIN}/a/b", "..")),
        "device": packed(member(top, type=tarfile.CHRTYPE, devmajor=1, devminor=3)),
        "disk": packed(member(top, type=tarfile.BLKTYPE)),
        "pipe": packed(member(top, type=tarfile.FIFOTYPE)),
        "unknown kind": packed(member(top, b"x", type=b"Z")),
        "sparse": _sparse(),
        "negative size": _negative(),
        "two tops": packed(member("other-1"), member("other-1/x", b"x")),
        "another plugin": demo_archive(VERSION, "other-1"),
        "top is a file": tar_bytes([member(PLUGIN, b"x")]),
        "control character": packed(member(f"{PLUGIN}/a\nb", b"x")),
        "long name": packed(member(f"{PLUGIN}/{'n' * 300}", b"x")),
        "deep": _deep(),
        "file and directory": packed(member(top, b"x"), member(f"{top}/y", b"x")),
        "no plugin-info": _without("plugin-info"),
        "plugin-info is a directory": _without("plugin-info", member(f"{PLUGIN}/plugin-info")),
        "plugin-info is a link": _without("plugin-info", link(f"{PLUGIN}/plugin-info", "entry.py")),
        "plugin-info is no JSON": _info(b"{"),
        "plugin-info is a list": _info(b"[]"),
        "plugin-info is deep": _info(b"[" * 100_000),
        "plugin-info is huge": _info(b" " * (2 << 20)),
        "plugin-info of another version": _info(json.dumps({**info, "version": "6.7"}).encode()),
        "no description": _info(json.dumps({"version": VERSION}).encode()),
        "bomb": packed(member(f"{PLUGIN}/zeros", bytes(40 << 20))),
        "no entry": _without("entry.py"),
        "entry that is no Python": tar_bytes(good_members(**{"entry.py": b"PLUGIN = ("})),
        "entry that raises": tar_bytes(good_members(**{"entry.py": b"raise ValueError('x' * 100000)"})),
        "entry that exits": tar_bytes(good_members(**{"entry.py": b"import os; os._exit(0)"})),
        "entry that eats memory": tar_bytes(good_members(**{"entry.py": b"x = bytes(1 << 40)"})),
        "entry without a plugin": tar_bytes(good_members(**{"entry.py": b"x = 1"})),
    }
    found |= {f"cut after {size}": good[:size] for size in range(0, len(good) - 1, max(1, len(good) // 12)) if size}
    return found


def damaged(count: int) -> list[bytes]:
    """Return right archives with one byte changed; many of them are still readable, and then must work."""
    good = tar_bytes(good_members(), "")
    chance = random.Random(2)
    found = []
    for _ in range(count):
        data = bytearray(good)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        found.append(gzip.compress(bytes(data)))
    return found


def _zip_saying(**members: int) -> bytes:
    """Return a zip whose directory lies about a size or an offset."""
    data = bytearray(zip_bytes({"a.bin": b"content"}))
    place = data.rindex(b"PK\x01\x02")
    offsets = {"packed": 20, "size": 24, "offset": 42}
    for name, value in members.items():
        struct.pack_into("<I", data, place + offsets[name], value)
    return bytes(data)


def _encrypted() -> bytes:
    data = bytearray(zip_bytes({"a.bin": b"content"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.rindex(mark) + offset] |= 1
    return bytes(data)


def zeros_zip(size: int) -> bytes:
    """Return a small zip of one file of so many zeros."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive, archive.open("z", "w") as file:
        for _ in range(size >> 20):
            file.write(bytes(1 << 20))
    return stream.getvalue()


@cache
def firmware_archives() -> Mapping[str, tuple[str, bytes]]:
    """Return name -> filter and archive that must not become files of phones."""
    good = zip_bytes({"a.bin": b"content" * 1000, "d/b.bin": b"more"})
    zips = {
        "empty": b"",
        "page": b"<html>moved</html>",
        "tar": tar_bytes([member("a", b"x")]),
        "nothing inside": zip_bytes({}),
        "encrypted": _encrypted(),
        "size that lies": _zip_saying(size=1 << 30),
        "packed size that lies": _zip_saying(packed=1 << 20),
        "offset that lies": _zip_saying(offset=1 << 30),
        "bomb": zeros_zip(24 << 20),
        "control character": zip_bytes({"a\nb": b"x"}),
        "long name": zip_bytes({"n" * 300: b"x"}),
        "only rubbish": zip_bytes({".hidden": b"x", "x.tmp": b"x"}),
        **{f"cut after {size}": good[:size] for size in range(10, len(good), len(good) // 6)},
    }
    tars = {
        "zip": good,
        "link out": tar_bytes([link("a", "../../../../etc/passwd"), member("b", b"x")]),
        "device": tar_bytes([member("a", type=tarfile.CHRTYPE), member("b", b"x")]),
        "parent": tar_bytes([member("../../evil", b"x")]),
        "bomb": tar_bytes([member("zeros", bytes(24 << 20))], "gz"),
        "negative size": bz2.compress(_checksummed(bytearray(tar_bytes([member("a", b"x")], "")))[:400]),
    }
    found = {f"zip, {name}": ("unzip $FILE1", data) for name, data in zips.items()}
    found |= {f"tar, {name}": ("untar $FILE1", data) for name, data in tars.items()}
    found |= {"7z, noise": ("7z $FILE1", random.Random(3).randbytes(4000))}
    return found


def entry(**members: Any) -> dict[str, Any]:
    """Return the entry of a plugin in an index, with other members; None removes one."""
    digest = hashlib.sha1(b"x").hexdigest()
    whole = {
        "version": "1.0",
        "description": "Phones",
        "capabilities": {},
        "filename": "x.tar.bz2",
        "dsize": 1,
        "sha1sum": digest,
        **members,
    }
    return {name: value for name, value in whole.items() if value is not None}


@cache
def broken_indexes() -> Mapping[str, bytes]:
    """Return name -> content of an index that is none."""
    return {
        "empty": b"",
        "page": b"<!DOCTYPE html><html></html>",
        "list": b"[]",
        "null": b"null",
        "number": b"1e999",
        "cut": b'{"a": {"version"',
        "deep list": b"[" * 200_000,
        "deep object": b'{"a":' * 200_000,
        "not a text": b'{"\xff": {}}',
        "other encoding": json.dumps({"x": entry()}).encode("utf-16-be")[1:],
        "noise": random.Random(4).randbytes(10_000),
        "packed": gzip.compress(b"{}"),
        "endless number": b'{"a": ' + b"9" * 100_000 + b"}",
    }


def bad_entries() -> Mapping[str, tuple[str, Any]]:
    """Return name -> id and entry that must be left out of an otherwise right index."""
    ids = ["", ".", "..", ".work", "a/b", "a\\b", "/x", "a\nb", "x" * 400, "\ud800", "a b", "plugins.db\0"]
    return {
        **{f"id {number}": (name, entry()) for number, name in enumerate(ids)},
        "a text": ("bad-1", "text"),
        "nothing": ("bad-1", None),
        "a list": ("bad-1", []),
        **{
            f"without {name}": ("bad-1", entry(**{name: None}))
            for name in ("version", "description", "capabilities", "filename", "dsize", "sha1sum")
        },
        **{
            f"file name {number}": ("bad-1", entry(filename=name))
            for number, name in enumerate(
                ["../x", "/etc/passwd", "a/b", "", ".", "..", ".x", "x.part", "a\nb", 5, ["x"], "x" * 300]
            )
        },
        **{
            f"size {number}": ("bad-1", entry(dsize=size))
            for number, size in enumerate([-1, 0, True, 1.5, "1", [], {"x": 1}])
        },
        **{
            f"digest {number}": ("bad-1", entry(sha1sum=text))
            for number, text in enumerate(["", "x" * 40, "0" * 39, "0" * 41, 5, None, "0" * 64])
        },
        "two digests": ("bad-1", entry(sha256sum="0" * 64, sha256="1" * 64)),
        "version 1": ("bad-1", entry(version=1)),
        "version list": ("bad-1", entry(version=[])),
        "version of two lines": ("bad-1", entry(version="1\n2")),
        "capabilities list": ("bad-1", entry(capabilities=[])),
        "description object": ("bad-1", entry(description={})),
    }


def answers() -> Mapping[str, Behaviour]:
    """Return name -> what a server may answer instead of a file."""

    def raw(text: bytes) -> Behaviour:
        def behaviour(exchange: Exchange) -> None:
            exchange.body(text)
            exchange.hang_up()

        return behaviour

    def with_headers(code: int, body: bytes = b"{}", **headers: object) -> Behaviour:
        return lambda exchange: exchange.send(code, body, **headers)

    def bounce(exchange: Exchange) -> None:
        exchange.send(302, b"", Location=f"{exchange.server.url}{exchange.path}")

    refusing: dict[str, Callable[[Exchange], None]] = {
        **{
            f"status {code}": status(code) for code in (201, 204, 206, 300, 400, 401, 403, 404, 410, 416, 500, 503, 599)
        },
        "not modified": status(304),
        "redirect for ever": bounce,
        **{
            f"redirect to {name}": redirect(target)
            for name, target in {
                "a file": "file:///etc/passwd",
                "a local name": "file:plugins.db",
                "data": "data:application/json,{}",
                "a script": "javascript:alert(1)",
                "gopher": "gopher://127.0.0.1/",
                "nothing": "",
                "no port": "http://127.0.0.1:99999/",
                "a closed port": "http://127.0.0.1:1/plugins.db",
                "an FTP server": "ftp://127.0.0.1:1/plugins.db",
                "no host": "http:///plugins.db",
                "a host with a blank": "http://a b/",
                "a host of another world": "http://h\u00f6st.invalid/".encode().decode("latin-1"),
            }.items()
        },
        "a length that is too great": announce(1 << 20),
        "a length above all limits": announce(1 << 40),
        "a length that is no number": raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}"),
        "a negative length": raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"),
        "two lengths": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
        "broken chunks": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
        "a cut chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}"),
        "no HTTP": raw(b"220 welcome to FTP\r\n"),
        "nothing": raw(b""),
        "an endless header": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n{}"),
        "gzip that is none": with_headers(200, Content_Encoding="gzip"),
        "an unknown encoding": with_headers(200, b"\x00\x01", Content_Encoding="br"),
    }
    return refusing
