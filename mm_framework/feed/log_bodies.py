"""The payloads of a shard's own records, read and checked: what a runner writes, or the log is no log.

Everything here raises CorruptFrame: the CRC of a record may hold and its payload still be nothing that
a runner has ever written.
"""

from __future__ import annotations

from typing import Any, Final

import attrs
import cattrs
import msgspec

from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.normalizer import InstrumentInfo
from mm_framework.errors import CorruptFrame, SchemaMismatch
from mm_framework.feed.config import FeedConfig
from mm_framework.model.events import PLANNED, Reason
from mm_framework.model.frame import Record, RecordKind

__all__ = [
    "Change",
    "Follow",
    "Order",
    "Rotation",
    "Start",
    "Stop",
    "Unfollow",
    "check_first",
    "encode_change",
    "kind_of",
    "read_control",
    "read_drop",
    "read_lost",
    "read_open",
    "read_replaced",
]


@attrs.frozen
class Start:
    """Op ``start``: the configuration."""

    config: FeedConfig


@attrs.frozen
class Follow:
    """Op ``follow``: these are followed from now on; ``infos`` are what is known of their instruments."""

    subscriptions: tuple[Subscription, ...]
    infos: tuple[InstrumentInfo, ...] = ()


@attrs.frozen
class Unfollow:
    """Op ``unfollow``: these are followed no longer."""

    subscriptions: tuple[Subscription, ...]


@attrs.frozen
class Rotation:
    """Op ``rotate``: the shard's connections are replaced, for the planned reason of this name."""

    reason: str = attrs.field(validator=attrs.validators.in_(sorted(reason.name for reason in PLANNED)))


@attrs.frozen
class Stop:
    """Op ``stop``: the run is over; what stopped it, and the error that ended it, where that is told."""

    stopped_by: str | None = None
    error: str | None = None


Change = Follow | Unfollow | Rotation
Order = Start | Follow | Unfollow | Rotation | Stop

_FORMS: Final[dict[str, type[Any]]] = {
    "start": Start,
    "follow": Follow,
    "unfollow": Unfollow,
    "rotate": Rotation,
    "stop": Stop,
}
_converter: Final = cattrs.Converter(forbid_extra_keys=True)
_converter.register_structure_hook(FeedConfig, lambda value, _: FeedConfig.from_json(value))


def encode_change(change: Change) -> dict[str, Any]:
    """The body of a CONTROL record, JSON values only."""
    op = next(name for name, form in _FORMS.items() if isinstance(change, form))
    return {"op": op, **_converter.unstructure(change)}


def kind_of(record: Record) -> RecordKind:
    """The kind of a record."""
    try:
        return RecordKind(record.kind)
    except ValueError:
        raise CorruptFrame(
            f"record {record.index} is of kind {record.kind}, which this version does not know; a newer "
            "mm-framework may read it",
            index=record.index,
        ) from None


def check_first(record: Record) -> None:
    """Whether a log may begin with this record."""
    if record.kind not in (RecordKind.CONTROL, RecordKind.CHECKPOINT):
        raise CorruptFrame(
            f"the log begins with a {kind_of(record).name} record; expected the shard's configuration or a"
            " checkpoint: its begin is missing",
            index=record.index,
        )


def read_control(record: Record) -> Order:
    """What a CONTROL record says. Raises SchemaMismatch for a configuration that is not known."""
    body = _body(record)
    op = body.pop("op", None)
    form = _FORMS.get(op) if isinstance(op, str) else None
    if form is None:
        raise SchemaMismatch(
            f"record {record.index} of the log asks for {op!r}, which this version does not know; a newer "
            "mm-framework may read it"
        )
    try:
        result: Order = _converter.structure(body, form)
    except cattrs.BaseValidationError as error:
        raise SchemaMismatch(
            f"the configuration in the log (record {record.index}, {op}) is not one that this version knows;"
            " a newer mm-framework may read it"
        ) from error
    return result


def read_open(record: Record) -> str:
    """The URL of an OPEN record."""
    return str(_body(record).get("url", ""))


def read_replaced(record: Record) -> int | None:
    """The connection that the one of an OPEN record is to take over from."""
    replaces = _body(record).get("replaces")
    return replaces if isinstance(replaces, int) else None


def read_lost(record: Record) -> Reason:
    """The reason of a LOST record."""
    name = _body(record).get("reason")
    if not isinstance(name, str) or name not in Reason.__members__:
        raise CorruptFrame(
            f"record {record.index} ends a connection with the reason {name!r}, which this version does not"
            " know; a newer mm-framework may read it",
            index=record.index,
        )
    return Reason[name]


def read_drop(record: Record) -> int:
    """How many frames a DROP record speaks of."""
    count = _body(record).get("count")
    if not isinstance(count, int) or count < 0:
        raise CorruptFrame(
            f"record {record.index} says that {count!r} frames were dropped", index=record.index
        )
    return count


def _body(record: Record) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(record.payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CorruptFrame(
            f"the payload of record {record.index} ({kind_of(record).name}) is no JSON: {error}",
            index=record.index,
        ) from None
    if not isinstance(body, dict):
        raise CorruptFrame(
            f"the payload of record {record.index} ({kind_of(record).name}) is no JSON object",
            index=record.index,
        )
    return body
