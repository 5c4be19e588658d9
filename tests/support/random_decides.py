"""Functions ``decide`` that nobody would write, from a seed: anything that may be said, in any order."""

from __future__ import annotations

import random

__all__ = ["FIELDS", "random_decide"]

FIELDS = {"a": "i8", "b": "i8", "x": "f8", "y": "f8", "ns": "i8[3]", "fs": "f8[2]"}

_INTS = ("state.a", "state.b", "state.ns[{k}]", "i", "j", "view.bid", "view.ask_size", "wake.reasons")
_FLOATS = ("state.x", "state.y", "state.fs[{k}]", "u", "v")
_CONSTANTS = ("0", "1", "-1", "2", "7", "-13", "9223372036854775807", "3037000500", "LARGE")


class _Writer:
    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.loops = 0

    def integer(self, depth: int = 0) -> str:
        draw = self.draw
        if depth > 2 or draw.random() < 0.3:
            return draw.choice((draw.choice(_INTS).format(k=draw.choice("012ij")), draw.choice(_CONSTANTS)))
        one, two = self.integer(depth + 1), self.integer(depth + 1)
        return draw.choice(
            (
                f"({one} {draw.choice(('+', '-', '*', '//', '%', '&', '|', '^'))} {two})",
                f"(-{one})",
                f"abs({one})",
                f"{draw.choice(('min', 'max'))}({one}, {two})",
                f"int({self.number(depth + 1)})",
                f"({one} if {self.condition(depth + 1)} else {two})",
                f"({one} {draw.choice(('and', 'or'))} {two})",
                f"half({one})",
                f"num.floor_to({one}, {two})",
                f"({self.condition(depth + 1)})",
            )
        )

    def number(self, depth: int = 0) -> str:
        """An integer or a float."""
        draw = self.draw
        if draw.random() < 0.3:
            return self.integer(depth)
        if depth > 2 or draw.random() < 0.3:
            return draw.choice((draw.choice(_FLOATS).format(k=draw.choice("01")), "0.5", "-1e300", "SMALL"))
        one, two = self.number(depth + 1), self.number(depth + 1)
        return draw.choice(
            (
                f"({one} {draw.choice(('+', '-', '*', '/'))} {two})",
                f"(-{one})",
                f"abs({one})",
                f"{draw.choice(('min', 'max'))}({one}, {two}, {self.integer(depth + 1)})",
                f"({one} if {self.condition(depth + 1)} else {two})",
                f"half({one})",
                f"num.{draw.choice(('exp', 'log', 'sqrt'))}({one})",
                f"num.pow({one}, {two})",
                "wake.uniform()",
            )
        )

    def condition(self, depth: int = 0) -> str:
        one, two = self.number(depth + 1), self.number(depth + 1)
        sign = self.draw.choice(("<", "<=", ">", ">=", "==", "!="))
        return self.draw.choice((f"{one} {sign} {two}", f"not {one}", "-9 < state.a <= j"))

    def block(self, depth: int) -> list[str]:
        return [line for _ in range(self.draw.randrange(1, 4)) for line in self.statement(depth)]

    def statement(self, depth: int) -> list[str]:
        draw, act = self.draw, self.draw.random()
        pad = "    " * depth
        if act < 0.5 or depth > 3:
            return [pad + self.assignment()]
        if act < 0.7:
            lines = [f"{pad}if {self.condition()}:", *self.block(depth + 1)]
            return [*lines, f"{pad}else:", *self.block(depth + 1)] if draw.random() < 0.5 else lines
        if act < 0.8:
            self.loops += 1
            over = draw.choice((f"range({self.integer(2)} % 5)", "range(7, -3, -4)", "(1, 2, -5)"))
            end = draw.choice(([], [f"{pad}    if {self.condition()}:", pad + "        break"]))
            return [f"{pad}for k{self.loops} in {over}:", *self.block(depth + 1), *end]
        if act < 0.85:
            self.loops += 1
            name = f"w{self.loops}"
            again = [f"{pad}while {name} < 4:", f"{pad}    {name} += 1", *self.block(depth + 1)]
            return [f"{pad}{name} = 0", *again]
        if act < 0.9:
            return [f"{pad}out.place(0, Side.BUY, {self.integer()}, {self.integer()}, tag=-1)"]
        if act < 0.95:
            return [f"{pad}out.timer(wake.now_ns + 1 + abs({self.integer(2)} % 1000))"]
        return [f"{pad}if {self.condition()}:", f"{pad}    return"]

    def assignment(self) -> str:
        draw = self.draw
        if draw.random() < 0.5:
            name = draw.choice(("state.a", "state.b", "state.ns[2]", "state.ns[j % 3]", "i", "j"))
            return f"{name} {draw.choice(('=', '=', '+=', '-=', '//='))} {self.integer()}"
        name = draw.choice(("state.x", "state.y", "state.fs[1]", "u", "v"))
        return f"{name} {draw.choice(('=', '=', '+=', '*='))} {self.number()}"


def random_decide(seed: int) -> str:
    """The source of a module with such a function; its state has `FIELDS`."""
    writer = _Writer(seed)
    body = "\n".join(line for _ in range(8) for line in writer.block(1))
    return f"""from mm_framework import num
from mm_framework.model.orders import Side

LARGE, SMALL = 2**62, 1e-9


def half(z):
    if z > 2:
        return z
    return min(z, 3) + 1


def decide(state, wake, market, out):
    view = market[0]
    i = state.ns[0]
    j, u = 1, state.fs[0]
    v = 0
    v = state.x
{body}
"""
