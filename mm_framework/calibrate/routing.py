"""Which parameters a symbol gets in an A/B test: by a hash that no machine and no version changes. Pure.

u = first 8 bytes of SHA-256(salt + "|" + symbol), as a big-endian number, / 2**64
B when u < split, and the lists allow it; else A
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, Literal

import attrs

from mm_framework.errors import ConfigError

__all__ = ["FEW_SYMBOLS", "Bucket", "Routing", "share_of"]

Bucket = Literal["A", "B"]

FEW_SYMBOLS: Final = 10
"""With fewer symbols the share of B is not what was asked for."""


def share_of(salt: str, key: str) -> float:
    """Where a key stands in [0, 1)."""
    digest = hashlib.sha256(f"{salt}|{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _share(instance: object, attribute: object, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise ConfigError(f"the split is {value}; expected a share from 0 to 1", key="ab.split", value=value)


@attrs.frozen
class Routing:
    """``split_pct``: the share of B, 0 to 1. ``whitelist``: the only symbols that may go to B, any when
    empty; ``blacklist``: those that never do. ``salt``: new for each experiment; raising the split of one
    only moves symbols from A to B.
    """

    split_pct: float = attrs.field(default=0.5, validator=_share)
    salt: str = "ab"
    whitelist: frozenset[str] = frozenset()
    blacklist: frozenset[str] = frozenset()

    def bucket(self, symbol: str) -> Bucket:
        """A or B."""
        barred = symbol in self.blacklist or (self.whitelist and symbol not in self.whitelist)
        return "B" if not barred and share_of(self.salt, symbol) < self.split_pct else "A"

    def warnings(self, symbols: Iterable[str]) -> list[str]:
        """What speaks against a conclusion, in words."""
        buckets = {symbol: self.bucket(symbol) for symbol in symbols}
        found = []
        if len(buckets) < FEW_SYMBOLS:
            found.append(f"{len(buckets)} symbols are few: with fewer than {FEW_SYMBOLS} the split is coarse")
        found += [f"no symbol is in {one}" for one in ("A", "B") if one not in buckets.values()]
        return found
