"""Which engine plays a backtest: the compiled one where it can, else the interpreted one; both say the same.

    outcome = run_backtest(strategies, fee_model, tape, entry=..., response=...)
    outcome.engine, outcome.why           "compiled", or "interpreted" and what made it so

A run is interpreted where a model or a limit is not a built-in one, numbers leave what an int64 holds, or the
engine is not compiled yet and the tape is too short to repay that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from mm_framework.contracts.fee_model import FeeModel
from mm_framework.contracts.strategy import Strategy
from mm_framework.errors import ConfigError
from mm_framework.kernels import loader
from mm_framework.kernels.cache import ENGINE, KERNELS
from mm_framework.kernels.mode import installed, mode
from mm_framework.trading.backtest import Backtest, Outcome
from mm_framework.trading.latency import Constant
from mm_framework.trading.matching import Execution
from mm_framework.trading.settings import LimitSettings, TradingSettings
from mm_framework.trading.timeline import Clocks, TapeMessage

if TYPE_CHECKING:
    from mm_framework.trading.compiled.run import CompiledRun

__all__ = ["Choice", "Engine", "at_hand", "run_backtest"]

Choice = Literal["auto", "compiled", "interpreted"]

CALLED_STEPS: Final = 1 << 10
"""Steps after which the compiled engine gives back control where a strategy is plain Python."""
WORTH_ROWS: Final = 1_000_000
"""A tape of fewer rows is interpreted rather than that the engine is compiled for it."""

Progress = Callable[[int], object]


def at_hand() -> bool:
    """Whether kernels are on and the engine runs without being compiled first."""
    if mode() != "on":
        return False
    if not (loader.ready(KERNELS) and loader.ready(ENGINE)):
        return False
    return loader.active() and loader.active(ENGINE)


class Engine:
    """Has the interface of `Backtest`. ``choice``: ``compiled`` raises ConfigError where that cannot be.

    ``why``: what to say of a choice of ``interpreted``.
    """

    def __init__(
        self,
        strategies: Mapping[str, Strategy],
        fee_model: FeeModel,
        *,
        choice: Choice = "auto",
        why: str = "asked for",
        **options: Any,
    ) -> None:
        self._strategies, self._fee_model, self._choice = strategies, fee_model, choice
        self._options, self._why = options, why
        self._compiled: CompiledRun | None = None
        self._interpreted: Backtest | None = None
        self._looks = 0

    def run(
        self, tape: Iterable[TapeMessage], until_ns: int = 0, progress: Progress = lambda messages: None
    ) -> Outcome:
        """Play the whole tape; see `Backtest.run`. A tape with ``blocks`` and ``definitions`` has rows that
        the compiled engine reads; ``progress`` is told of rows then.
        """
        why = self._why if self._choice == "interpreted" else self._why_not(tape)
        if why is None:
            from mm_framework.trading.compiled.run import NotCompiled

            try:
                return attrs.evolve(self._play(tape, until_ns, progress), engine="compiled")
            except NotCompiled as reason:
                why = str(reason)
        if self._choice == "compiled":
            raise ConfigError(f"the compiled engine cannot play this: {why}", key="engine", value="compiled")
        self._compiled = None
        self._interpreted = Backtest(self._strategies, self._fee_model, **self._options)
        outcome = self._interpreted.run(tape, until_ns, progress)
        return attrs.evolve(outcome, engine="interpreted", why=why)

    def reached(self) -> tuple[object, str]:
        """What moves while the run does, and where that is, in words."""
        if self._compiled is not None:
            events, now_ns = self._compiled.reached()
            return (events, now_ns), f"after {events} rows"
        if self._interpreted is None:
            self._looks += 1  # it may be that the engine is being compiled, for a minute
            return self._looks, "before the first message"
        desk = self._interpreted.desk
        calls = sum(actor.calls for actor in desk.actors)
        names = ", ".join(actor.name for actor in desk.actors)
        return (desk.last_seq, desk.now_ns, calls), f"at event {desk.last_seq}, call {calls} of {names}"

    def _why_not(self, tape: Iterable[TapeMessage]) -> str | None:
        """Why a run is interpreted, None when it need not be."""
        if not (hasattr(tape, "blocks") and hasattr(tape, "definitions")):
            return "its tape is no array of rows"
        if self._options.get("guard") is not None:
            return "its orders may wait for fresh markets (md_cache)"
        if mode() != "on":
            return f"MM_KERNELS is {mode()}" if installed() else "numba is not installed"
        if self._choice == "auto" and not self._repaid(tape):
            return "the engine is not compiled yet, and the tape is short: mm warmup --engine compiles it"
        if not (loader.active() and loader.active(ENGINE)):
            return f"its kernels cannot be loaded: {loader.status(ENGINE).reason or loader.status().reason}"
        from mm_framework.trading.compiled.local import unsupported
        from mm_framework.trading.compiled.rules import why_not

        entry, response, execution, clocks = self._models()
        limits = self._options.get("limits") or LimitSettings()
        return why_not(execution, entry, response, clocks) or unsupported(limits)

    def _repaid(self, tape: Any) -> bool:
        if loader.ready(KERNELS) and loader.ready(ENGINE):
            return True
        return bool(tape.data.get("rows", 0) >= WORTH_ROWS) if hasattr(tape, "data") else False

    def _models(self) -> tuple[Any, Any, Execution, Clocks]:
        entry = self._options.get("entry") or Constant()
        response = self._options.get("response") or Constant()
        execution = self._options.get("execution") or Execution()
        return entry, response, execution, self._options.get("clocks") or Clocks()

    def _play(self, tape: Any, until_ns: int, progress: Progress) -> Outcome:
        from mm_framework.trading.compiled.local import CompiledDesk
        from mm_framework.trading.compiled.run import CompiledRun, Rows

        entry, response, execution, clocks = self._models()
        definitions = dict(enumerate(tape.definitions))
        settings = self._options.get("settings") or TradingSettings()
        instruments = len({definition.id for definition in definitions.values()})
        limits = self._options.get("limits") or LimitSettings()
        self._compiled = CompiledRun(
            CompiledDesk(self._strategies, settings, limits, instruments),
            self._fee_model,
            Rows(tape.blocks, definitions),
            entry=entry,
            response=response,
            execution=execution,
            clocks=clocks,
            settings=settings,
            grid_ns=self._options.get("grid_ns"),
        )
        if any(strategy.python_only for strategy in self._strategies.values()):
            self._compiled.steps = CALLED_STEPS
        return self._compiled.play(until_ns, progress)


def run_backtest(
    strategies: Mapping[str, Strategy],
    fee_model: FeeModel,
    tape: Iterable[TapeMessage],
    *,
    until_ns: int = 0,
    progress: Progress = lambda messages: None,
    choice: Choice = "auto",
    **options: Any,
) -> Outcome:
    """Play a tape; ``options`` are those of `Backtest`."""
    return Engine(strategies, fee_model, choice=choice, **options).run(tape, until_ns, progress)
