"""`contracts.shapes` compiled to the table that the scanner walks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from mm_framework.contracts.shapes import (
    SNAPSHOT,
    Array,
    Choice,
    Digest,
    Ending,
    Integer,
    Literal,
    Maybe,
    Message,
    Node,
    Object,
    Orders,
    Other,
    Price,
    Row,
    Rows,
    Shape,
    Size,
    Symbol,
    Text,
    Time,
    Truth,
    Tuple,
    WholeBook,
)
from mm_framework.kernels import layout
from mm_framework.kernels.layout import NodeFlag, NodeKind, TimeForm
from mm_framework.kernels.memory import Buffer

__all__ = ["CompiledShapes", "compiled"]

CARRIES: Final = {
    "heartbeat": layout.CARRIES_HEARTBEAT,
    "book": layout.CARRIES_BOOK,
    "trade": layout.CARRIES_TRADE,
    "ticker": layout.CARRIES_TICKER,
}
_FORMS: Final = {form.name.lower(): form for form in TimeForm}
_INTEGERS: Final = {
    "trade_id": (layout.ROW_AUX, NodeFlag.IN_ROW),
    "checksum": (layout.TOLD_CHECKSUM, NodeFlag(0)),
    "first": (layout.TOLD_FIRST, NodeFlag(0)),
    "last": (layout.TOLD_LAST, NodeFlag(0)),
    "prev": (layout.TOLD_PREV, NodeFlag(0)),
    "sequence": (layout.SCAN_NUMBER, NodeFlag.FRAME),
}
_TEXTS: Final = {"": 0, "market": layout.TOLD_MARKET}
_TICKER: Final = {
    (Price, 1): layout.TOLD_BID,
    (Size, 1): layout.TOLD_BID_SIZE,
    (Price, -1): layout.TOLD_ASK,
    (Size, -1): layout.TOLD_ASK_SIZE,
}
MAX_BITS: Final = 62
MAX_NESTING: Final = layout.SCAN_STACK_BYTES // 16 - 1


@attrs.define(eq=False)
class _Entry:
    """One node of the table: words by their offset, its children's places, its key."""

    words: dict[int, int]
    key: bytes = b""
    children: int = 0
    template: tuple[bytes, bytes, bytes] | None = None


class _Compiler:
    """One shape. Nodes that are the same object share a bit: what one of them saw, all have seen."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.entries: list[_Entry] = []
        self.bits: dict[int, int] = {}
        self.orders: dict[int, int] = {}
        self.messages = 0
        self.in_rows = 0  # how many `Rows` the present node is in
        self.split = self.named = self.row_times = self.hashed = False

    def compile(self) -> int:
        """All nodes, the root first; returns the bits that the frame itself requires."""
        self.entries.append(_Entry({}))
        required, _ = self._fill(0, self.shape.root, bit=0, in_row=False, depth=0)
        one_place = self.shape.carries == "book" and len(self.orders) == self.messages == 1
        if self.split and (self.row_times or not self.named or not one_place):
            raise self._wrong("what is split is a message of levels with names and without times")
        carries_data = self.shape.carries != "heartbeat"
        if self.shape.carries not in CARRIES or carries_data != bool(self.messages):
            raise self._wrong(f"carries {self.shape.carries!r} with {self.messages} messages")
        return required

    def _wrong(self, what: str) -> ValueError:
        return ValueError(f"the shape of channel {self.shape.channel!r}: {what}")

    def _fill(self, at: int, node: Node, *, bit: int, in_row: bool, depth: int) -> tuple[int, int]:
        """Write the node at its place: ``(bits required, all bits)`` of it and what is in it."""
        if depth > MAX_NESTING:
            raise self._wrong(f"more than {MAX_NESTING} containers in one another")
        entry = self.entries[at]
        entry.words[layout.NODE_BIT] = bit
        flags = NodeFlag(0)
        if isinstance(node, Message):
            self.messages += 1
            self.split |= node.split
            flags, node = NodeFlag.MESSAGE | (NodeFlag.SPLIT if node.split else NodeFlag(0)), node.body
        if isinstance(node, Row):
            entry.words[layout.NODE_SIDE] = node.side & 0xFF
            flags, in_row, node = flags | NodeFlag.ROW, True, node.item
        kind, more = self._leaf(entry, node, in_row=in_row)
        required = bits = bit
        if isinstance(node, Object | Tuple | Array | Rows):
            kind, more = self._container(entry, node)
            inside_required, inside = self._children(at, node, in_row=in_row, depth=depth)
            if flags & (NodeFlag.MESSAGE | NodeFlag.ROW):
                entry.words[layout.NODE_REQUIRED] = inside_required
                entry.words[layout.NODE_SCOPE] = inside
                inside_required = inside = 0
            required, bits = required | inside_required, bits | inside
        if flags & NodeFlag.MESSAGE and self.hashed:
            flags |= NodeFlag.HASHED
        entry.words[layout.NODE_KIND] = kind
        entry.words[layout.NODE_FLAGS] = flags | more
        return required, bits

    def _container(self, entry: _Entry, node: Object | Tuple | Array | Rows) -> tuple[NodeKind, NodeFlag]:
        match node:
            case Object():
                return NodeKind.OBJECT, NodeFlag.CLOSED if node.closed else NodeFlag(0)
            case Tuple():
                return NodeKind.TUPLE, NodeFlag.MORE if node.more else NodeFlag(0)
            case Array():
                return NodeKind.ARRAY, NodeFlag(0)
            case Rows():
                entry.words[layout.NODE_SIDE] = node.side
                entry.words[layout.NODE_ORDER] = self.orders.setdefault(id(node), len(self.orders))
                if len(self.orders) > 2:
                    raise self._wrong("more than two kinds of rows")
                entry.template = _template(node)
                return NodeKind.ARRAY, NodeFlag.ROWS

    def _children(
        self, at: int, node: Object | Tuple | Array | Rows, *, in_row: bool, depth: int
    ) -> tuple[int, int]:
        wanted: list[tuple[str | None, Node]]
        if isinstance(node, Object):
            wanted = list(node.fields.items())
        elif isinstance(node, Tuple):
            wanted = [(None, item) for item in node.items]
        else:
            wanted = [(None, node.item)]
        first = self._reserve([name for name, _ in wanted], at)
        required = bits = 0
        for place, (_, child) in enumerate(wanted, first):
            needed = not isinstance(child, Maybe)
            child = child.node if isinstance(child, Maybe) else child
            if not needed and isinstance(child, Price | Size):
                raise self._wrong("a price or size may be missing")
            row = in_row or isinstance(node, Rows)
            bit = self._bit(child) if isinstance(node, Object) else 0
            self.in_rows += isinstance(node, Rows)
            child_required, child_bits = self._fill(place, child, bit=bit, in_row=row, depth=depth + 1)
            self.in_rows -= isinstance(node, Rows)
            if isinstance(node, Rows):
                words = self.entries[place].words
                words[layout.NODE_FLAGS] |= NodeFlag.ROW
                words[layout.NODE_SIDE] = node.side & 0xFF
                words[layout.NODE_REQUIRED], words[layout.NODE_SCOPE] = child_required, child_bits
                child_required = child_bits = 0
            required |= child_required if needed else 0
            bits |= child_bits
        return required, bits

    def _reserve(self, keys: Sequence[str | None], at: int, values: Iterable[int] = ()) -> int:
        """Places for children of these keys (None: of none), side by side; returns the first."""
        first = len(self.entries)
        self.entries[at].words[layout.NODE_CHILD] = first
        self.entries[at].words[layout.NODE_CHILDREN] = len(keys)
        for key in keys:
            text = b"" if key is None else key.encode("ascii") + b'"'
            if len(text) > layout.MAX_KEY:
                raise self._wrong(f"{key!r} is longer than {layout.MAX_KEY - 1} characters")
            self.entries.append(_Entry({}, text))
        for entry, value in zip(self.entries[first:], values, strict=False):
            entry.words[layout.NODE_VALUE] = value
        return first

    def _bit(self, node: Node) -> int:
        place = self.bits.setdefault(id(node), len(self.bits))
        if place >= MAX_BITS:
            raise self._wrong(f"more than {MAX_BITS} fields")
        return 1 << place

    def _leaf(self, entry: _Entry, node: Node, *, in_row: bool) -> tuple[NodeKind, NodeFlag]:
        words, row = entry.words, NodeFlag.IN_ROW if in_row else NodeFlag(0)
        match node:
            case Price() | Size():
                quoted = NodeFlag.QUOTED if node.quoted else NodeFlag(0)
                if in_row and node.side == 0:
                    if isinstance(node, Price):
                        words[layout.NODE_TARGET] = layout.ROW_PRICE
                        return NodeKind.DECIMAL, row | quoted | NodeFlag.POSITIVE
                    words[layout.NODE_TARGET] = layout.ROW_SIZE
                    signed = NodeFlag.SIGNED if node.signed else NodeFlag(0)
                    return NodeKind.DECIMAL, row | quoted | signed
                if in_row or (type(node), node.side) not in _TICKER:
                    raise self._wrong("a price or size is of a side (1, -1) exactly where it is not in rows")
                words[layout.NODE_TARGET] = _TICKER[type(node), node.side]
                if isinstance(node, Price) and node.none:
                    self._reserve(node.none, self.entries.index(entry))
                    return NodeKind.BEST, quoted
                return NodeKind.DECIMAL, quoted | NodeFlag.POSITIVE
            case Integer():
                target, flag = _INTEGERS[node.field]
                words[layout.NODE_TARGET], words[layout.NODE_VALUE] = target, node.high
                words[layout.NODE_LEAST] = node.low
                return NodeKind.INTEGER, flag | (NodeFlag.QUOTED if node.quoted else NodeFlag(0))
            case Time():
                return NodeKind.TIME, self._time(words, node)
            case Symbol():
                bare = NodeFlag.BARE if node.number else NodeFlag(0)
                if not self.split:
                    return NodeKind.SYMBOL, bare
                self.named = self.in_rows > 0
                if not self.named:
                    raise self._wrong("what is split has a name outside of its levels")
                return NodeKind.SYMBOL, bare | NodeFlag.IN_ROW
            case Text():
                words[layout.NODE_TARGET] = _TEXTS[node.field]
                return NodeKind.TEXT, NodeFlag.KEPT if node.field else NodeFlag(0)
            case Digest():
                self.hashed = True
                words[layout.NODE_TARGET] = layout.ROW_DIGEST if in_row else layout.TOLD_DIGEST
                return NodeKind.DIGEST, row
            case Other():
                return NodeKind.OTHER, NodeFlag(0)
            case Orders():
                return NodeKind.ORDERS, row
            case Truth():
                words[layout.NODE_VALUE] = node.true
                return NodeKind.TRUTH, row
            case Choice():
                at = self.entries.index(entry)
                self._reserve(list(node.values), at, node.values.values())
                if node.field == "kind" and set(node.values.values()) - {0, SNAPSHOT}:
                    raise self._wrong("a kind is UPDATE or SNAPSHOT")
                return NodeKind.CHOICE, NodeFlag.SIDE if node.field == "side" else NodeFlag(0)
            case Literal() | Ending():
                self._reserve(node.texts, self.entries.index(entry))
                kind = NodeKind.LITERAL if isinstance(node, Literal) else NodeKind.ENDING
                return kind, NodeFlag(0)
            case WholeBook():
                return NodeKind.WHOLE_BOOK, NodeFlag(0)
        return NodeKind.SKIP, NodeFlag(0)

    def _time(self, words: dict[int, int], node: Time) -> NodeFlag:
        form = _FORMS[node.form]
        words[layout.NODE_VALUE] = form
        quoted = node.quoted or form in (TimeForm.RFC3339, TimeForm.SECONDS)
        flags = NodeFlag.QUOTED if quoted else NodeFlag(0)
        if node.kept:
            flags |= NodeFlag.KEPT
        words[layout.NODE_TARGET] = layout.TOLD_TIME
        self.row_times |= node.of != "message"
        if node.of == "row":
            words[layout.NODE_TARGET] = layout.ROW_VENUE
            flags |= NodeFlag.IN_ROW | NodeFlag.NEWEST
        elif node.of == "newest":
            flags |= NodeFlag.NEWEST
        return flags


def _template(rows: Rows) -> tuple[bytes, bytes, bytes] | None:
    """The three literals around price and size, where rows have nothing else; each of at most 16 bytes."""
    item = rows.item
    leaves = list(item.fields.values()) if isinstance(item, Object) else list(item.items)
    if [type(leaf) for leaf in leaves] != [Price, Size] or any(
        isinstance(leaf, Size) and leaf.signed for leaf in leaves
    ):
        return None
    quotes = [b'"' if isinstance(leaf, Price | Size) and leaf.quoted else b"" for leaf in leaves]
    if isinstance(item, Object):
        keys = [b'"%s":' % key.encode("ascii") for key in item.fields]
        literals = (b"{" + keys[0] + quotes[0], quotes[0] + b"," + keys[1] + quotes[1], quotes[1] + b"}")
    else:
        literals = (b"[" + quotes[0], quotes[0] + b"," + quotes[1], quotes[1] + b"]")
    return literals if max(map(len, literals)) <= 16 else None


def _text(view: memoryview, at: int, text: bytes, room: int) -> None:
    """``text`` at ``at``, zeros up to ``room``, then the mask of its bytes."""
    view[at : at + room] = text.ljust(room, b"\0")
    view[at + room : at + 2 * room] = (b"\xff" * len(text)).ljust(room, b"\0")


class CompiledShapes:
    """The table of a venue's shapes. ``channels``: their channel names, a channel's number its place."""

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self.channels = list(dict.fromkeys(shape.channel for shape in shapes))
        self.count = len(shapes)
        self._nodes: list[Buffer] = []
        self._templates: list[Buffer] = []
        self._table = Buffer(layout.SHAPE_BYTES * max(1, len(shapes)))
        words = self._table.words()
        for place, shape in enumerate(shapes):
            compiler = _Compiler(shape)
            required = compiler.compile()
            base = place * layout.SHAPE_BYTES // 8
            words[base + layout.SHAPE_ROOT // 8] = self._store(compiler.entries)
            words[base + layout.SHAPE_CARRIES // 8] = CARRIES[shape.carries]
            words[base + layout.SHAPE_CHANNEL // 8] = self.channels.index(shape.channel)
            words[base + layout.SHAPE_REQUIRED // 8] = required
            begins = shape.begins.encode("ascii")[:32]
            words[base + layout.SHAPE_BEGINS // 8] = len(begins)
            _text(self._table.view, place * layout.SHAPE_BYTES + layout.SHAPE_BEGINS + 8, begins, 32)

    @property
    def address(self) -> int:
        """Of the first shape; the others follow."""
        return self._table.address

    def _store(self, entries: list[_Entry]) -> int:
        buffer = Buffer(layout.NODE_BYTES * len(entries))
        words = buffer.words()
        for place, entry in enumerate(entries):
            base = place * layout.NODE_BYTES
            for offset, value in entry.words.items():
                words[(base + offset) // 8] = int(value)
            child = entry.words.get(layout.NODE_CHILD, 0)
            words[(base + layout.NODE_CHILD) // 8] = buffer.address + child * layout.NODE_BYTES
            words[(base + layout.NODE_KEY_LENGTH) // 8] = len(entry.key)
            _text(buffer.view, base + layout.NODE_KEY, entry.key, 32)
            if entry.template is not None:
                words[(base + layout.NODE_TEMPLATE) // 8] = self._store_template(entry.template)
        self._nodes.append(buffer)
        return buffer.address

    def _store_template(self, literals: tuple[bytes, bytes, bytes]) -> int:
        buffer = Buffer(layout.TEMPLATE_BYTES)
        for place, literal in enumerate(literals):
            base = place * layout.TEMPLATE_LITERAL_BYTES
            buffer.words()[base // 8] = len(literal)
            _text(buffer.view, base + 8, literal, 16)
        self._templates.append(buffer)
        return buffer.address


_MOST_KEPT: Final = 32
_kept: dict[int, tuple[Sequence[Shape], CompiledShapes]] = {}


def compiled(shapes: Sequence[Shape]) -> CompiledShapes:
    """The table of a venue's shapes, made once for each tuple of them: a venue has many feeds."""
    if not isinstance(shapes, tuple):
        return CompiledShapes(shapes)
    if id(shapes) not in _kept:
        if len(_kept) == _MOST_KEPT:
            _kept.clear()
        _kept[id(shapes)] = shapes, CompiledShapes(shapes)
    return _kept[id(shapes)][1]
