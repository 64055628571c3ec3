"""Install sections: steps between directories, checked before anything runs (firmware contract, sections 2.1, 2.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from attrs import frozen

from provisiond.packages.firmware.filters import check_arguments
from provisiond.packages.firmware.globs import escaped
from provisiond.packages.firmware.plan import Argument, Plan, Step
from provisiond.packages.problems import DefinitionProblem, StepGraphProblem

SOURCE = "a"
_STEP = re.compile(r"(\w+)-(\w+)")
_VARIABLE = re.compile(r"\\\$|\$\{(\w+)\}|\$(\w+)|\$")


@frozen
class InstallSteps:
    """A parsed install section: its graph is right, its variables are not yet replaced.

    :param edges: source, destination and words of each step, in running order.
    """

    edges: tuple[tuple[str, str, tuple[str, ...]], ...]

    @classmethod
    def parse(cls, options: Mapping[str, str]) -> InstallSteps:
        """Return the steps of a section's options.

        :raises StepGraphProblem: when they do not make a graph that can be run.
        """
        edges: list[tuple[str, str, tuple[str, ...]]] = []
        for option, value in options.items():
            match = _STEP.fullmatch(option)
            if match is None:
                raise StepGraphProblem(f"{option[:40]!r} is not a step of the form src-dst")
            words = tuple(value.split())
            if not words:
                raise StepGraphProblem(f"the step {option} names no filter")
            edges.append((match[1], match[2], words))
        _check_graph(edges)
        return cls(_ordered(edges))

    def plan(self, *, files: Sequence[str], arguments: Sequence[str]) -> Plan:
        """Return the steps for one package.

        :param files: cache names of its files: ``$FILE1`` …
        :param arguments: words after the install id: ``$ARG1`` …
        :raises DefinitionProblem: for an undefined variable, an unknown filter, or wrong arguments of one.
        """
        names = {f"FILE{number}": name for number, name in enumerate(files, 1)}
        words = {f"ARG{number}": word for number, word in enumerate(arguments, 1)}
        steps = []
        for source, destination, tokens in self.edges:
            replaced = tuple(_replaced(token, names, words) for token in tokens)
            step = Step(source, destination, replaced[0].text, replaced[1:])
            check_arguments(step.filter, step.arguments)
            steps.append(step)
        read = {step.source for step in steps}
        return Plan(tuple(steps), tuple(step.destination for step in steps if step.destination not in read))


def _check_graph(edges: Sequence[tuple[str, str, tuple[str, ...]]]) -> None:
    destinations = [destination for _, destination, _ in edges]
    if SOURCE in destinations:
        raise StepGraphProblem(f"no step may write to {SOURCE}")
    twice = next((name for name in destinations if destinations.count(name) > 1), None)
    if twice is not None:
        raise StepGraphProblem(f"two steps write to {twice}")
    for source, destination, _ in edges:
        if source != SOURCE and source not in destinations:
            raise StepGraphProblem(f"the step {source}-{destination} reads {source}, which no step writes")
    if not any(source == SOURCE for source, _, _ in edges):
        raise StepGraphProblem(f"no step reads {SOURCE}")
    if len(_ordered(edges)) != len(edges):
        raise StepGraphProblem("the steps go round in a circle")


def _ordered(edges: Sequence[tuple[str, str, tuple[str, ...]]]) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    ordered: list[tuple[str, str, tuple[str, ...]]] = []
    nodes = [SOURCE]
    for node in nodes:
        for edge in edges:
            if edge[0] == node:
                ordered.append(edge)
                nodes.append(edge[1])
    return tuple(ordered)


def _replaced(token: str, names: Mapping[str, str], words: Mapping[str, str]) -> Argument:
    def value(match: re.Match[str], *, literally: bool) -> str:
        if match[0] == r"\$":
            return "$"
        name = match[1] or match[2]
        if name is None:
            raise DefinitionProblem(f"a $ in {token[:60]!r} is followed by no name; write \\$ for the character itself")
        if name in names:
            return escaped(names[name]) if literally else names[name]
        if name in words:
            return words[name]
        raise DefinitionProblem(f"the variable ${name[:40]} is not defined")

    text = _VARIABLE.sub(lambda match: value(match, literally=False), token)
    return Argument(text, _VARIABLE.sub(lambda match: value(match, literally=True), token))
