"""`make run`: a server on embedded defaults under var/, with the shipped plugins, that stays."""

from __future__ import annotations

import contextlib
import signal
import sys
from pathlib import Path
from typing import Any

from bench.server import ANYWHERE, ROOT, Rest, RestError, Server, write_settings

REST, HTTP, TFTP = 8666, 8667, 6969
VAR = ROOT / "var"
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PROGRAM = Path(sys.executable).with_name("provisionctl")


def install_missing(rest: Rest) -> list[str]:
    """Install the shipped plugins that are not there yet; return their ids."""
    rest.finish("/pg_mgr/install/update", {})
    installed = rest.get("/pg_mgr/install/installed")["pkgs"]
    missing = sorted(set(rest.get("/pg_mgr/install/installable")["pkgs"]) - set(installed))
    for plugin in missing:
        rest.finish("/pg_mgr/install/install", {"id": plugin})
    return missing


def interrupt(*_: Any) -> None:
    """Take the end of the terminal, or of all, for Ctrl-C: else the server would go on without anybody knowing."""
    for each in ENDS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    """Start the server, say where everything is, and wait for its end."""
    for each in ENDS:
        signal.signal(each, interrupt)
    settings = write_settings(
        VAR, rest=REST, http=HTTP, tftp=TFTP, repository=ROOT / "build" / "repository", interface=ANYWHERE
    )
    server = Server(settings)
    try:
        server.start()
        rest = server.rest(REST)
        for plugin in install_missing(rest):
            print(f"installed {plugin}")
        tell(server)
        return server.wait()
    except (RuntimeError, RestError) as error:
        print(error, file=sys.stderr)
        with contextlib.suppress(AssertionError):
            server.stop()
        return 1
    except KeyboardInterrupt:
        return server.stop() if server.is_started else 0


def tell(server: Server) -> None:
    """Say where everything is."""
    print(f"REST   http://127.0.0.1:{REST}/provd   token in {server.state / 'admin-token'}")
    print(f"HTTP   port {HTTP}; give phones http://<this host>:{HTTP}/ (DHCP option 66 or 160)")
    print(f"TFTP   port {TFTP}; phones want 69: forward it here or see docs/settings.md (DHCP option 66 or 150)")
    print(f"try    {PROGRAM} --token-file {server.state / 'admin-token'} status")
    print(f"log    {VAR / 'provisiond.log'}")
    print(f"try    curl tftp://127.0.0.1:{TFTP}/SEP001B54000005.cnf.xml")
    print("Ctrl-C ends it.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
