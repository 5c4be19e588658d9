"""REST bodies: books of ``/book`` and ``/books``, market lists of gamma and CLOB, errors.

    {"error":"No orderbook exists for the requested token id"}

Source: docs.polymarket.com, CLOB and gamma reference, read 2026-11-21.
"""

from __future__ import annotations

from typing import Final

import msgspec

from mm_framework.contracts.normalizer import FrameClass, MessageWriter, Refused
from mm_polymarket.market_data import RestBook
from mm_polymarket.metadata import read_page

__all__ = ["decode"]


class _Error(msgspec.Struct):
    error: str


_books: Final = msgspec.json.Decoder(RestBook)
_errors: Final = msgspec.json.Decoder(_Error)


def decode(body: bytes, out: MessageWriter) -> FrameClass:
    """Read a body by its shape: a book is a snapshot, a market gives the definitions of its tokens.

    Raises msgspec.DecodeError when it is not a JSON document, MalformedFrame for half a book.
    """
    page = read_page(body)
    found = FrameClass.CONTROL if page.entries else FrameClass.UNKNOWN
    for market in page.markets:
        for info in market.infos():
            out.control(info)
    for entry in page.rest:
        try:
            found = _books.decode(entry).emit(out)
        except msgspec.ValidationError:
            if found is FrameClass.UNKNOWN and _refused(entry, out):
                found = FrameClass.CONTROL
    return found


def _refused(entry: bytes, out: MessageWriter) -> bool:
    try:
        out.control(Refused(_errors.decode(entry).error))
    except msgspec.ValidationError:
        return False
    return True
