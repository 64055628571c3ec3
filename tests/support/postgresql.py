"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


def _command(*arguments: str) -> list[str]:
    """Return the command; PostgreSQL refuses to run as root, so root hands it to Debian's user for it."""
    if os.getuid() != 0:
        return list(arguments)
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *arguments]


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a server in a directory of its own and yield the URL of its database, without options.

    Fails when Debian's package ``postgresql`` is not installed: a test that needs it must not be skipped.
    """
    assert PROGRAMS, "install Debian's package postgresql"
    programs = PROGRAMS[-1].parent
    directory = Path(tempfile.mkdtemp(prefix="provisiond-pg-", dir="/tmp"))
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    if os.getuid() == 0:
        shutil.chown(directory, "postgres", "postgres")
    data = str(directory / "data")
    make = [str(programs / "initdb"), "-D", data, "-U", user, "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]
    try:
        subprocess.run(_command(*make), check=True, capture_output=True, cwd="/")
        options = f"-c listen_addresses='' -c unix_socket_directories={directory} -c fsync=off"
        control = [str(programs / "pg_ctl"), "-D", data, "-w", "-l", str(directory / "log")]
        subprocess.run(_command(*control, "-o", options, "start"), check=True, capture_output=True, cwd="/")
        try:
            yield f"postgresql+psycopg://{user}@/postgres?host={directory}"
        finally:
            subprocess.run(_command(*control, "-m", "immediate", "stop"), check=True, capture_output=True, cwd="/")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
