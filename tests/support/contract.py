"""Tests that name the rows of the REST contract which they hold the server to."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

ROWS = Path(__file__).parents[1] / "data" / "rest-contract-rows.txt"


def rows(*names: str) -> Any:
    """Name the rows that a test covers; they become part of its id."""
    return pytest.mark.parametrize("row", [pytest.param(names, id=" + ".join(names))], indirect=True)


def known_rows() -> list[str]:
    """Return every row of the contract."""
    lines = ROWS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def named_rows(directory: Path) -> set[str]:
    """Return the rows that the tests of a directory name."""
    found: set[str] = set()
    for file in directory.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "rows":
                found.update(str(each.value) for each in node.args if isinstance(each, ast.Constant))
    return found
