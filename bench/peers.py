"""The peers: servers of others for the same files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.fetching import debian_program, python_package
from bench.programs import BUILD, Peer, program

_TFTPY = """
import sys, logging, tftpy
logging.disable(logging.CRITICAL)
tftpy.TftpServer(sys.argv[1]).listen('127.0.0.1', int(sys.argv[2]))
"""
_TFTP = """
import sys, tftp
tftp.TFTPServer(sys.argv[1], listen='127.0.0.1', port=int(sys.argv[2]), max_sessions=None).serve_forever()
"""
_PY3TFTP = """
import os, sys
os.chdir(sys.argv[1])
sys.path.insert(0, sys.argv[3])
sys.argv = ['py3tftp', '--host', '127.0.0.1', '-p', sys.argv[2]]
from py3tftp.__main__ import main
main()
"""
_KLEIN = """
import sys, pathlib
from klein import Klein
from twisted.internet import reactor
from twisted.web.server import Site
class Quiet(Site):
    def log(self, request): pass
app = Klein()
files = {p.name: p.read_bytes() for p in pathlib.Path(sys.argv[1]).iterdir()}
@app.route('/<name>')
def give(request, name):
    return files[name]
reactor.listenTCP(int(sys.argv[2]), Quiet(app.resource()), interface='127.0.0.1', backlog=4096)
reactor.run()
"""
_STATIC = """
import sys
from twisted.internet import reactor
from twisted.web.server import Site
from twisted.web.static import File
class Quiet(Site):
    def log(self, request): pass
reactor.listenTCP(int(sys.argv[2]), Quiet(File(sys.argv[1])), interface='127.0.0.1', backlog=4096)
reactor.run()
"""


def _dnsmasq(files: Path, port: int) -> Sequence[str]:
    own = ["--no-daemon", "--port=0", "--conf-file=/dev/null", "--enable-tftp", f"--tftp-root={files}", "--user=root"]
    quiet = ["--listen-address=127.0.0.1", "--bind-interfaces", "--tftp-max=10000", "--log-facility=/dev/null"]
    return [program("dnsmasq"), *own, *quiet, "--pid-file="]


def _tftpd_hpa(files: Path, port: int) -> Sequence[str]:
    server = debian_program("tftpd-hpa", "usr/sbin/in.tftpd")
    return [server, "-L", "-a", f"127.0.0.1:{port}", "-s", "-u", "root", str(files)]


def _atftpd(files: Path, port: int) -> Sequence[str]:
    bounds = ["--maxthread", "10000", "--verbose=0", "--logfile", "/dev/null"]
    who = ["--user", "root", "--group", "root"]
    where = ["--bind-address", "127.0.0.1", "--port", str(port)]
    return [program("atftpd"), "--daemon", "--no-fork", *who, *where, *bounds, str(files)]


def _nginx(files: Path, port: int) -> Sequence[str]:
    BUILD.mkdir(parents=True, exist_ok=True)
    file = BUILD / "nginx.conf"
    places = " ".join(
        f"{name}_temp_path {BUILD}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file.write_text(
        f"user root; daemon off; worker_processes 1; pid {BUILD}/nginx.pid; error_log /dev/null;\n"
        "worker_rlimit_nofile 20000; events { worker_connections 10000; }\n"
        f"http {{ access_log off; sendfile on; {places} keepalive_requests 1000;\n"
        f"server {{ listen 127.0.0.1:{port} backlog=4096; root {files}; }} }}\n"
    )
    return [program("nginx"), "-c", str(file), "-e", "/dev/null"]


def _py3tftp(files: Path, port: int) -> Sequence[str]:
    return [*_script(_PY3TFTP, files, port), str(python_package("py3tftp", "1.3.0"))]


def _script(code: str, files: Path, port: int) -> Sequence[str]:
    return [sys.executable, "-W", "ignore", "-c", code, str(files), str(port)]


def tftp_peers() -> list[Peer]:
    """Return the TFTP servers that are compared with; dnsmasq insists on port 69."""
    return [
        Peer("dnsmasq", "tftp", _dnsmasq, port=69, windows=False),
        Peer("atftpd", "tftp", _atftpd),
        Peer("tftpd-hpa", "tftp", _tftpd_hpa, windows=False, forks=True),
        Peer("tftp", "tftp", lambda files, port: _script(_TFTP, files, port), crowds=False),
        Peer("tftpy", "tftp", lambda files, port: _script(_TFTPY, files, port), windows=False, crowds=False),
        Peer("py3tftp", "tftp", _py3tftp, crowds=False),
    ]


def http_peers() -> list[Peer]:
    """Return the HTTP servers that are compared with."""
    return [
        Peer("nginx", "http", _nginx),
        Peer("twisted static.File", "http", lambda files, port: _script(_STATIC, files, port)),
        Peer("Klein", "http", lambda files, port: _script(_KLEIN, files, port)),
    ]
