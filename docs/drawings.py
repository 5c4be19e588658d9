"""The drawings of the documentation, drawn from the code: states of books and orders, the path of the data.

A table of states gives its boxes and arrows itself; here stands only where each state is drawn. The path of
the data is a table of stages and of what passes between them, each tied to a name in the code; a test holds
it to the imports, the packages and the hooks. `generate.py` writes the files.
"""

from __future__ import annotations

import importlib
import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final

import attrs
from drawing import Arrow, Box, draw

PICTURES: Final = Path(__file__).resolve().parent / "pictures"
PROJECT: Final = PICTURES.parent.parent / "pyproject.toml"
MANY: Final = 5
"""A trigger that leads from so many states to one is drawn once."""

Table = Mapping[Any, Mapping[Any, Enum]]
"""State -> trigger -> the next state; each an Enum."""
Place = tuple[float, float]

BOOK_PLACES: Final[dict[str, Place]] = {
    "CONNECTING": (0, 0), "SNAPSHOT": (1, 0), "SYNCING": (2, 0), "SYNCED": (3, 0),
    "STOPPED": (0, 1), "RESYNCING": (2, 1),
}  # fmt: skip
ORDER_PLACES: Final[dict[str, Place]] = {
    "PENDING": (0, 0.4), "NEW": (1, 0.4), "PARTIALLY_FILLED": (2, 0.4), "FILLED": (3, 0.4),
    "REJECTED": (0, 1.4), "EXPIRED": (1, 1.4), "CANCELLED": (2, 1.4),
}  # fmt: skip


def table_of_states(
    title: str, table: Table, places: Mapping[str, Place], bends: Mapping[tuple[str, str], float]
) -> str:
    """A drawing of a state table. Raises ValueError for a state that has no place yet."""
    missing = [state.name for state in table if state.name not in places]
    if missing:
        raise ValueError(f"{title}: no place for {', '.join(missing)}; give one in docs/drawings.py")
    boxes = [
        Box(state.name, *places[state.name], (state.name,), "" if row else "end")
        for state, row in table.items()
    ]
    return draw(title, boxes, arrows_of(table, bends), (225, 130))


def arrows_of(table: Table, bends: Mapping[tuple[str, str], float]) -> list[Arrow]:
    """One arrow for each pair of states, with all its triggers; one from outside where most lead to one."""
    cells = [(old, trigger, new) for old, row in table.items() for trigger, new in row.items()]
    sources: dict[tuple[str, str], list[str]] = defaultdict(list)
    for old, trigger, new in cells:
        sources[trigger.name, new.name].append(old.name)
    pairs: dict[tuple[str, str], list[str]] = defaultdict(list)
    arrows = []
    for (trigger, target), olds in sources.items():
        if len(olds) >= MANY:
            others = [state.name for state in table if state.name not in olds]
            arrows.append(Arrow(None, target, (f"{trigger}, from all but {', '.join(others)}",)))
        else:
            for old in olds:
                pairs[old, target].append(trigger)
    arrows += [Arrow(*pair, tuple(triggers), bends.get(pair, 0.0)) for pair, triggers in pairs.items()]
    return arrows


def book_states() -> str:
    """The states of a book."""
    from mm_framework.sync.state import TRANSITIONS

    return table_of_states("The states of a book", TRANSITIONS, BOOK_PLACES, {})


def order_states() -> str:
    """The states of an order."""
    from mm_framework.trading.order_states import TRANSITIONS

    return table_of_states("The states of an order", TRANSITIONS, ORDER_PLACES, {("NEW", "FILLED"): -72.0})


# ---- the path of the data --------------------------------------------------------------------------


@attrs.frozen
class Stage:
    """Something that data passes. ``by``: its class or function. ``hooks``: what plugins bring to it."""

    name: str
    place: Place
    by: str
    hooks: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The module of ``by``."""
        return self.by.split(":")[0]


@attrs.frozen
class Flow:
    """What passes from one stage to the next: a name of the code, and the module that hands it on."""

    start: str
    end: str
    carries: str
    by: str
    bend: float = 0.0


STAGES: Final = (
    Stage("venue", (0, 0), "mm_framework.capture.transport:Transport", ("adapters", "emulators")),
    Stage("recorder", (1, 0), "mm_framework.capture.recorder:Recorder"),
    Stage("frame log", (2, 0), "mm_framework.bundle.frames:LogWriter"),
    Stage("store", (3, 0), "mm_framework.store.builder:build", ("qa_checks",)),
    Stage("tape", (4, 0), "mm_framework.replay.tape:Tape"),
    Stage("scan", (0, 1), "mm_framework.feed.core:Feed", ("normalizers",)),
    Stage("sync", (1, 1), "mm_framework.sync.book:BookSync", ("sync_engines",)),
    Stage("book", (2, 1), "mm_framework.model.book:OrderBook"),
    Stage("rows, messages", (3, 1), "mm_framework.feed.output:Output"),
    Stage("backtest", (4, 1), "mm_framework.trading.engine:run_backtest", ("strategies",)),
    Stage("sinks", (1, 2), "mm_framework.sinks.driver:SinkSet", ("sinks",)),
    Stage("relay, REST", (2, 2), "mm_framework.serve.hub:Hub"),
    Stage("pipeline", (3, 2), "mm_framework.trading.pipeline:Pipeline", ("strategies",)),
    Stage("exchange", (4, 2), "mm_framework.trading.matching:MatchingEngine", ("execution_models",)),
    Stage("ledger", (4, 3), "mm_framework.trading.ledger:Ledger", ("fee_models",)),
    Stage("result", (3, 3), "mm_framework.results.bundle:Result"),
)
FLOWS: Final = (
    Flow("venue", "recorder", "mm_framework.capture.transport:Connection", "mm_framework.capture.link"),
    Flow("recorder", "frame log", "mm_framework.capture.recorder:Log", "mm_framework.capture.recorder"),
    Flow("recorder", "scan", "mm_framework.model.frame:encode_record", "mm_framework.capture.recorder"),
    Flow("frame log", "scan", "mm_framework.bundle.frames:ShardReader", "mm_framework.bundle.feeding"),
    Flow("scan", "sync", "mm_framework.sync.book_state:BookMessage", "mm_framework.feed.messages"),
    Flow("sync", "book", "mm_framework.model.book:Level", "mm_framework.sync.book"),
    Flow("book", "rows, messages", "mm_framework.sync.emit:Emitter", "mm_framework.feed.core"),
    Flow("rows, messages", "store", "mm_framework.store.spill:spill_run", "mm_framework.store.inputs"),
    Flow("rows, messages", "sinks", "mm_framework.feed.output:Output", "mm_framework.sinks.observer"),
    Flow("rows, messages", "relay, REST", "mm_framework.feed.output:Output", "mm_framework.serve.translate"),
    Flow("rows, messages", "pipeline", "mm_framework.feed.output:Output", "mm_framework.trading.pipeline"),
    Flow("store", "tape", "mm_framework.store.selection:Selection", "mm_framework.replay.tape"),
    Flow("tape", "backtest", "mm_framework.trading.timeline:TapeMessage", "mm_framework.trading.engine"),
    Flow("backtest", "exchange", "mm_framework.model.orders:Intent", "mm_framework.trading.matching"),
    Flow("pipeline", "exchange", "mm_framework.model.orders:Intent", "mm_framework.trading.matching"),
    Flow("exchange", "ledger", "mm_framework.model.orders:Fill", "mm_framework.trading.ledger"),
    Flow("ledger", "result", "mm_framework.trading.ledger:AccountResult", "mm_framework.results.play"),
)
BESIDE: Final = frozenset({
    "api", "builtins", "calibrate", "cli", "contracts", "emulator", "errors", "formats",
    "history", "hookspecs", "kernels", "num", "plugins", "quality", "report",
    "research", "settings", "simulate", "testing", "values",
})  # fmt: skip
"""Rooms that stand beside the path; `rooms` tells what they are."""


def named(dotted: str) -> object:
    """The object of ``module:name``."""
    module, name = dotted.split(":")
    return getattr(importlib.import_module(module), name)


def pure_modules() -> tuple[str, ...]:
    """The modules that read no clock, socket or file, by the import contract."""
    with PROJECT.open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    pure = next(one for one in contracts if one["name"].startswith("pure rooms"))
    return tuple(module.removesuffix(".*") for module in pure["source_modules"])


def data_path() -> str:
    """Stages with their modules and hooks, and what passes between them. Blue ones are pure."""
    pure = pure_modules()
    boxes = []
    for stage in STAGES:
        lines = (
            stage.name,
            stage.module.removeprefix("mm_framework."),
            *(f"plugin: {hook}" for hook in stage.hooks),
        )
        tone = "truth" if stage.name == "frame log" else "pure" if stage.module.startswith(pure) else ""
        boxes.append(Box(stage.name, *stage.place, lines, tone))
    arrows = [Arrow(f.start, f.end, (f.carries.split(":")[1],), f.bend) for f in FLOWS]
    return draw("The path of the data", boxes, arrows, (246, 128))


def rooms(table: Callable[..., str]) -> str:
    """Every room of the core, as `layers` has them, with the first sentence of its docstring."""
    rows = []
    for name in layers():
        text = (importlib.import_module(f"mm_framework.{name}").__doc__ or "").split("\n\n")[0]
        on_path = ", ".join(stage.name for stage in STAGES if stage.module.split(".")[1] == name)
        rows.append((f"`{name}`", text, on_path))
    return table(("room", "what it is", "on the path of the data"), rows)


def layers() -> list[str]:
    """The rooms from the top of the import contract down; one that is on several floors by its lowest."""
    with PROJECT.open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    text = " ".join(next(one for one in contracts if one["type"] == "layers")["layers"])
    upwards = dict.fromkeys(reversed(re.findall(r"mm_framework\.(\w+)", text)))
    return list(upwards)[::-1]


# ---- from a run that acts on nothing to one that all symbols have ----------------------------------


def roll_out() -> str:
    """The steps of a change, and the ways back."""
    places = {
        "shadow run": (0, 0, "60 min"), "mm audit": (1, 0, "--profile shadow"), "logs": (2, 0, "12 to 48 h"),
        "data set": (3, 0, "mm calibrate"), "summary": (3, 1, "mm calibrate"), "A/B dry": (2, 1, "hours"),
        "online": (1, 1, "20, 50, 100 %"), "all back to A": (0, 1, "for good"),
    }  # fmt: skip
    boxes = [Box(name, x, y, (name, small)) for name, (x, y, small) in places.items()]
    arrows = [
        Arrow("shadow run", "mm audit"), Arrow("mm audit", "shadow run", ("FAIL",)),
        Arrow("mm audit", "logs", ("PASS",)), Arrow("logs", "data set"), Arrow("data set", "summary"),
        Arrow("summary", "A/B dry"), Arrow("A/B dry", "summary", ("a gate would act",)),
        Arrow("A/B dry", "online", ("quiet",)), Arrow("online", "all back to A", ("a gate acts",)),
    ]  # fmt: skip
    return draw("A change is rolled out", boxes, arrows, (240, 120))


DRAWINGS: Final[dict[str, Callable[[], str]]] = {
    "book-states.svg": book_states,
    "order-states.svg": order_states,
    "data-path.svg": data_path,
    "roll-out.svg": roll_out,
}
