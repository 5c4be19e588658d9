"""The pure core of a shard: log records in, rows, messages and commands out."""

from mm_framework.feed.config import FeedConfig, FeedSettings, VenueKit
from mm_framework.feed.core import Feed, InstrumentView
from mm_framework.feed.output import Command, Notice, Output
from mm_framework.sync.counts import Counts

__all__ = [
    "Command",
    "Counts",
    "Feed",
    "FeedConfig",
    "FeedSettings",
    "InstrumentView",
    "Notice",
    "Output",
    "VenueKit",
]
