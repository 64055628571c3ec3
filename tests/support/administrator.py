"""An administrator at provisionctl, without processes: commands run here, requests go to the API on stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, field
from click.testing import CliRunner, Result
from tests.support.api import Api

from provisiond.cli.provisionctl.program import program
from provisiond.cli.provisionctl.session import Session
from provisiond.client.messages import Answer, Request


@define
class Administrator:
    """Types commands.

    :ivar requests: what was sent: method and path.
    :ivar interrupts: True presses Ctrl-C when a command would wait.
    """

    api: Api
    requests: list[tuple[str, str]] = field(factory=list)
    interrupts: bool = False

    def types(self, *words: str, stdin: str | None = None) -> Result:
        """Run a command and return how it ended."""
        session = Session(dial=lambda target: self, pause=self.pause)
        return CliRunner().invoke(program, [*words], obj=session, input=stdin, prog_name="provisionctl")

    def told(self, *words: str, stdin: str | None = None) -> str:
        """Return what a command that succeeds writes."""
        result = self.types(*words, stdin=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, status: int, *words: str, stdin: str | None = None) -> str:
        """Return the sentence of a command that ends with this status."""
        result = self.types(*words, stdin=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, (result.exit_code, result.output)
        return result.stderr

    def send(self, request: Request) -> Answer:
        """Carry a request to the API."""
        self.requests.append((request.method, request.path))
        body = request.body()
        headers = {name: value for name, value in request.headers(None, None, "test").items() if name != "Content-Type"}
        prefix = "" if request.is_beside else "/0.2"
        got = self.api.call(request.method, request.target, body, kind=request.content_type, prefix=prefix, **headers)
        return Answer(status=got.status, headers=got.headers, content=got.content)

    @contextmanager
    def open(self, request: Request) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        """Carry a request to the API; a stream without an end brings what is there at once, then comes Ctrl-C."""
        if request.path == "/events" and ("GET", "/events") in self.requests:
            self.requests.remove(("GET", "/events"))
            raise KeyboardInterrupt
        if request.path != "/events":
            answer = self.send(request)
            yield answer, iter([answer.content])
            return
        self.requests.append((request.method, request.path))
        connection = self.api.begin("GET", request.target)
        for _ in range(100):
            self.api.world.clock.advance(0)
        got: Any = connection.got()
        yield Answer(status=got.status, headers=got.headers), iter([got.content])
        connection.close()

    def pause(self, seconds: float) -> None:
        """Let time pass, or press Ctrl-C."""
        if self.interrupts:
            raise KeyboardInterrupt
        self.api.world.clock.advance(seconds)

    def close(self) -> None:
        """Nothing is kept."""
