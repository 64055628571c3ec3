"""Python's collector of garbage, and what it need not look at."""

from __future__ import annotations

import gc


def keep() -> None:
    """Let the collector never again look at what is there now: modules, plugins, settings, the directory of devices.

    They stay for as long as the process does. To look through them takes a tenth of a second on a small site and
    longer on a large one, in which no phone would be answered.
    """
    gc.collect()
    gc.freeze()
