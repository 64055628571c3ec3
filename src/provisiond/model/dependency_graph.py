"""Circles among things that need each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

Name = str


def circle_from(start: Name, needs: Callable[[Name], Iterable[Name]]) -> tuple[Name, ...]:
    """Return a way along needs that comes back to where it was, e.g. ``(a, b, a)``; empty when there is none.

    Every thing that can be reached from ``start`` is asked once, in the order of its needs; nothing recurses.

    :param needs: returns what a thing needs; unknown things need nothing.
    """
    way: dict[Name, None] = {start: None}
    open_needs: list[Iterator[Name]] = [iter(needs(start))]
    finished: set[Name] = set()
    while way:
        following = next(open_needs[-1], None)
        if following is None:
            finished.add(way.popitem()[0])
            open_needs.pop()
        elif following in way:
            names = list(way)
            return (*names[names.index(following) :], following)
        elif following not in finished:
            way[following] = None
            open_needs.append(iter(needs(following)))
    return ()
