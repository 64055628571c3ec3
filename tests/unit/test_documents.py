"""Documents that nobody finds are not written."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def test_every_document_is_linked_from_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    written = {f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md")} - {"docs/glossary.md"}
    assert written - set(LINK.findall(text)) == set()


def test_no_link_leads_nowhere() -> None:
    for file in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        for target in LINK.findall(file.read_text(encoding="utf-8")):
            assert (file.parent / target).exists(), f"{file.relative_to(ROOT)}: {target}"
