"""The layouts and codes of rows and messages are a contract: literal values."""

from __future__ import annotations

import enum

import numpy as np
import pytest

from mm_framework.model import events
from mm_framework.model.events import (
    MESSAGE,
    PLANNED,
    ROW,
    Kind,
    Message,
    MessageFlag,
    Reason,
    Row,
    RowFlag,
    SyncState,
)

CODES: dict[type[enum.IntEnum] | type[enum.IntFlag], dict[str, int]] = {
    Kind: {
        "LEVEL": 1, "SNAPSHOT_START": 2, "TRADE": 3, "TOP": 4, "GAP": 5, "CHECKSUM_MISMATCH": 6,
        "SYNC_CHANGE": 7, "DEFINITION": 8, "STATUS": 9, "TICK_SIZE": 10, "KNOWN_DEPTH": 11,
    },
    RowFlag: {
        "LAST": 1, "SNAPSHOT": 2, "NO_VENUE_TIME": 4, "UNTRUSTED": 8, "DEPTH_UNPROVED": 16, "SYNTHETIC": 32,
    },
    MessageFlag: {"SNAPSHOT": 1, "UNTRUSTED": 2, "HAS_CHECKSUM": 4},
    SyncState: {
        "CONNECTING": 1, "SNAPSHOT": 2, "SYNCING": 3, "SYNCED": 4, "RESYNCING": 5, "STOPPED": 6,
    },
    Reason: {
        "NONE": 0, "START": 1, "CONNECTED": 2, "SNAPSHOT": 3, "VERIFIED": 4,
        "ENDED": 5, "REFRESHED": 6, "CHECKSUM_MISMATCH": 10,
        "SEQUENCE_GAP": 11, "TRADE_ID_GAP": 12, "CROSSED": 13, "SILENT": 14, "SCALE_CHANGE": 15,
        "VALUE_OVERFLOW": 16, "ACK_TIMEOUT": 17, "DROPPED": 18, "UNSUBSCRIBED": 19, "MALFORMED": 20,
        "STALE_SNAPSHOT": 21, "HASH_MISMATCH": 22, "SNAPSHOT_DIFFERS": 23,
        "CONNECT_FAILED": 30, "REMOTE_CLOSED": 31, "RESET": 32, "IDLE": 33,
        "PING_TIMEOUT": 34, "PROTOCOL_ERROR": 35, "TLS_FAILED": 36, "FRAME_TOO_LARGE": 37, "LIVENESS": 38,
        "SHUTDOWN": 50, "CLOCK_REFRESH": 51, "SESSION_AGE": 52, "UNIVERSE_CHANGE": 53, "VENUE_NOTICE": 54,
        "RECORDING_END": 55,
    },
}  # fmt: skip

ROW_VALUES = Row(1, -2, 3, -4, 5, events.NULL, 0xFFFF0001, 65535, 255, -1, 65534, 65533, 0xFFFFFFFF)
MESSAGE_VALUES = Message(1, 2, -3, events.NULL, 5, 6, 0xFFFF0007, 8, 9, 65535, 250, 251)


@pytest.mark.parametrize("codes", CODES, ids=lambda codes: codes.__name__)
def test_codes_are_never_renumbered(codes: type[enum.IntEnum]) -> None:
    assert {member.name: member.value for member in codes} == CODES[codes]


def test_sides_and_planned_reasons_are_pinned() -> None:
    assert (events.BID, events.ASK) == (1, -1)
    assert {reason.value for reason in PLANNED} == {50, 51, 52, 53, 54, 55}


def test_layouts_are_64_bytes_and_little_endian() -> None:
    assert ROW.format == "<qqqqqqIHBbHHI"
    assert MESSAGE.format == "<qqqqqIIIIHBB4x"
    assert ROW.size == MESSAGE.size == 64
    assert events.row_dtype().itemsize == events.message_dtype().itemsize == 64


def test_numpy_reads_the_rows_that_struct_wrote() -> None:
    packed = ROW.pack(*ROW_VALUES) * 2
    array = np.frombuffer(packed, events.row_dtype())
    assert len(array) == 2
    assert array.dtype.names == Row._fields
    assert Row._make(array[1].item()) == ROW_VALUES
    assert list(events.iter_rows(packed)) == [ROW_VALUES, ROW_VALUES]
    assert array.tobytes() == packed


def test_numpy_reads_the_messages_that_struct_wrote() -> None:
    packed = MESSAGE.pack(*MESSAGE_VALUES) * 2
    array = np.frombuffer(packed, events.message_dtype())
    assert array.dtype.names == Message._fields
    assert Message._make(array[1].item()) == MESSAGE_VALUES
    assert list(events.iter_messages(packed)) == [MESSAGE_VALUES, MESSAGE_VALUES]
