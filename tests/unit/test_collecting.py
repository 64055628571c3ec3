"""What is there when the server has started is not looked through for garbage any more."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from provisiond.collecting import keep


class Node:
    """Something that can refer to itself."""

    def __init__(self) -> None:
        self.other: Node | None = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_is_there_is_kept_out_of_the_way_and_garbage_is_not() -> None:
    lasting, garbage = Node(), weakref.ref(Node())
    keep()
    assert garbage() is None
    assert gc.get_freeze_count() > 1_000
    assert all(each is not lasting for each in gc.get_objects())


def test_what_comes_later_is_collected_as_ever() -> None:
    keep()
    garbage = weakref.ref(Node())
    gc.collect()
    assert garbage() is None
