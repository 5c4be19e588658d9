"""Shapes: a venue's hot frames declared as data, so that the core's one compiled scanner can read them.

    Shape("book", "book", Object({
        "channel": Literal("book"),
        "type": Choice("kind", {"update": UPDATE, "snapshot": SNAPSHOT}),
        "data": Array(Message(Object({
            "symbol": Symbol(),
            "bids": Maybe(Rows(Object({"price": Price(), "qty": Size()}), side=BID)),
            ...
            "checksum": Integer("checksum", high=2**32 - 1),
            "timestamp": Maybe(Time("rfc3339")),
        }))),
    }))

A normalizer offers them as its attribute ``shapes``. Each must say exactly what ``decode`` says of the
same frame: the scanner may refuse a frame that ``decode`` can read (it then goes there, and is counted
as a fallback), but never read it otherwise. It refuses on its own: a missing or doubled leaf, an escape
or a byte over 0x7f in any text, a number outside of the JSON grammar, with an exponent or with more than
18 digits, a price or time of 0 or less, a negative size, null, whatever is not JSON, and nesting over
24 levels. Objects may have their keys in any order; keys that are not declared are checked and
skipped. Rows are given in the order of their `Rows` in the declaration, whatever the frame's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import attrs

__all__ = [
    "SNAPSHOT",
    "UPDATE",
    "Array",
    "Choice",
    "Digest",
    "Ending",
    "Integer",
    "Literal",
    "Maybe",
    "Message",
    "Node",
    "Object",
    "Orders",
    "Other",
    "Price",
    "Row",
    "Rows",
    "Shape",
    "Size",
    "Skip",
    "Symbol",
    "Text",
    "Time",
    "Truth",
    "Tuple",
    "WholeBook",
]

UPDATE: Final = 0
SNAPSHOT: Final = 1
"""Values of the choice ``kind``: a snapshot is always left to ``decode``."""


@attrs.frozen
class Object:
    """A JSON object. ``closed``: a key that is not declared is not skipped but refused."""

    fields: Mapping[str, Node]
    closed: bool = False


@attrs.frozen
class Tuple:
    """A JSON array of these elements; ``more``: others may follow."""

    items: tuple[Node, ...]
    more: bool = False


@attrs.frozen
class Array:
    """A JSON array of any number of the same element."""

    item: Node


@attrs.frozen
class Message:
    """The container that holds all of one message: its leaves belong together.

    Inside: `Symbol` and `Rows` or (for a ticker) prices and sizes of both sides. Without any `Message`
    in it a shape carries no data, such as a heartbeat. ``split``: each of its levels has a `Symbol`, and
    the levels of an instrument are a message of their own, in the order in which the instruments first
    come; levels of instruments that nobody follows are left out.
    """

    body: Object | Tuple | Row
    split: bool = False


@attrs.frozen
class Rows:
    """A JSON array whose elements are rows: levels of one ``side`` (1 bid, -1 ask) or trades (0)."""

    item: Object | Tuple
    side: int = 0


@attrs.frozen
class Row:
    """A single row where others have `Rows`: one level or trade that is not in an array of its own."""

    item: Object | Tuple
    side: int = 0


@attrs.frozen
class Maybe:
    """A field of an object that may be missing."""

    node: Node


@attrs.frozen
class Price:
    """A price > 0. ``quoted``: written as a JSON string, else as a JSON number.

    ``side``: 0 inside of `Rows`; in a ticker's message 1 (best bid) or -1 (best ask). ``none``: quoted
    texts that stand for no such price, in a ticker.
    """

    quoted: bool = False
    side: int = 0
    none: tuple[str, ...] = ()


@attrs.frozen
class Size:
    """A size >= 0 (> 0 in a ticker, which may do without sizes), otherwise as `Price`.

    ``signed``, in a row: a minus stands for an ask (or a sale), its absence for a bid (or a purchase).
    """

    quoted: bool = False
    side: int = 0
    signed: bool = False


@attrs.frozen
class Orders:
    """The number of orders at a level; 0: the level is gone, whatever its size says."""


@attrs.frozen
class Truth:
    """``true`` or ``false`` in a trade's row. ``true``: the side (1, -1) that ``true`` stands for."""

    true: int


@attrs.frozen
class Integer:
    """A whole number from ``low`` (0 or less) to ``high``.

    ``field``: trade_id (of a row), checksum, first, last or prev (of a message), or sequence (of the frame
    on its connection).
    """

    field: str
    high: int = 2**63 - 1
    quoted: bool = False
    low: int = 0


@attrs.frozen
class Time:
    """A time after the epoch.

    ``form``: ``rfc3339`` (UTC with Z, quoted), ``seconds`` (decimal, quoted), or a whole number of
    ``ms``, ``us``, ``ns`` or ``epoch`` (ms of 13 or us of 16 digits). ``of``: ``message``; ``row`` (a
    trade's own; the message has the newest of them); ``newest`` (of the rows, for the message alone).
    ``quoted`` is for whole numbers. ``kept``: a `HashText` has its text.
    """

    form: str
    of: str = "message"
    quoted: bool = False
    kept: bool = False


@attrs.frozen
class Symbol:
    """The venue's name of the instrument, a JSON string; ``number``: a channel number, without quotes,
    as told by ``MessageWriter.begin(wire=...)``.
    """

    number: bool = False


@attrs.frozen
class Text:
    """A JSON string of printable ASCII. ``field``: ``market``, which a `HashText` has: then it is of at
    most 80 characters and without blanks.
    """

    field: str = ""


@attrs.frozen
class Digest:
    """The hash of the whole book after a message, or after a row: a JSON string of 40 characters.

    Of several rows the last one's counts. See `sync_engine.HashText`.
    """


@attrs.frozen
class Choice:
    """A JSON string, one of these. ``field``: ``kind`` (`UPDATE`, `SNAPSHOT`) or ``side`` (1, -1)."""

    field: str
    values: Mapping[str, int]


@attrs.frozen
class Literal:
    """A JSON string, one of these; any other one means that the frame is of another shape."""

    texts: tuple[str, ...]


@attrs.frozen
class Ending:
    """A JSON string that ends with one of these; any other one means that the frame is of another shape."""

    texts: tuple[str, ...]


@attrs.frozen
class WholeBook:
    """A field that only a snapshot has: the frame is left to ``decode``."""


@attrs.frozen
class Other:
    """A field of frames of another shape, which are told apart by it where a `Literal` is the same."""


@attrs.frozen
class Skip:
    """Any JSON value."""


Node: TypeAlias = (
    Object
    | Tuple
    | Array
    | Message
    | Row
    | Rows
    | Maybe
    | Price
    | Size
    | Orders
    | Truth
    | Integer
    | Time
    | Symbol
    | Choice
    | Literal
    | Ending
    | Text
    | Digest
    | Other
    | WholeBook
    | Skip
)


@attrs.frozen
class Shape:
    """A hot frame: ``channel`` as given to ``MessageWriter.begin``, ``carries`` book, trade, ticker or
    heartbeat, ``root`` the document.

    ``begins``: how such a frame usually begins; the scanner tries a shape first whose text fits.
    """

    channel: str
    carries: str
    root: Object | Tuple | Message
    begins: str = ""
