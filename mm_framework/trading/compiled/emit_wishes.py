"""What a strategy draws and asks for, as machine code: ``wake.uniform`` and the methods of ``out``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llvmlite import ir

from mm_framework.contracts.strategy import NO_TAG
from mm_framework.model.orders import IntentKind, Side, TimeInForce, Urgency
from mm_framework.trading.compiled import context as at
from mm_framework.trading.compiled import layout
from mm_framework.trading.compiled.emit_base import (
    F64,
    I1,
    I64,
    ONE,
    ZERO,
    Scene,
    Value,
    constant,
    load,
    store,
)
from mm_framework.trading.views import MAX_WISHES

__all__ = ["Wishes"]

_DEFAULTS: Final = {"tif": TimeInForce.GTC, "urgency": Urgency.MAKER, "tag": NO_TAG, "expires_ns": 0}
_PARAMETERS: Final = {
    "place": ("i", "side", "price", "size", "tif", "urgency", "tag", "expires_ns"),
    "cancel": ("order", "tag"),
    "replace": ("order", "price", "size", "tag"),
    "timer": ("due_ns",),
}


class Wishes(Scene):
    """Calls of ``wake`` and ``out``."""

    def method(self, name: str, listed: list[Value], named: Mapping[str, Value]) -> Value:
        """A call, with its arguments by place and by name."""
        if name == "uniform":
            return self._uniform()
        given = {**dict(zip(_PARAMETERS[name], listed, strict=False)), **named}
        values = [given[one] if one in given else constant(int(_DEFAULTS[one])) for one in _PARAMETERS[name]]
        words = dict(zip(_PARAMETERS[name], (value.one for value in values), strict=True))
        return self._timer(words) if name == "timer" else self._wish(name, words)

    def _uniform(self) -> Value:
        """splitmix64, as `views.WakeView.uniform`."""
        build = self.build
        z = build.add(load(build, self.ctx, at.CTX_STREAM), ir.Constant(I64, 0x9E3779B97F4A7C15))
        store(build, z, self.ctx, at.CTX_STREAM)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            z = build.xor(z, build.lshr(z, ir.Constant(I64, shift)))
            z = build.mul(z, ir.Constant(I64, factor))
        z = build.lshr(build.xor(z, build.lshr(z, ir.Constant(I64, 31))), ir.Constant(I64, 11))
        return Value("f8", (build.fmul(build.uitofp(z, F64), ir.Constant(F64, 2.0**-53)),))

    def _refused(self, name: str, bad: ir.Value, words: Mapping[str, ir.Value], done: ir.Block) -> None:
        """Where ``bad``, or something failed before: this call fails, and nothing is left; else go on."""
        build = self.build
        failed = build.icmp_signed("!=", load(build, self.ctx, at.CTX_ERROR), ZERO)
        bad = build.or_(bad, failed)
        site = self.site(name, ["i8"] * len(words))
        fails, goes = self.function.append_basic_block(), self.function.append_basic_block()
        build.cbranch(bad, fails, goes)
        build.position_at_end(fails)
        with build.if_then(build.icmp_signed("==", load(build, self.ctx, at.CTX_ERROR), ZERO)):
            for k, word in enumerate(words.values()):
                store(build, word, self.ctx, at.CTX_OPERANDS + 8 * k)
            store(build, site, self.ctx, at.CTX_ERROR)
            store(build, ZERO, self.ctx, at.CTX_STEPS)
        build.branch(done)
        build.position_at_end(goes)

    def _timer(self, words: Mapping[str, ir.Value]) -> Value:
        build, due = self.build, words["due_ns"]
        done = self.function.append_basic_block()
        count = load(build, self.ctx, at.CTX_TIMED)
        bad = build.icmp_signed("<=", due, load(build, self.ctx, at.CTX_NOW))
        bad = build.or_(bad, build.icmp_signed(">=", count, ir.Constant(I64, MAX_WISHES)))
        self._refused("timer", bad, words, done)
        address = build.add(load(build, self.ctx, at.CTX_TIMERS), build.mul(count, ir.Constant(I64, 8)))
        store(build, due, address, 0)
        store(build, build.add(count, ONE), self.ctx, at.CTX_TIMED)
        build.branch(done)
        build.position_at_end(done)
        return Value("none", ())

    def _wish(self, name: str, words: Mapping[str, ir.Value]) -> Value:
        build = self.build
        done = self.function.append_basic_block()
        count, last = load(build, self.ctx, at.CTX_WISHED), load(build, self.ctx, at.CTX_LAST_ORDER)
        bad = build.icmp_signed(">=", count, ir.Constant(I64, MAX_WISHES))
        bad = build.or_(bad, self._unknown_tag(words["tag"]))
        bad = build.or_(
            bad, self._unplaceable(words) if name == "place" else self._foreign(words["order"], last)
        )
        self._refused(name, bad, words, done)
        number = build.add(last, ONE) if name == "place" else words["order"]
        if name == "place":
            store(build, number, self.ctx, at.CTX_LAST_ORDER)
        self._leave(name, words, number, count)
        build.branch(done)
        build.position_at_end(done)
        return (
            Value("none", ()) if name != "place" else Value("i8", (load(build, self.ctx, at.CTX_LAST_ORDER),))
        )

    def _leave(self, name: str, words: Mapping[str, ir.Value], number: ir.Value, count: ir.Value) -> None:
        """Write the wish; fields that its kind does not have are 0."""
        build = self.build
        fields = {
            layout.INTENT_KIND: ir.Constant(I64, int(IntentKind[name.upper()])),
            layout.INTENT_ORDER: number,
        }
        expires = ZERO
        if name == "place":
            dated = build.icmp_signed("==", words["tif"], ir.Constant(I64, int(TimeInForce.GTD)))
            expires = build.select(dated, words["expires_ns"], ZERO)
        fields |= {
            layout.INTENT_SLOT: words.get("i", ir.Constant(I64, -1)),
            layout.INTENT_SIDE: words.get("side", ZERO),
            layout.INTENT_PRICE: words.get("price", ZERO),
            layout.INTENT_SIZE: words.get("size", ZERO),
            layout.INTENT_TIF: words.get("tif", ZERO),
            layout.INTENT_URGENCY: words.get("urgency", ZERO),
            layout.INTENT_TAG: words["tag"],
            layout.INTENT_EXPIRES: expires,
        }
        address = build.add(
            load(build, self.ctx, at.CTX_WISHES), build.mul(count, ir.Constant(I64, at.WISH_BYTES))
        )
        for offset, word in fields.items():
            store(build, word, address, offset)
        store(build, build.add(count, ONE), self.ctx, at.CTX_WISHED)

    def _unknown_tag(self, tag: ir.Value) -> ir.Value:
        build = self.build
        none = build.icmp_signed("!=", tag, ir.Constant(I64, NO_TAG))
        beyond = build.icmp_unsigned(">=", tag, ir.Constant(I64, len(self.module.strategy.tags)))
        return build.and_(none, beyond)

    def _foreign(self, order: ir.Value, last: ir.Value) -> ir.Value:
        build = self.build
        return build.or_(build.icmp_signed("<=", order, ZERO), build.icmp_signed(">", order, last))

    def _unplaceable(self, words: Mapping[str, ir.Value]) -> ir.Value:
        build = self.build
        bad = build.icmp_unsigned(">=", words["i"], load(build, self.ctx, at.CTX_INSTRUMENTS))
        for name, allowed in (("side", Side), ("tif", TimeInForce), ("urgency", Urgency)):
            known = ir.Constant(I1, 0)
            for member in allowed:
                same = build.icmp_signed("==", words[name], ir.Constant(I64, int(member)))
                known = build.or_(known, same)
            bad = build.or_(bad, build.not_(known))
        dated = build.icmp_signed("==", words["tif"], ir.Constant(I64, int(TimeInForce.GTD)))
        past = build.icmp_signed("<=", words["expires_ns"], load(build, self.ctx, at.CTX_NOW))
        return build.or_(bad, build.and_(dated, past))
