"""The data of a sweep cut into days and instruments, each of which is played on by itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import attrs

from mm_framework.bundle.times import DAY_NS, parse_utc
from mm_framework.errors import ConfigError
from mm_framework.replay.events import ReplayRequest
from mm_framework.store.reader import Store

__all__ = ["CUTS", "DataCell", "cells"]

CUTS: Final = ("day", "instrument")
"""What data can be cut by; a day is that of UTC."""


@attrs.frozen
class DataCell:
    """A part of the data; ``names``: by what it was cut, such as ``{"day": "2026-11-21"}``."""

    names: dict[str, str]
    request: ReplayRequest


def cells(store: Store, request: ReplayRequest, each: Collection[str]) -> list[DataCell]:
    """The request cut by the words of `CUTS` in ``each``: what the store holds, by day, then instrument.

    Raises ConfigError where there are none, or for an instrument that the store does not have.
    """
    if not each:
        return [DataCell({}, request)]
    kept = [place for place, word in enumerate(CUTS) if word in each]
    found = {tuple(held[place] for place in kept) for held in _held(store, request)}
    if not found:
        raise ConfigError(
            f"--each {' --each '.join(each)}: the store holds nothing of that with --qa {request.policy}",
            key="each",
        )
    names = [dict(zip((CUTS[place] for place in kept), one, strict=True)) for one in sorted(found)]
    return [DataCell(one, _cut(request, one)) for one in names]


def _held(store: Store, request: ReplayRequest) -> set[tuple[str, str]]:
    """Days and instruments of the request that have rows."""
    wanted = store.matching(request.instruments)
    stored = store.partitions(request.instruments, request.from_ns, request.to_ns, request.policy)
    return {
        (one.partition.date, stretch.instrument)
        for one in stored
        for part in one.parts
        for stretch in part.stretches
        if stretch.instrument in wanted
        and stretch.rows
        and stretch.first_ns < request.to_ns
        and request.from_ns <= stretch.last_ns
    }


def _cut(request: ReplayRequest, names: dict[str, str]) -> ReplayRequest:
    if "instrument" in names:
        request = attrs.evolve(request, instruments=(names["instrument"],))
    if "day" in names:
        midnight = parse_utc(names["day"])
        begin, end = max(request.from_ns, midnight), min(request.to_ns, midnight + DAY_NS)
        request = attrs.evolve(request, from_ns=begin, to_ns=end)
    return request
