"""Two connections say the same during a handover: which of their messages are taken.

trades with numbers, and      both: what is next is taken, repetitions are dropped by their number;
books with fetched snapshots  the heir feeds as soon as one of its messages is next, or known
other books, trades whose     the heir's snapshot makes it the one that feeds
numbers have holes
trades without any number     both: a print is taken as often as the connection says it that says it
                              more often
ticker                        the heir feeds from its first message on, older numbers are dropped
"""

from __future__ import annotations

from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.feed.links import Spare, Stream
from mm_framework.feed.session import Session
from mm_framework.feed.turn import Turn
from mm_framework.feed.writer import BookDelta, Pending, Tops, Trades
from mm_framework.model.events import NULL
from mm_framework.model.frame import RecordKind
from mm_framework.sync.book_state import MAX_REPETITION
from mm_framework.sync.trades import Print

__all__ = ["Admission"]


class Admission:
    """Decides message by message; the change of the connection that feeds happens here, too."""

    def __init__(self, rules: SyncRules, session: Session, turn: Turn) -> None:
        self._rules, self._session, self._turn = rules, session, turn

    def admits(self, stream: Stream, pending: Pending) -> bool:
        """Whether a message of the present record is to be applied; trades may get fewer by it."""
        if self._turn.record.kind != RecordKind.FRAME or stream.alone:
            return True
        spare, connection = stream.spare, self._turn.connection
        if isinstance(pending, Tops):
            return self._ticker(stream, pending)
        if isinstance(pending, Trades) and self._rules.trade_ids is False:
            return self._unnumbered(stream, pending)
        if isinstance(pending, BookDelta):
            pending.instrument.book.join_next()
        if spare is None or spare.connection != connection:
            return True
        if self._session.handover.by_snapshot(stream):
            stream.feed_from(connection)  # the heir alone
            return True
        if not self._meets(pending):
            return False
        if spare.heir:
            # The heir feeds, and the old connection helps as long as it lives.
            old, stream.connection = stream.connection, spare.connection
            stream.spare = None if old is None else Spare(old, heir=False)
        return True

    def _meets(self, pending: Pending) -> bool:
        """Whether a message is next, or known: else the other connection brings what is missing."""
        if isinstance(pending, BookDelta):
            return pending.instrument.book.meets(pending.message)
        assert isinstance(pending, Trades)
        return pending.instrument.trades_on(pending.channel).meets(pending.prints)

    def _ticker(self, stream: Stream, tops: Tops) -> bool:
        spare, connection = stream.spare, self._turn.connection
        if spare is not None and spare.connection != connection:
            stream.floor = None if tops.last == NULL else tops.last
            return True
        if spare is not None:
            stream.feed_from(connection)  # the heir alone
        floor = stream.floor
        if floor is not None and tops.last != NULL and 0 <= floor - tops.last <= MAX_REPETITION:
            return False
        stream.floor = None
        return True

    def _unnumbered(self, stream: Stream, trades: Trades) -> bool:
        balance = {one[:4]: one[4] for one in stream.echoes}
        feeds = self._turn.connection == stream.connection
        if stream.spare is None:
            trades.prints = _passed(trades.prints, balance)
        else:
            trades.prints = _more_often(trades.prints, balance, 1 if feeds else -1)
        stream.echoes = [(*print_, n) for print_, n in balance.items() if n]
        return bool(trades.prints)


_Said = tuple[int, int, int, int]


def _said(trade: Print) -> _Said:
    return (trade.side, trade.price, trade.size, trade.ts_venue_ns)


def _more_often(prints: list[Print], balance: dict[_Said, int], sign: int) -> list[Print]:
    """The prints that this connection has now said more often than the other one."""
    taken = []
    for trade in prints:
        before = balance.get(_said(trade), 0) * sign
        balance[_said(trade)] = (before + 1) * sign
        if before >= 0:
            taken.append(trade)
    return taken


def _passed(prints: list[Print], owed: dict[_Said, int]) -> list[Print]:
    """The prints that the old connection has not said; with the first of them all of its own have passed."""
    taken = []
    for trade in prints:
        if owed.get(_said(trade), 0) > 0:
            owed[_said(trade)] -= 1
        else:
            taken.append(trade)
            owed.clear()
    return taken
