"""Parameters of REST requests to the Binance emulator, and the errors that wrong ones get."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Refusal", "count_of", "whole"]


class Refusal(Exception):
    """The answer is an error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.body = {"code": code, "msg": text}


def whole(query: Mapping[str, str], name: str) -> int | None:
    """A parameter that is a whole number, None when it is not there. Raises Refusal."""
    written = query.get(name)
    if written is None:
        return None
    if not (written.isascii() and written.isdecimal() and len(written) <= 20):
        raise _illegal(name)
    return int(written)


def count_of(query: Mapping[str, str], default: int, most: int) -> int:
    """How many rows are asked for, ``most`` when it is more. Raises Refusal."""
    found = whole(query, "limit")
    if found == 0:
        raise _illegal("limit")
    return min(default if found is None else found, most)


def _illegal(name: str) -> Refusal:
    return Refusal(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
    )
