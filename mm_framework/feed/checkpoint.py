"""A `Feed`'s state out into a checkpoint, and back: all that the records so far have left behind."""

from __future__ import annotations

from typing import Any

import cattrs
import msgspec

from mm_framework.errors import SchemaMismatch
from mm_framework.feed.config import FeedConfig
from mm_framework.feed.instrument import Definitions
from mm_framework.feed.roster import Roster
from mm_framework.feed.session import Session
from mm_framework.feed.state import FeedState, InstrumentState, structure, unstructure
from mm_framework.model.frame import encode_json
from mm_framework.sync.counts import Counts
from mm_framework.sync.emit import Emitter
from mm_framework.sync.trades import TradeState

__all__ = ["read_state", "restore", "save"]


def save(
    config: dict[str, Any],
    session: Session,
    roster: Roster,
    definitions: Definitions,
    emitter: Emitter,
    *,
    stopped: bool,
) -> bytes:
    """The state as canonical JSON."""
    places = {definition.index: place for place, definition in enumerate(definitions.all)}
    state = FeedState(
        config=config,
        seq=emitter.seq,
        req_id=session.req_id,
        online=session.online,
        stopped=stopped,
        numbers=definitions.numbers,
        definitions=definitions.all,
        links=list(session.links.values()),
        streams=list(session.known.values()),
        depths=[(*key, depth) for key, depth in roster.depths.items()],
        infos=list(roster.infos.values()),
        instruments=[
            InstrumentState(
                id=i.id,
                venue_symbol=i.venue_symbol,
                info=i.info,
                definition=places[i.definition.index] if i.defined else None,
                book=i.book.s,
                bids=i.book.book.bids(),
                asks=i.book.book.asks(),
                last_trade_id=i.trades.s.last_id,
                suspect_trade_id=i.trades.s.suspect_id,
                more_trades=[
                    (channel, trades.s.last_id, trades.s.suspect_id)
                    for channel, trades in i.more_trades.items()
                ],
                left_trades=[
                    (channel, trades.s.left_id)
                    for channel, trades in ((i.trade_channel, i.trades), *i.more_trades.items())
                    if trades.s.left_id is not None
                ],
            )
            for i in roster.by_id.values()
        ],
        refresh_from_ns=session.refreshes.from_ns,
    )
    return encode_json(unstructure(state))


def read_state(payload: bytes) -> tuple[FeedConfig, FeedState]:
    """Configuration and state of a checkpoint. Raises SchemaMismatch."""
    try:
        state = structure(msgspec.json.decode(payload))
        return FeedConfig.from_json(state.config), state
    except (cattrs.BaseValidationError, msgspec.DecodeError) as error:
        raise SchemaMismatch(
            "the checkpoint in the log is not one that this version knows; a newer mm-framework may read it"
        ) from error


def restore(
    state: FeedState,
    session: Session,
    roster: Roster,
    definitions: Definitions,
    emitter: Emitter,
    counts: Counts,
) -> None:
    """Bring freshly made parts to this state."""
    emitter.seq = state.seq
    definitions.all.extend(state.definitions)
    definitions.numbers = state.numbers
    roster.depths = {(instrument, channel): depth for instrument, channel, depth in state.depths}
    session.req_id, session.online = state.req_id, state.online
    session.refreshes.from_ns = state.refresh_from_ns
    session.links.update({link.index: link for link in state.links})
    for stream in state.streams:
        session.add(stream)
    for info in state.infos:
        roster.infos[roster.id_of(info.venue_symbol)] = info
    for kept in state.instruments:
        _restore_instrument(kept, roster, definitions)
        counts.epochs += kept.book.built
    for stream in state.streams:
        wanted = stream.subscription
        roster.by_symbol[wanted.venue_symbol] = roster.by_id[wanted.instrument]
    roster.rest(state.streams)
    session.deadlines.rearm()


def _restore_instrument(kept: InstrumentState, roster: Roster, definitions: Definitions) -> None:
    instrument = roster.by_symbol[kept.venue_symbol] = roster.add(kept.id, kept.venue_symbol)
    instrument.info, instrument.book.s = kept.info, kept.book
    instrument.trades.s = TradeState(kept.last_trade_id, kept.suspect_trade_id)
    for channel, last_id, suspect_id in kept.more_trades:
        instrument.trades_on(channel).s = TradeState(last_id, suspect_id)
    for channel, left_id in kept.left_trades:
        instrument.trades_on(channel).s.left_id = left_id
    instrument.book.book.load(kept.bids, kept.asks)
    if kept.definition is not None:
        instrument.current = definitions.all[kept.definition]
