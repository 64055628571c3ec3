"""Rules of the architecture that import-linter cannot see."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PROCESSES = ("daemon.py", "plugins/worker.py", "legacy/worker.py")
SOURCE = Path(__file__).parents[2] / "src" / "provisiond"
WEB_ROOMS = {"rest", "web", "phones", "legacy"}


def imports() -> Iterator[tuple[str, str]]:
    for file in sorted(SOURCE.rglob("*.py")):
        relative = file.relative_to(SOURCE)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((str(relative), alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from ((str(relative), f"{node.module}.{alias.name}") for alias in node.names)


def test_only_the_composition_root_knows_the_reactor() -> None:
    assert [
        file for file, name in imports() if name.startswith("twisted.internet.reactor") and file not in PROCESSES
    ] == []


def test_only_delivery_imports_the_web_server() -> None:
    offenders = {
        file
        for file, name in imports()
        if name.startswith("twisted.web")
        and file.split("/")[0] not in WEB_ROOMS
        and file != "daemon.py"
        # the client side of twisted.web belongs to whoever fetches
        and not name.startswith(
            ("twisted.web.client", "twisted.web.iweb", "twisted.web.http_headers", "twisted.web.http.PotentialDataLoss")
        )
    }
    assert offenders == set()


def test_no_room_uses_callback_chains_of_old() -> None:
    assert [file for file, name in imports() if "inlineCallbacks" in name or "returnValue" in name] == []


def test_no_module_is_too_large_to_find_oneself_in() -> None:
    sizes = {str(file.relative_to(SOURCE)): len(file.read_text().splitlines()) for file in SOURCE.rglob("*.py")}
    assert {name: size for name, size in sizes.items() if size > 400} == {}


def test_every_room_is_in_the_plan() -> None:
    plan = (SOURCE.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {f"{child.name}/" for child in SOURCE.iterdir() if (child / "__init__.py").exists()}
    rooms |= {child.name for child in SOURCE.glob("*.py") if not child.name.startswith("__")}
    rooms = {name for name in rooms if not name.endswith("_composition.py")}
    assert [name for name in sorted(rooms) if f"`{name}`" not in plan] == []


def test_no_expression_repeats_a_group_possessively() -> None:
    # Python 3.11.2, which is Debian 12's, never matches such a one.
    repeated = re.compile(r"\)[*+?]\+")
    texts = {
        str(file.relative_to(SOURCE)): node.value if isinstance(node.value, str) else node.value.decode("latin-1")
        for file in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and repeated.search(str(node.value))
    }
    assert texts == {}
