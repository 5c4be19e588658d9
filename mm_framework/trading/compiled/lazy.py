"""Columns as sequences of objects, which are made when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, overload

__all__ = ["Lazy"]

T = TypeVar("T")


class Lazy(Sequence[T]):
    """The objects that ``make`` gives, all of them at the first look; ``count`` says before how many.

    Equal to what a list equals.
    """

    def __init__(self, count: Callable[[], int], make: Callable[[], list[T]]) -> None:
        self._count, self._make = count, make
        self._made: list[T] | None = None

    def __len__(self) -> int:
        return self._count() if self._made is None else len(self._made)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        return self._all()[index]

    def __iter__(self) -> Iterator[T]:
        return iter(self._all())

    def __eq__(self, other: Any) -> bool:
        return self._all() == (other._all() if isinstance(other, Lazy) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._all())

    def forget(self) -> None:
        """Let go of the objects; the next look makes them anew."""
        self._made = None

    def _all(self) -> list[T]:
        if self._made is None:
            self._made = self._make()
        return self._made
