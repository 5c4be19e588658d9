"""The sync contract: how a venue's books are proved, as data.

A venue declares `SyncRules`; the core's engines (`sync.book`, `sync.checksum`, `sync.trades`) obey
them. A plugin brings no code for this.
"""

from __future__ import annotations

from typing import Literal, Protocol

import attrs

from mm_framework.model.book import Book

__all__ = ["ChecksumSpec", "HashCheck", "HashText", "SequenceSpec", "SyncRules"]


@attrs.frozen
class ChecksumSpec:
    """How a venue digests the top of its book.

    ``depth`` levels a side; ``order`` of the sides (``interleaved``: bid 1, ask 1, bid 2, ...);
    ``tokens`` of a level; ``form`` of a number: ``digits`` (fixed decimals, without point and
    leading zeros), ``plain`` (fixed decimals) or ``js_number`` (shortest, as JavaScript prints it);
    ``separator`` between all tokens; ``sign_on_asks``: the size of an ask carries a minus;
    ``signed``: the value is a signed 32-bit integer; ``when``: in each message or in a frame of its
    own; ``truncate``: the book is cut to the subscribed depth after each whole message, first.
    """

    depth: int
    order: Literal["asks_then_bids", "bids_then_asks", "interleaved"] = "asks_then_bids"
    tokens: tuple[Literal["price", "size"], ...] = ("price", "size")
    form: Literal["digits", "plain", "js_number"] = "digits"
    separator: str = ""
    sign_on_asks: bool = False
    algorithm: Literal["crc32"] = "crc32"
    signed: bool = False
    when: Literal["each_message", "own_frame"] = "each_message"
    truncate: bool = True


@attrs.frozen
class SequenceSpec:
    """Numbers that show a loss at the next message of their scope.

    ``scope``: ``instrument`` (the book messages of one instrument: ``first``, ``last``, ``prev`` of
    ``MessageWriter.end``) or ``connection`` (every data frame of a connection, heartbeats too, is one
    further than the frame before: ``MessageWriter.sequence``). ``link``, for instruments: ``first`` (an
    update's ``first`` is the ``last`` before it plus 1) or ``prev`` (its ``prev`` is the ``last`` before
    it). ``bridge``: ``channel`` (the snapshot comes on the channel, in order) or ``rest`` (it is fetched;
    updates are kept until it is there, those that it contains are dropped, and the first of the others
    must join it: its numbers contain that of the snapshot, or with link ``first`` the one after).
    """

    scope: Literal["instrument", "connection"] = "instrument"
    link: Literal["first", "prev"] = "first"
    bridge: Literal["channel", "rest"] = "channel"


class HashCheck(Protocol):
    """A digest of the whole book that the venue sends along, computed by the plugin. Pure."""

    def verify(self, book: Book, scales: tuple[int, int], told: str, venue_symbol: str) -> bool | None:
        """Whether ``told`` is the digest of ``book``; None where it cannot be computed.

        ``scales`` are the decimals of the book's integers (price, size).
        """
        ...


@attrs.frozen
class HashText:
    """What a `HashCheck` says of the messages of a declared shape, as data for compiled kernels.

    The text is ``head``, the bids, ``between``, the asks and one of ``endings``; the digest that is told
    (`shapes.Digest`) holds if with any of them it is the text's SHA-1 in lower-case hex. ``head``: literals,
    and between them names of fields: ``market`` (`shapes.Text`), ``symbol`` (the venue's name of the
    instrument), ``time`` (as it is written). The levels of a side stand from the worst to the best with
    commas between them, each of them price and size, in the shortest form, within ``level``'s literals.
    """

    head: tuple[str, ...]
    level: tuple[str, str, str]
    between: str
    endings: tuple[str, ...]


@attrs.frozen
class SyncRules:
    """The proof of a venue's books.

    ``crossed``: what a crossed book means at the end of a message while the venue is online:
    ``resync`` (the book is wrong), ``grace`` (it is wrong if it stays so for a second, unless the
    venue's checksum holds for it) or ``ignore``. ``sequence``: numbers of book messages or frames.
    ``window``: the venue itself keeps books at the subscribed depth and deletes what it pushes out.
    ``hash``: a digest; one that differs is counted, and after one that held a witness decides
    (`contracts.adapter.WitnessSource`; a mismatch alone is no loss); ``hash_text``: the same as data, without
    which books of a venue with a digest are not for compiled kernels. ``trade_ids``: trades are numbered
    without holes, a jump is a declared gap and a number seen before is a repetition; ``rising``: the numbers
    only rise, a repetition is known and a hole is not, on a channel that begins with trades of the past (a
    handover waits for them; without them: False).
    """

    checksum: ChecksumSpec | None = None
    crossed: Literal["resync", "grace", "ignore"] = "resync"
    trade_ids: bool | Literal["rising"] = False
    sequence: SequenceSpec | None = None
    hash: HashCheck | None = None
    hash_text: HashText | None = None
    window: bool = False

    @property
    def keeps_depth(self) -> bool:
        """Whether a book never holds more than the subscribed depth: cut by us, or by the venue."""
        return self.window or (self.checksum is not None and self.checksum.truncate)
