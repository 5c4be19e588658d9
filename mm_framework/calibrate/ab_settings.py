"""Settings of an A/B test: who goes to B, what is judged, when a gate acts."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from mm_framework.calibrate.routing import Routing
from mm_framework.contracts.bounds import more_than_zero, zero_or_more
from mm_framework.settings import section, setting

__all__ = ["STAGES", "AbSettings"]

STAGES = (20.0, 50.0, 100.0)
"""The shares of B, in percent, through which a test is raised by hand."""


def _percent(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not 0 <= value <= 100:
        raise ValueError(f"{attribute.name} is {value}, expected 0 to 100 percent")


@section("ab")
@attrs.frozen
class AbSettings:
    """Whom an A/B test sends to B, and when its gates act."""

    split: float = setting(
        50.0, help="Symbols that go to B, percent; raised by hand: 20, 50, 100.", validator=_percent
    )
    mode: Literal["dry", "online"] = setting(
        "dry", help="dry: the gates only report; online: a gate sends every symbol back to A, for good."
    )
    salt: str = setting("ab", help="Decides who goes to B; take a new one for each experiment.")
    whitelist: tuple[str, ...] = setting((), help="The only symbols that may go to B; empty: any.")
    blacklist: tuple[str, ...] = setting((), help="Symbols that never go to B.")
    window_sec: int = setting(
        300,
        help="What of the past is judged, seconds; at most 1000 ticks and fills of a side.",
        validator=more_than_zero,
    )
    duration_sec: int = setting(
        600,
        help="How long a gate is violated without a break before it acts, seconds.",
        validator=more_than_zero,
    )
    min_samples: int = setting(
        30,
        help="Fills, or ticks, of each side without which a gate is neither violated nor clears.",
        validator=more_than_zero,
    )
    z: float = setting(
        3.0,
        help="Standard errors that a difference must exceed beside its gate; 0: the gate alone.",
        validator=zero_or_more,
    )
    taker_share_step: float = setting(
        0.01, help="How much more of B's fills may be a taker's, as a share.", validator=zero_or_more
    )
    latency_factor: float = setting(
        1.10, help="How many times as long the p95 of B's ticks may take.", validator=zero_or_more
    )
    deadline_miss_limit: float = setting(
        0.02, help="Share of B's ticks that may miss their deadline.", validator=zero_or_more
    )

    @property
    def routing(self) -> Routing:
        """Who goes where."""
        lists = frozenset(self.whitelist), frozenset(self.blacklist)
        return Routing(self.split / 100, self.salt, *lists)
