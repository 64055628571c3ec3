"""What is wrong with the server now, looked for again and again, so that it goes when its cause goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from attrs import define, evolve
from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger, LogLevel

from provisiond.model.trouble import Severity, Trouble
from provisiond.provisioning.ports import Clock

log = Logger()
INTERVAL: Final = 15.0
PATIENCE: Final = 3.0
NOT_ANSWERING: Final = 20.0
Check = Callable[[], Awaitable[Sequence[Trouble]]]
_LEVELS: Final = {Severity.ERROR: LogLevel.error, Severity.WARNING: LogLevel.warn, Severity.NOTICE: LogLevel.info}


@define
class _Checked:
    """One check, what it last found, and its run that is under way."""

    name: str
    check: Check
    found: Sequence[Trouble] = ()
    running: Deferred[None] | None = None
    began: float = 0.0


class Health:
    """Looks for troubles every fifteen seconds and when somebody asks; a check that hangs is a trouble itself.

    Begin and end of each trouble are one line of the log.

    :param told: called with all troubles after each look.
    """

    def __init__(self, clock: Clock, told: Callable[[Sequence[Trouble]], None] = lambda troubles: None) -> None:
        self._clock = clock
        self._told = [told]
        self._checks: list[_Checked] = []
        self._known: dict[tuple[str, str | None], Trouble] = {}
        self._planned: Any = None
        self._serving = False

    def add(self, name: str, check: Check) -> None:
        """Ask this check, too.

        :param name: what does not answer when the check hangs, e.g. ``the database``.
        """
        self._checks.append(_Checked(name, check))

    def listen(self, told: Callable[[Sequence[Trouble]], None]) -> None:
        """Call back with all troubles after each look."""
        self._told.append(told)

    def start(self) -> None:
        """Serve from now on, and look again and again."""
        self._serving = True
        self._begin_look()

    def stop(self) -> None:
        """Be not ready any more, and look no more."""
        self._serving = False
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What was wrong at the last look, what matters most first."""
        order = tuple(Severity)
        return tuple(sorted(self._known.values(), key=lambda each: (order.index(each.kind.severity), each.since)))

    def not_ready(self) -> tuple[str, ...]:
        """Return the codes of why nobody should be sent here; none when everything may come."""
        if not self._serving:
            return ("stopped",)
        return tuple(sorted({each.code for each in self._known.values() if each.kind.unready}))

    async def look(self) -> tuple[Trouble, ...]:
        """Look now and return what is wrong; what has not answered after a few seconds is told as it was last."""
        enough: Deferred[None] = Deferred()

        def end(_: object = None) -> None:
            if not enough.called:
                enough.callback(None)

        timer = self._clock.callLater(PATIENCE, end)
        DeferredList([self._run(each) for each in self._checks]).addCallback(end)
        await enough
        if timer.active():
            timer.cancel()
        self._take()
        return self.troubles

    # Inside

    def _begin_look(self) -> None:
        self._planned = None
        looking = Deferred.fromCoroutine(self.look())
        looking.addErrback(lambda failure: log.failure("looking for troubles failed", failure=failure))
        looking.addBoth(lambda _: self._plan())

    def _plan(self) -> None:
        if self._serving and self._planned is None:
            self._planned = self._clock.callLater(INTERVAL, self._begin_look)

    def _run(self, each: _Checked) -> Deferred[None]:
        """Begin a check unless it is under way, and return its end."""
        if each.running is None:
            each.began = self._clock.seconds()
            each.running = Deferred()
            Deferred.fromCoroutine(self._asked(each))
        joined: Deferred[None] = Deferred()
        if each.running is None:
            joined.callback(None)
        else:
            each.running.addCallback(lambda _: joined.callback(None))
        return joined

    async def _asked(self, each: _Checked) -> None:
        try:
            each.found = tuple(await each.check())
        except Exception:
            log.failure("troubles of {name} could not be looked for", name=each.name)
        running, each.running = each.running, None
        if running is not None:
            running.callback(None)

    def _found(self) -> Iterable[Trouble]:
        now = self._clock.seconds()
        for each in self._checks:
            yield from each.found
            waited = now - each.began
            if each.running is not None and waited >= NOT_ANSWERING:
                yield Trouble(
                    code="not-answering",
                    about=each.name,
                    sentence=f"{each.name} has not answered for {int(NOT_ANSWERING)} seconds or more",
                )

    def _take(self) -> None:
        now, former = self._clock.seconds(), self._known
        found = {each.key: each for each in self._found()}
        self._known = {
            key: evolve(each, since=former[key].since if key in former else now) for key, each in found.items()
        }
        for key, each in self._known.items():
            if key not in former:
                level = _LEVELS[each.kind.severity]
                log.emit(
                    level, "{code}: {sentence}. {cure}", code=each.code, sentence=each.sentence, cure=each.kind.cure
                )
        for key, each in former.items():
            if key not in self._known:
                log.info("{code} is over: {sentence}", code=each.code, sentence=each.sentence)
        for told in self._told:
            told(self.troubles)
