"""Books that a run asks REST for, beside what `Feed` wants; what comes of it is a record like any other."""

from __future__ import annotations

from typing import Protocol

from mm_framework.contracts.adapter import Adapter, HttpRequest, Subscription, WitnessSource
from mm_framework.feed import VenueKit
from mm_framework.model.instrument import Definition, parse_id, shard_of

__all__ = ["BookRequests", "book_request", "offers_books"]


class Run(Protocol):
    """What is needed of the run."""

    def ask_book(self, shard: int, request: HttpRequest) -> None:
        """Ask a shard's venue, at the endpoint of the run, in its turn."""
        ...


def offers_books(adapter: Adapter) -> bool:
    """Whether the venue tells a whole book over REST."""
    return hasattr(adapter, "snapshot_request") or isinstance(adapter, WitnessSource)


def book_request(adapter: Adapter, definition: Definition) -> HttpRequest | None:
    """The request for a whole book; None where the venue offers none.

    `Feed` leaves a snapshot aside that it does not wait for, and compares a witness.
    """
    channel = next(one.name for one in adapter.channels if one.carries == "book")
    subscription = Subscription(definition.id, definition.venue_symbol, channel)
    snapshot = getattr(adapter, "snapshot_request", None)
    if snapshot is not None:
        found: HttpRequest = snapshot(subscription)
        return found
    return adapter.witness_request(subscription) if isinstance(adapter, WitnessSource) else None


class BookRequests:
    """Of one run: `attach` gives it that, `know` the kits of its venues; before, nothing is asked."""

    def __init__(self) -> None:
        self.kits: dict[str, VenueKit] = {}
        self._run: Run | None = None

    def attach(self, run: Run) -> None:
        """The run that makes the requests."""
        self._run = run

    def know(self, kit: VenueKit) -> VenueKit:
        """A venue of the run."""
        self.kits[kit.adapter.venue] = kit
        return kit

    def ask(self, definition: Definition) -> None:
        """Ask for a book, where the venue has that."""
        if self._run is None:
            return
        adapter = self.kits[parse_id(definition.id)[0]].adapter
        request = book_request(adapter, definition)
        if request is not None:
            self._run.ask_book(shard_of(definition.number), request)
