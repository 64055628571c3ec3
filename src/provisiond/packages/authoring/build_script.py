"""Reading a family's ``build.py`` without running it."""

from __future__ import annotations

import ast

from provisiond.errors import PackageProblem
from provisiond.packages.archives import shown


def target_functions(script: ast.Module) -> list[ast.FunctionDef]:
    """Return the functions that are decorated with ``@target(...)`` directly."""
    functions = (node for node in script.body if isinstance(node, ast.FunctionDef))
    return [function for function in functions if any(is_target(node) for node in function.decorator_list)]


def is_target(node: ast.expr, target_id: str | None = None) -> bool:
    """Tell whether an expression is ``target(...)``, of a target with this id if one is given."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "target"):
        return False
    if target_id is None:
        return True
    return bool(node.args) and isinstance(node.args[0], ast.Constant) and node.args[0].value == target_id


def function_lines(text: str, target_id: str, family: str) -> tuple[int, int]:
    """Return the first line of a target's function, decorators included, and the line after its last, from 0.

    :raises PackageProblem: when no function is this target's own.
    """
    for function in target_functions(ast.parse(text)):
        if any(is_target(decorator, target_id) for decorator in function.decorator_list):
            first = min(item.lineno for item in function.decorator_list)
            return first - 1, function.end_lineno or function.lineno
    raise PackageProblem(f"build.py of {family} makes {shown(target_id)} without a function of its own; add it by hand")
