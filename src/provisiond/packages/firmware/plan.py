"""Steps of one package, checked and ready to run."""

from __future__ import annotations

from attrs import frozen


@frozen
class Argument:
    """An argument of a filter, its variables replaced.

    :param text: as a name.
    :param pattern: as a pattern: what came from ``$FILEn`` is escaped.
    """

    text: str
    pattern: str


@frozen
class Step:
    """One step: a filter that reads one directory and fills another."""

    source: str
    destination: str
    filter: str
    arguments: tuple[Argument, ...]


@frozen
class Plan:
    """The steps of one package, in the order they run.

    :param steps: breadth first from the source.
    :param leaves: directories that no step reads, in order; together they are the result.
    """

    steps: tuple[Step, ...]
    leaves: tuple[str, ...]
