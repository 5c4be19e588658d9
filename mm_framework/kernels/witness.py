"""`sync.proofs.TopWitness` in memory that kernels share: tickers by number, in a ring."""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.book import book_best, book_size
from mm_framework.kernels.jit import helper
from mm_framework.kernels.layout import (
    ROW_BYTES,
    ROW_PRICE,
    ROW_SIZE,
    WITNESS_BYTES,
    WITNESS_ENTRIES,
    WITNESS_ENTRY_BYTES,
    WITNESS_HEAD,
    WITNESS_LAST,
    WITNESS_TAIL,
)
from mm_framework.kernels.memory import Buffer, load_i8
from mm_framework.kernels.undo import change
from mm_framework.model.book import Book, Level
from mm_framework.model.fixed import NULL

__all__ = ["NativeWitness", "witness_look", "witness_tell"]

Top = tuple[Level | None, Level | None]

SLOTS: Final = (WITNESS_BYTES - WITNESS_ENTRIES) // WITNESS_ENTRY_BYTES


@helper
def _entry(witness: int, counter: int) -> int:
    return witness + WITNESS_ENTRIES + (counter & (SLOTS - 1)) * WITNESS_ENTRY_BYTES


@helper
def witness_tell(ctx: int, witness: int, number: int, rows: int) -> int:
    """Take the two rows of a ticker; 0 when there is no room to remember what that changes."""
    if number <= load_i8(witness + WITNESS_LAST):
        return 1
    head, tail = load_i8(witness + WITNESS_HEAD), load_i8(witness + WITNESS_TAIL)
    entry, ask = _entry(witness, tail), rows + ROW_BYTES
    fits = change(ctx, entry, number)
    fits &= change(ctx, entry + 8, load_i8(rows + ROW_PRICE))
    fits &= change(ctx, entry + 16, load_i8(rows + ROW_SIZE))
    fits &= change(ctx, entry + 24, load_i8(ask + ROW_PRICE))
    fits &= change(ctx, entry + 32, load_i8(ask + ROW_SIZE))
    fits &= change(ctx, witness + WITNESS_LAST, number)
    fits &= change(ctx, witness + WITNESS_TAIL, tail + 1)
    if tail + 1 - head > SLOTS:
        fits &= change(ctx, witness + WITNESS_HEAD, head + 1)
    return fits


@helper
def witness_look(ctx: int, witness: int, number: int, book: int) -> int:
    """1 or 0: the ticker with this number is equal to the book or not; 2: there is none; -1: no room."""
    head, tail = load_i8(witness + WITNESS_HEAD), load_i8(witness + WITNESS_TAIL)
    before = head
    while head < tail and load_i8(_entry(witness, head)) < number:
        head += 1
    equal = 2
    if head < tail and load_i8(_entry(witness, head)) == number:
        entry = _entry(witness, head)
        bid, ask = book_best(book, 1), book_best(book, -1)
        same = bid == load_i8(entry + 8) and ask == load_i8(entry + 24)
        same = same and (bid == NULL or book_size(book, 1, bid) == load_i8(entry + 16))
        same = same and (ask == NULL or book_size(book, -1, ask) == load_i8(entry + 32))
        equal = 1 if same else 0
        head += 1
    if head != before and change(ctx, witness + WITNESS_HEAD, head) == 0:
        return -1
    return equal


class NativeWitness:
    """Implements `sync.proofs.Witness`; its memory is at ``address``."""

    __slots__ = ("_memory", "_words", "address")

    def __init__(self) -> None:
        self._memory = Buffer(WITNESS_BYTES)
        self._words = self._memory.words()
        self._words[WITNESS_LAST // 8] = NULL
        self.address = self._memory.address

    def tell(self, number: int, top: Top) -> None:
        """See the protocol."""
        words = self._words
        if number <= words[WITNESS_LAST // 8]:
            return
        tail, base = words[WITNESS_TAIL // 8], self._base(words[WITNESS_TAIL // 8])
        (bid, bid_size), (ask, ask_size) = (side or (NULL, NULL) for side in top)
        for place, value in enumerate((number, bid, bid_size, ask, ask_size)):
            words[base + place] = value
        words[WITNESS_LAST // 8], words[WITNESS_TAIL // 8] = number, tail + 1
        if tail + 1 - words[WITNESS_HEAD // 8] > SLOTS:
            words[WITNESS_HEAD // 8] += 1

    def look(self, book: Book, number: int | None) -> bool | None:
        """See the protocol."""
        if number is None:
            return None
        words = self._words
        head, tail = words[WITNESS_HEAD // 8], words[WITNESS_TAIL // 8]
        while head < tail and words[self._base(head)] < number:
            head += 1
        equal = None
        if head < tail and words[self._base(head)] == number:
            base = self._base(head)
            told = [(words[base + place], words[base + place + 1]) for place in (1, 3)]
            held = [side or (NULL, NULL) for side in (book.best_bid, book.best_ask)]
            equal = told == held
            head += 1
        words[WITNESS_HEAD // 8] = head
        return equal

    @staticmethod
    def _base(counter: int) -> int:
        return (WITNESS_ENTRIES + (counter & (SLOTS - 1)) * WITNESS_ENTRY_BYTES) // 8
