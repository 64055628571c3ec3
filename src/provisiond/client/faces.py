"""Two faces of one set of conversations: one that waits, one of coroutines.

A resource writes each call once, as a generator that yields requests and gets answers. Bound to a client that waits,
the call returns its result; bound to a client of coroutines, it returns a coroutine of the result. Type checkers see
both, by the resource's type argument.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from attrs import frozen

from provisiond.client.messages import Conversation, Decoder, Request

P = ParamSpec("P")
T = TypeVar("T")


class Blocking:
    """Marks resources whose calls wait."""


class Concurrent:
    """Marks resources whose calls are coroutines."""


Way = TypeVar("Way", Blocking, Concurrent)


@frozen(kw_only=True)
class Stream(Generic[T]):
    """A request whose answer is read piece by piece.

    :param decoder: makes what reads the pieces; used once.
    """

    request: Request
    decoder: Callable[[], Decoder[T]]


class Face(Protocol):
    """What carries conversations and streams out; it returns results, or coroutines and asynchronous iterators."""

    def converse(self, conversation: Conversation[Any]) -> Any:
        """Carry a conversation out."""

    def stream(self, stream: Stream[Any]) -> Any:
        """Read a stream."""


class Resource(Generic[Way]):
    """Calls about one kind of thing."""

    def __init__(self, face: Face) -> None:
        self.face = face


class Asked(Generic[P, T]):
    """A call with one result; decorates a method that is a conversation."""

    def __init__(self, method: Callable[Concatenate[Any, P], Conversation[T]]) -> None:
        self.__doc__ = method.__doc__
        self._method = method

    @overload
    def __get__(self, resource: Resource[Blocking], owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, resource: Resource[Concurrent], owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, resource: Resource[Any], owner: type) -> Callable[P, Any]:
        @wraps(self._method)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return resource.face.converse(self._method(resource, *args, **kwargs))

        return call


class Streamed(Generic[P, T]):
    """A call whose results come one after another; decorates a method that returns a stream."""

    def __init__(self, method: Callable[Concatenate[Any, P], Stream[T]]) -> None:
        self.__doc__ = method.__doc__
        self._method = method

    @overload
    def __get__(self, resource: Resource[Blocking], owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, resource: Resource[Concurrent], owner: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, resource: Resource[Any], owner: type) -> Callable[P, Any]:
        @wraps(self._method)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return resource.face.stream(self._method(resource, *args, **kwargs))

        return call
