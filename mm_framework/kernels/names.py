"""The table in which the scanner finds names: text and channel to stream, bytes compared."""

from __future__ import annotations

from typing import Final

from mm_framework.kernels import layout
from mm_framework.kernels.memory import Buffer
from mm_framework.kernels.scan import MIX

__all__ = ["NameTable"]

_WORD: Final = 2**64 - 1


def _hash(channel: int, name: bytes) -> int:
    """As `kernels.scan` mixes it."""
    mixed = (len(name) + channel) * MIX & _WORD
    for at in range(0, len(name), 8):
        mixed = (mixed ^ int.from_bytes(name[at : at + 8], "little")) * MIX & _WORD
        mixed ^= mixed >> 29
    return mixed


class NameTable:
    """Open addressing, at most a quarter full. It moves when it grows: read ``address`` after `add`."""

    def __init__(self, channels: int) -> None:
        self._entries: list[tuple[int, bytes, int]] = []
        self._resize(16 * max(1, channels))

    def add(self, channel: int, name: bytes, stream: int) -> None:
        """Put a name in. Empty and over-long ones are left out: the scanner refuses them anyway."""
        if not 0 < len(name) <= layout.MAX_SYMBOL:
            return
        self._entries.append((channel, name, stream))
        if 4 * len(self._entries) > self.mask + 1:
            self._resize(2 * (self.mask + 1))
        else:
            self._insert(channel, name, stream)

    def _resize(self, slots: int) -> None:
        slots = 1 << (slots - 1).bit_length()
        self.mask = slots - 1
        self._memory = Buffer(slots * layout.SYMBOL_BYTES)
        self.address = self._memory.address
        for entry in self._entries:
            self._insert(*entry)

    def _insert(self, channel: int, name: bytes, stream: int) -> None:
        words, width = self._memory.words(), layout.SYMBOL_BYTES // 8
        slot = _hash(channel, name) & self.mask
        while words[slot * width]:
            slot = (slot + 1) & self.mask
        base = slot * layout.SYMBOL_BYTES
        text = base + layout.SYMBOL_TEXT
        self._memory.view[text : text + len(name)] = name
        words[(base + layout.SYMBOL_CHANNEL) // 8] = channel
        words[(base + layout.SYMBOL_STREAM) // 8] = stream
        words[(base + layout.SYMBOL_LENGTH) // 8] = len(name)
