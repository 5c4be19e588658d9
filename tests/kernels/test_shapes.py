"""What a declaration may not say, and one table for all feeds of a venue."""

from __future__ import annotations

from typing import Any

import pytest

from mm_framework.contracts.shapes import (
    Choice,
    Integer,
    Literal,
    Maybe,
    Message,
    Node,
    Object,
    Price,
    Row,
    Rows,
    Shape,
    Size,
    Symbol,
    Time,
    Tuple,
)
from mm_framework.kernels.mode import mode
from mm_framework.model.events import ASK, BID

pytest.importorskip("numba")
if mode() == "off":
    pytest.skip("MM_KERNELS is off", allow_module_level=True)

from mm_framework.kernels.shapes import CompiledShapes, compiled

LEVEL: dict[str, Node] = {"p": Price(quoted=True), "q": Size(quoted=True)}
NAMED: dict[str, Node] = {"s": Symbol(), **LEVEL, "side": Choice("side", {"b": BID, "a": ASK})}


def book(fields: dict[str, Node], *, split: bool = False, carries: str = "book") -> Shape:
    return Shape("book", carries, Message(Object(fields), split=split))


GOOD = {
    "rows of one instrument": book({"s": Symbol(), "b": Rows(Object(LEVEL), side=BID)}),
    "rows that name their instruments": book({"t": Time("ms"), "l": Rows(Object(NAMED))}, split=True),
    "one row": Shape("book", "book", Message(Row(Object({"s": Symbol(), **LEVEL})))),
}
WRONG = {
    "without times": book({"l": Rows(Object({**NAMED, "t": Time("ms", of="row")}))}, split=True),
    "of levels with names": book({"l": Rows(Object(LEVEL))}, split=True),
    "a name outside": book({"s": Symbol(), "l": Rows(Object(NAMED))}, split=True),
    "message of levels": book({"l": Rows(Object(NAMED)), "m": Rows(Object(NAMED))}, split=True),
    "split is a message of levels": book({"l": Rows(Object(NAMED))}, split=True, carries="trade"),
    "more than two kinds of rows": book({"s": Symbol(), **{key: Rows(Object(LEVEL)) for key in "abc"}}),
    "may be missing": book({"s": Symbol(), "b": Rows(Object({"p": Maybe(Price()), "q": Size()}))}),
    "is longer than": book({"k" * 40: Symbol(), "b": Rows(Object(LEVEL))}),
    "of a side": book({"s": Symbol(), "p": Price()}),
    "carries 'nothing'": book({"s": Symbol()}, carries="nothing"),
    "with 0 messages": Shape("book", "book", Tuple((Literal(("x",)),))),
    "with 1 messages": book({"s": Symbol()}, carries="heartbeat"),
    "a kind is UPDATE or SNAPSHOT": book({"k": Choice("kind", {"u": 5}), "s": Symbol()}),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_shapes_compile(name: str) -> None:
    assert CompiledShapes([GOOD[name]]).channels == ["book"]


@pytest.mark.parametrize("said", WRONG)
def test_a_shape_that_cannot_be_is_refused_with_its_reason(said: str) -> None:
    with pytest.raises(ValueError, match=f"channel 'book'.*{said}"):
        CompiledShapes([WRONG[said]])


def test_a_tuple_of_shapes_is_compiled_once() -> None:
    shapes = tuple(GOOD.values())
    assert compiled(shapes) is compiled(shapes)
    assert compiled(tuple([*shapes])) is not compiled(shapes)
    changing: Any = list(shapes)
    assert compiled(changing) is not compiled(changing)


def test_few_tables_are_kept() -> None:
    kept = [
        (book({"s": Symbol(), "n": Integer("last", high=number), "b": Rows(Object(LEVEL))}),)
        for number in range(80)
    ]
    tables = [compiled(shapes) for shapes in kept]
    assert [compiled(shapes) is table for shapes, table in zip(kept, tables, strict=True)].count(True) < 80
