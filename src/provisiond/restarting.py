"""Beginning anew: a new run of the program in the place of this one, with a restored state."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from provisiond.provisioning.backups import tidy
from provisiond.provisioning.restoring import finish
from provisiond.store.database import Database

# What the service manager starts again: a temporary failure (sysexits.h).
ANEW_STATUS: Final = 75


def take_up(state_dir: Path, database: Database) -> None:
    """Remove what the former run has left of backups, and put in place what it has restored. Blocks.

    :raises ProvisiondError: when the disk or the database refuses; the next start goes on.
    """
    tidy(state_dir)
    finish(state_dir.absolute(), database)


def begin_anew(*, supervised: bool) -> None:
    """Put a new run of this program in the place of this one; a service manager is left to start it itself.

    :param supervised: whether there is one.
    """
    if supervised:
        sys.exit(ANEW_STATUS)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  (no shell is wanted)
