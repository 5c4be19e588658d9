"""Numbers as people read them. What is not known is a dash."""

from __future__ import annotations

__all__ = ["DASH", "amounts", "bps", "duration", "number", "share"]

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def number(value: float | None, digits: int = 4) -> str:
    """Significant digits, with thousands apart: ``1,234``, ``0.01235``."""
    if value is None:
        return DASH
    if not value:
        return "0"
    if not 1e-6 <= abs(value) < 1e12:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    whole = len(str(int(abs(value))))
    places = max(0, digits - whole) if abs(value) >= 1 else digits
    told = f"{value:,.{places}f}" if abs(value) >= 0.001 else f"{value:.{digits}g}"
    return (told.rstrip("0").rstrip(".") if "." in told else told).replace("-", MINUS)


def share(value: float | None) -> str:
    """Per cent: ``12.5 %``; what is more than nothing is never shown as nothing."""
    if value is None:
        return DASH
    return "< 0.1 %" if 0 < value < 0.001 else f"{100 * value:.1f} %"


def bps(value: float | None) -> str:
    """Basis points, signed: ``+1.25``."""
    return DASH if value is None else f"{value:+.2f}".replace("-", MINUS)


def duration(seconds: float | None) -> str:
    """``350 ms``, ``12.5 s``, ``3 min 5 s``, ``2 h 4 min``, ``3 d 4 h``."""
    if seconds is None:
        return DASH
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    for unit, name, below, under in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            rest = whole % unit // below
            return f"{whole // unit} {name} {rest} {under}" if rest else f"{whole // unit} {name}"
    return f"{whole} s"


def amounts(exact: list[str]) -> list[str]:
    """Exact decimal texts with equally many decimals, so that they stand below each other."""
    places = max((len(one.partition(".")[2]) for one in exact), default=0)
    told = []
    for one in exact:
        sign = MINUS if one.startswith("-") else ""
        whole, _, fraction = one.removeprefix("-").partition(".")
        decimals = f".{fraction:0<{places}}" if places else ""
        told.append(f"{sign}{int(whole):,}{decimals}")
    return told
