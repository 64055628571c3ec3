"""Putting a restored state in the place of the present one: all of it or nothing, whenever the power goes.

A restore is prepared in ``<state>/restore.new``. Its one decisive step is the rename to ``<state>/restore``: before it
nothing has changed, after it the next start goes on until everything is in its place.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from twisted.logger import Logger

from provisiond.errors import StartProblem
from provisiond.packages.archives import remove_tree
from provisiond.packages.plugin_trees import carry_missing, sync_directory, sync_tree
from provisiond.packages.state_archive import PHONE_FILES, PLUGINS, TOKEN
from provisiond.store.contents import bring
from provisiond.store.database import Database

log = Logger()
PREPARED: Final = "restore.new"
DECIDED: Final = "restore"
DONE: Final = "restore.done"
ORDER: Final = "order.json"
DATABASE: Final = "tables.db"
# What was rendered for phones, and what they fetched, is of the former state.
RENDERED: Final = "rendered"
REPLACED: Final = (PLUGINS, TOKEN, RENDERED)
# What stays as it is unless the backup holds it.
REPLACED_IF_HELD: Final = (PHONE_FILES,)
CARRIED: Final = ("cache", "installed", "tftpboot")
_OLD: Final = "old"


def decide(state: Path, order: dict[str, Any]) -> None:
    """Make a prepared restore the one that the next start puts in place. Blocks.

    :param order: its ``id`` tells it from others.
    """
    prepared = state / PREPARED
    holds = [name for name in (*REPLACED, *REPLACED_IF_HELD) if os.path.lexists(prepared / name)]
    (prepared / ORDER).write_text(json.dumps({"order": order, "holds": holds}))
    sync_tree(prepared)
    prepared.rename(state / DECIDED)
    sync_directory(state)


def is_decided(state: Path) -> bool:
    """Tell whether a restore waits for the next start. Blocks."""
    return (state / DECIDED).is_dir()


def keep_firmware(state: Path) -> None:
    """Give prepared plugins the firmware that they have at present; files of the backup win. Blocks."""
    for plugin in sorted((state / PREPARED / PLUGINS).iterdir()):
        present = state / PLUGINS / plugin.name / "var"
        for name in CARRIED if present.is_dir() else ():
            (plugin / "var").mkdir(exist_ok=True)
            carry_missing(present / name, plugin / "var" / name)


def finish(state: Path, database: Database) -> dict[str, Any] | None:
    """Put a restore that was decided in its place, and remove what one that was not has left. Blocks.

    To be called at the start, before anything is read.

    :return: the order that was carried out; None when there was none.
    :raises StartProblem: when the disk refuses; the next start goes on.
    :raises StoreProblem: when the database refuses; likewise.
    """
    try:
        for name in (PREPARED, DONE):
            remove_tree(state / name)
        decided = state / DECIDED
        if not decided.is_dir():
            return None
        document = json.loads((decided / ORDER).read_bytes())
        order: dict[str, Any] = document["order"]
        bring(database, decided / DATABASE, order)
        (decided / _OLD).mkdir(exist_ok=True)
        holds = document["holds"]
        for name in (*REPLACED, *(each for each in REPLACED_IF_HELD if each in holds)):
            _replace(state, decided, name, is_held=name in holds)
        decided.rename(state / DONE)
        sync_directory(state)
        remove_tree(state / DONE)
    except OSError as error:
        raise StartProblem(f"the restore that was begun cannot be finished: {error.strerror}; start again") from None
    log.info("the backup of {made} is restored", made=order.get("made"))
    return order


def _replace(state: Path, decided: Path, name: str, *, is_held: bool) -> None:
    """Put one thing in place; goes on wherever it was interrupted."""
    staged, live, old = decided / name, state / name, decided / _OLD / name
    if is_held and not os.path.lexists(staged):
        return
    if os.path.lexists(live) and not os.path.lexists(old):
        live.rename(old)
    elif os.path.lexists(live) and is_held:
        remove_tree(live)
    if is_held:
        staged.rename(live)
    sync_directory(state)
