"""The examples of the plugin guide, as an author would have them after copying."""

from __future__ import annotations

import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "plugin-guide.md"
_FILE = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def guide_text() -> str:
    """Return the guide."""
    return GUIDE.read_text("utf-8")


def write_examples(sources: Path) -> None:
    """Write every file that the guide shows with a name."""
    for name, text in _FILE.findall(guide_text()):
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        (sources / name).write_text(text, "utf-8")
