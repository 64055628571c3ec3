"""What docs/plugin-guide.md types to see a plugin served, against a real server."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.guide import guide_text, write_examples
from tests.support.servers import Running, prepared

from provisiond.cli.authoring import main

WEB_SERVER = "python3 -m http.server --bind 127.0.0.1 --directory _build/testing 8080 &\n"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The guide's family, packed and indexed as the guide does it."""
    directory = tmp_path / "sources"
    write_examples(directory)
    monkeypatch.chdir(directory)
    for words in (["build", "demo", "1.0"], ["package"], ["index"]):
        assert CliRunner().invoke(main, words).exit_code == 0
    return directory


@pytest.fixture
def repository(sources: Path) -> Iterator[int]:
    """The port of the web server."""
    files = partial(SimpleHTTPRequestHandler, directory=str(sources / "_build/testing"))
    with ThreadingHTTPServer(("127.0.0.1", 0), files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    running = prepared(tmp_path / "server", tmp_path / "none")
    running.server.start()
    yield running
    assert running.server.stop() == 0


def test_a_plugin_is_served_as_the_guide_tells_it(server: Running, repository: int, sources: Path) -> None:
    match = re.search(r"^```sh\n(.*?)^```$", guide_text(), re.MULTILINE | re.DOTALL)
    assert match is not None
    commands = match[1].removeprefix(WEB_SERVER)
    assert commands != match[1]
    environment = {
        **os.environ,
        "PROVISIONCTL_URL": f"http://127.0.0.1:{server.rest_port}",
        "PROVISIONCTL_TOKEN_FILE": str(server.server.state / "admin-token"),
    }
    told = []
    for line in commands.replace(":8080", f":{repository}").replace(":8667", f":{server.http}").splitlines():
        program, *words = shlex.split(line)
        start = [sys.executable, "-m", "provisiond.cli.provisionctl"] if program == "provisionctl" else [program]
        done = subprocess.run(
            [*start, *words], cwd=sources, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (line, done.stderr)
        told.append(done.stdout)
    assert told[1:3] == ["update: done\n", "demo-1.0: done\n"]
    assert "HTTP/1.1 200 OK" in told[3]
    assert '<phone codec="alaw">' in told[3]
    assert re.search(r"00:11:22:33:44:55 .* demo-1\.0 .* yes", told[4])
