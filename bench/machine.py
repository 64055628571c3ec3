"""What this machine is."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> str:
    """Return processors, memory, system and load in one line."""
    text = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "?")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1e6
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{len(os.sched_getaffinity(0))} × {model}, {memory:.0f} GB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load average at the end {load}"
    )
