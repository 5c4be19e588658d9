"""What metrics are made of, before they become text (`prometheus`). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import attrs

__all__ = ["Family", "Row", "Source"]


@attrs.frozen
class Row:
    """A value under its labels. None is no value: the row is left out."""

    value: float | None
    labels: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Family:
    """A metric: its name, what it is (one line), its rows. A ``counter`` never falls."""

    name: str
    help: str
    rows: Sequence[Row]
    kind: Literal["gauge", "counter"] = "gauge"


Source = Callable[[], Iterable[Family]]
"""Gives what it knows now. It is called by the threads of the page: it must not wait."""
