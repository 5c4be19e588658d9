"""What normalizers of file formats share: a frame is some lines of a file, its connection is the file.

url   FORMAT:KIND/NAME#SYMBOL, such as binance-zip:trades/BTCUSDT-trades-2026-11-01.zip#BTCUSDT
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, MessageWriter
from mm_framework.errors import MalformedFrame
from mm_framework.model.events import NULL

__all__ = ["Lines", "file_url", "kind_of", "number_or_null", "symbol_of"]

_MAX: Final = 2**63 - 1


def file_url(container: str, kind: str, name: str, symbol: str) -> str:
    """The URL of the connection that stands for the lines of a symbol in a file."""
    return f"{container}:{kind}/{name}#{symbol}"


def kind_of(connection: ConnectionInfo) -> str:
    """What is in the file."""
    return connection.url.partition(":")[2].partition("/")[0]


def symbol_of(connection: ConnectionInfo) -> str:
    """Whose lines they are."""
    return connection.url.rpartition("#")[2]


def number_or_null(text: str) -> int:
    """A venue's number; null where it is empty, no number, or too large for one."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        return NULL
    number = int(text)
    return number if number <= _MAX else NULL


class Lines:
    """The parts of a normalizer that files have no use for, and the reading of cells."""

    def sent(self, message: bytes, connection: ConnectionInfo, out: MessageWriter) -> None:
        """A file was sent nothing."""

    def http(self, meta: Mapping[str, Any], body: bytes, out: MessageWriter) -> FrameClass:
        """A file has no REST bodies."""
        return FrameClass.UNKNOWN

    @staticmethod
    def rows(frame: bytes, *columns: int) -> list[list[str]]:
        """The cells of each line, one of so many ``columns``. Raises MalformedFrame."""
        try:
            rows = [line.split(",") for line in frame.decode("ascii").split("\n")]
        except UnicodeDecodeError:
            raise MalformedFrame("found bytes that are not ASCII") from None
        for row in rows:
            if len(row) not in columns:
                wanted = " or ".join(map(str, columns))
                raise MalformedFrame(f"found a line of {len(row)} columns, expected {wanted}")
        return rows
