"""What is logged, changed while the server runs."""

from __future__ import annotations

from provisiond.errors import Unauthorized
from provisiond.logs import Levels
from provisiond.rest.answers import NO_CONTENT, Answer
from provisiond.rest.bodies import LogLevelsBody
from provisiond.rest.our_documents import LogLevels
from provisiond.rest.routing import Call, route


class LogLevelResources:
    """The levels in force, until the next SIGHUP or start: then those of the settings count again."""

    def __init__(self, levels: Levels) -> None:
        self._levels = levels

    @route("GET", "/log/levels", "provd.log.read", "Tell which log lines are written", response=LogLevels)
    async def levels(self, call: Call) -> Answer:
        """Return the levels, to tokens of the master tenant."""
        _check_master(call)
        return Answer(document={"level": self._levels.level, "levels": dict(self._levels.levels)})

    @route(
        "PUT",
        "/log/levels",
        "provd.log.update",
        "Change which log lines are written, until the next SIGHUP or start",
        body=LogLevelsBody,
        statuses={204: "Changed.", 400: "Not a level, or not a name of a subsystem."},
    )
    async def change(self, call: Call) -> Answer:
        """Use these levels in every process from now on."""
        _check_master(call)
        wanted = call.body_as(LogLevelsBody)
        self._levels.use(wanted.level, wanted.levels)
        return NO_CONTENT


def _check_master(call: Call) -> None:
    if call.principal.tenant_uuid != call.scope.master:
        raise Unauthorized("Unauthorized")
