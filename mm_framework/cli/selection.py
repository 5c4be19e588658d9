"""What verbs that read events have in common: a range of receive times, and the quality that is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from mm_framework.errors import ConfigError

__all__ = ["qa_option", "range_options", "time_range"]

F = TypeVar("F", bound=Callable[..., Any])


def range_options(to_flag: str = "--to", note: str = "") -> Callable[[F], F]:
    """``--from`` as ``from_time``, ``--to`` (or another flag) as ``to_time``; ``note`` ends their help."""

    def attach(function: F) -> F:
        ends = click.option(
            to_flag, "to_time", metavar="TIME", help=f"Receive time before which it ends.{note}"
        )
        begins = click.option(
            "--from", "from_time", metavar="TIME", help=f"First receive time, ISO 8601, UTC.{note}"
        )
        return begins(ends(function))

    return attach


def qa_option(note: str = "") -> Callable[[F], F]:
    """``--qa`` as ``qa``: pass, warn or any."""
    return click.option(
        "--qa",
        type=click.Choice(["pass", "warn", "any"]),
        default="pass",
        show_default=True,
        help=f"What quality is taken; of QUARANTINE what lies in no interval, unless any.{note}",
    )


def time_range(from_time: str | None, to_time: str | None, to_flag: str = "--to") -> tuple[int, int]:
    """A half-open range of times in ns, without bounds where none is given. Raises ConfigError."""
    from mm_framework.bundle.times import FIRST_NS, LAST_NS, parse_utc

    start = FIRST_NS if from_time is None else parse_utc(from_time)
    end = LAST_NS if to_time is None else parse_utc(to_time)
    if start >= end:
        raise ConfigError(f"--from {from_time} is not before {to_flag} {to_time}", key="from")
    return start, end
