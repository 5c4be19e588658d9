"""Marked times: cut to what is shown, and told in words."""

from __future__ import annotations

from collections.abc import Iterable

from mm_framework.report.chart import Mark, MarkKind

__all__ = ["mark", "within"]


def mark(start_ns: int, end_ns: int, kind: MarkKind, reason: str) -> Mark:
    """A mark that tells its reason and how long it lasts."""
    return Mark(start_ns, end_ns, kind, f"{reason}, {_length(end_ns - start_ns)}")


def within(marks: Iterable[Mark], start_ns: int, end_ns: int) -> list[Mark]:
    """Those that touch a time, cut to it, in order; the reason still tells the whole length."""
    return sorted(
        (
            Mark(max(one.start_ns, start_ns), min(one.end_ns, end_ns), one.kind, one.text)
            for one in marks
            if one.start_ns <= end_ns and one.end_ns >= start_ns
        ),
        key=lambda one: (one.start_ns, one.end_ns, one.kind, one.text),
    )


def _length(ns: int) -> str:
    if ns < 1_000_000:
        return f"{ns / 1e3:.3g} \N{MICRO SIGN}s"
    if ns < 60 * 10**9:
        return f"{ns / 1e9:.3f} s"
    minutes, seconds = divmod(round(ns / 1e9), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {seconds} s"
