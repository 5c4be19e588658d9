"""Whether everything that was subscribed has spoken by the end of the first seconds. Pure.

Books and tickers begin with what there is, so an instrument that has one of these says something at once;
one with trades alone may have nothing to say and is not waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from mm_framework.capture.plan import Plan
from mm_framework.contracts.adapter import Adapter, Subscription
from mm_framework.feed.output import Defined, Output
from mm_framework.model.events import Kind, iter_messages

__all__ = ["Confirm"]

SPEAKING: Final = ("book", "ticker")
SPOKEN: Final = frozenset({Kind.LEVEL, Kind.SNAPSHOT_START, Kind.TRADE, Kind.TOP})


@attrs.define
class _Awaited:
    """An instrument that is to speak."""

    venue_symbol: str
    shard: int
    messages: int = 0


class Confirm:
    """Counts the messages of each instrument of a plan until it has had ``min_events``."""

    def __init__(self, plan: Plan, adapters: Mapping[str, Adapter], min_events: int) -> None:
        self.min_events = min_events
        self._awaited: dict[str, _Awaited] = {}
        self._names: dict[int, str] = {}
        for shard in plan.shards:
            carries = {channel.name: channel.carries for channel in adapters[shard.venue].channels}
            for one in shard.subscriptions:
                if carries[one.channel] in SPEAKING:
                    self._awaited.setdefault(one.instrument, _Awaited(one.venue_symbol, shard.shard))
        self._expected = len(self._awaited)

    @property
    def done(self) -> bool:
        """Whether nobody is waited for."""
        return not self._awaited

    def heard(self, output: Output) -> None:
        """Take in what `Feed` made of a record."""
        for notice in output.notices:
            if isinstance(notice, Defined):
                self._names[notice.definition.number] = notice.definition.id
        for message in iter_messages(output.messages):
            name = self._names.get(message.instrument, "")
            awaited = self._awaited.get(name)
            if awaited is not None and message.kind in SPOKEN:
                awaited.messages += 1
                if awaited.messages >= self.min_events:
                    del self._awaited[name]

    def left(self, subscriptions: Iterable[Subscription]) -> None:
        """These are followed no longer, so they are not waited for."""
        for one in subscriptions:
            if self._awaited.pop(one.instrument, None) is not None:
                self._expected -= 1

    def report(self) -> dict[str, Any]:
        """How many have spoken, and who has not, as ``missing_tokens.json`` holds it."""
        missing = [
            {
                "instrument": name,
                "venue_symbol": one.venue_symbol,
                "shard": one.shard,
                "messages": one.messages,
            }
            for name, one in sorted(self._awaited.items())
        ]
        return {
            "min_events": self.min_events,
            "expected": self._expected,
            "confirmed": self._expected - len(missing),
            "missing": missing,
        }
