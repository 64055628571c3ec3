"""Templates that were compiled before, on disk: compiling one takes a hundred times as long as reading it."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import marshal
import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path
from types import CodeType
from typing import Any, Final

import jinja2
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket

from provisiond import __version__

MAX_SIZE: Final = 8 * 1024 * 1024
MAX_FILES: Final = 2_000
_MARK: Final = b"provisiond template 1\n"
_DIGEST: Final = hashlib.sha256().digest_size
_OTHERS_WRITE: Final = 0o022
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class CompiledTemplates(BytecodeCache):
    """Keeps compiled templates in a directory that belongs to this user alone.

    What is read was made from the very same source by the same versions of the server, Jinja and Python; anything
    else, what is damaged, and what others could have written counts as not there. A disk that refuses costs time only.

    :param directory: made when needed; a directory that others may write is not used.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        with contextlib.suppress(OSError):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._is_ours = _is_ours(directory)

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        """Return what there is of a template; the code says that it comes from the file where the source is now."""
        bucket = super().get_bucket(environment, name, filename, source)
        if isinstance(bucket.code, CodeType):
            bucket.code = bucket.code.replace(co_filename=filename or "<template>")
        return bucket

    def get_cache_key(self, name: str, filename: str | os.PathLike[str] | None = None) -> str:
        """Return what stands for a template besides its source: its name, not its place."""
        return name

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take over the code if it is there."""
        if not self._is_ours:
            return
        path = self._path(bucket)
        try:
            data = _read(path)
        except OSError:
            return
        body = data[len(_MARK) + _DIGEST :]
        if data[: len(data) - len(body)] != _MARK + hashlib.sha256(body).digest():
            return
        bucket.code = marshal.loads(body)  # noqa: S302 - it is what was written, and only this user can write it
        with contextlib.suppress(OSError):
            os.utime(path)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code, wholly or not at all."""
        if not self._is_ours:
            return
        body = marshal.dumps(bucket.code)
        if len(body) > MAX_SIZE:
            return
        with contextlib.suppress(OSError):
            self._make_room()
            self._put(self._path(bucket), _MARK + hashlib.sha256(body).digest() + body)

    def _path(self, bucket: Bucket) -> Path:
        digest = hashlib.sha256(repr((_traits(bucket.environment), bucket.key, bucket.checksum)).encode())
        return self._directory / digest.hexdigest()

    def _put(self, path: Path, data: bytes) -> None:
        new = self._directory / f".new-{secrets.token_hex(8)}"
        try:
            with open(os.open(new, _WRITE, 0o600), "wb") as stream:
                stream.write(data)
            os.replace(new, path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise

    def _make_room(self) -> None:
        names = os.listdir(self._directory)
        if len(names) < MAX_FILES:
            return
        ages = []
        for name in names:
            with contextlib.suppress(OSError):
                ages.append((os.stat(self._directory / name).st_mtime, name))
        for _, name in sorted(ages)[: MAX_FILES // 2]:
            (self._directory / name).unlink(missing_ok=True)


def templates_kept_in(directories: Sequence[str]) -> CompiledTemplates | None:
    """Return what keeps compiled templates in the first of these directories; None without any."""
    return CompiledTemplates(Path(directories[0])) if directories else None


def _traits(environment: Environment) -> tuple[Any, ...]:
    """Return what compiled code depends on besides its source."""
    settings = (environment.autoescape, environment.trim_blocks, environment.lstrip_blocks, environment.sandboxed)
    names = (type(environment).__qualname__, getattr(environment.finalize, "__qualname__", None))
    kept = (environment.keep_trailing_newline, environment.optimized, environment.is_async)
    versions = (__version__, jinja2.__version__, importlib.util.MAGIC_NUMBER)
    return (*versions, *names, *settings, *kept, tuple(sorted(environment.extensions)))


def _is_ours(directory: Path) -> bool:
    try:
        status = os.lstat(directory)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & _OTHERS_WRITE


def _read(path: Path) -> bytes:
    descriptor = os.open(path, _READ)
    with open(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & _OTHERS_WRITE:
            raise PermissionError("others could have written it")
        return stream.read(MAX_SIZE + len(_MARK) + _DIGEST)
