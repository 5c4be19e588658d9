"""The table in which the scanner finds names: text and channel to stream, bytes compared."""

from __future__ import annotations

from typing import Final

from mm_framework.kernels import layout
from mm_framework.kernels.leaves import MIX
from mm_framework.kernels.memory import Buffer

__all__ = ["NameTable"]

_WORD: Final = 2**64 - 1


def _hash(channel: int, name: bytes) -> int:
    """As `kernels.leaves` mixes it."""
    mixed = (len(name) + channel) * MIX & _WORD
    whole = range(0, len(name), 8)
    for at in whole if len(name) <= 32 else (0, 8, len(name) - 16, len(name) - 8):
        mixed = (mixed ^ int.from_bytes(name[at : at + 8], "little")) * MIX & _WORD
        mixed ^= mixed >> 29
    return mixed


class NameTable:
    """Open addressing, at most a quarter full. It moves when it grows: read ``address`` after `add`."""

    def __init__(self, channels: int) -> None:
        self._entries: dict[tuple[int, bytes, int], int] = {}
        self._resize(16 * max(1, channels))

    def add(self, channel: int, name: bytes, stream: int, connection: int = -1) -> None:
        """Put a name in, on one connection or (-1) all of them; it may have stood for another stream.

        Empty and over-long names are left out: the scanner refuses them anyway.
        """
        if not 0 < len(name) <= layout.MAX_SYMBOL:
            return
        key = (channel, name, connection)
        self._entries[key] = stream
        if 4 * len(self._entries) > self.mask + 1:
            self._resize(2 * (self.mask + 1))
        else:
            self._insert(*key, stream)

    def _resize(self, slots: int) -> None:
        slots = 1 << (slots - 1).bit_length()
        self.mask = slots - 1
        self._memory = Buffer(slots * layout.SYMBOL_BYTES)
        self.address = self._memory.address
        for key, stream in self._entries.items():
            self._insert(*key, stream)

    def _insert(self, channel: int, name: bytes, connection: int, stream: int) -> None:
        words, width = self._memory.words(), layout.SYMBOL_BYTES // 8
        slot = _hash(channel, name) & self.mask
        while words[slot * width] and self._key_at(slot) != (channel, name, connection):
            slot = (slot + 1) & self.mask
        base = slot * layout.SYMBOL_BYTES
        text = base + layout.SYMBOL_TEXT
        self._memory.view[text : text + len(name)] = name
        words[(base + layout.SYMBOL_CHANNEL) // 8] = channel
        words[(base + layout.SYMBOL_STREAM) // 8] = stream
        words[(base + layout.SYMBOL_CONNECTION) // 8] = connection
        words[(base + layout.SYMBOL_LENGTH) // 8] = len(name)

    def _key_at(self, slot: int) -> tuple[int, bytes, int]:
        words, base = self._memory.words(), slot * layout.SYMBOL_BYTES
        text = base + layout.SYMBOL_TEXT
        name = bytes(self._memory.view[text : text + words[base // 8]])
        channel = words[(base + layout.SYMBOL_CHANNEL) // 8]
        return channel, name, words[(base + layout.SYMBOL_CONNECTION) // 8]
