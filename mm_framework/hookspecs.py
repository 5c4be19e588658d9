"""Every hook of mm-framework: where a plugin meets the core.

A plugin is a module with functions of these names, marked with `hookimpl`, and an entry point in the
group ``mm_framework.v1`` that names the module::

    from mm_framework.contracts.spec import StrategySpec
    from mm_framework.hookspecs import hookimpl

    @hookimpl
    def mm_register_strategies() -> list[StrategySpec]:
        return [StrategySpec(name="my_strategy", factory=MyStrategy, settings=MySettings)]

All hooks are alike. They take no argument and return a list of specs, which may be empty. The loader
calls each once, when a command first needs a plugin, right after it imported the module; market data
never passes through a hook. A hook that raises, or returns anything else, makes the whole plugin fail:
none of its specs is registered, the failure is recorded with phase ``register``, other plugins go on,
and only a run that names the plugin ends, with exit code 3. Two plugins that claim the same name of
one kind hurt only runs that use the name; ``[plugins] prefer`` chooses between them. Specs must be
cheap to make: no file, socket or clock is used before the factory of a spec is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from mm_framework.contracts.spec import (
        AdapterSpec,
        EmulatorSpec,
        ExecutionModelSpec,
        FeeModelSpec,
        NormalizerSpec,
        QACheckSpec,
        SinkSpec,
        StrategySpec,
        SyncEngineSpec,
    )

__all__ = [
    "PROJECT",
    "hookimpl",
    "mm_register_adapters",
    "mm_register_emulators",
    "mm_register_execution_models",
    "mm_register_fee_models",
    "mm_register_normalizers",
    "mm_register_qa_checks",
    "mm_register_sinks",
    "mm_register_strategies",
    "mm_register_sync_engines",
]

PROJECT = "mm_framework"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a plugin's function as the implementation of the hook of the same name."""


@hookspec
def mm_register_adapters() -> list[AdapterSpec]:  # type: ignore[empty-body]  # a specification has no body
    """Venues: endpoints, names, subscriptions, limits (`contracts.adapter.Adapter`).

    The spec's name is the venue, the prefix of its instrument ids (``kraken`` of ``kraken:BTC/EUR``).
    A venue also needs a normalizer and sync rules of the same name. Called once, when a command first
    needs plugins; if it raises, the plugin fails and the venue is unavailable.
    """


@hookspec
def mm_register_normalizers() -> list[NormalizerSpec]:  # type: ignore[empty-body]  # as above
    """Wire formats: bytes to messages and rows (`contracts.normalizer.Normalizer`).

    The spec's name is the venue that speaks it. Called once, when a command first needs plugins; if it
    raises, the plugin fails and recordings of the venue can be neither captured nor replayed.
    """


@hookspec
def mm_register_sync_engines() -> list[SyncEngineSpec]:  # type: ignore[empty-body]  # as above
    """Rules that prove a venue's book: numbers, checksums, policy (`contracts.sync_engine.SyncRules`).

    The spec's name is the venue. Called once, when a command first needs plugins; if it raises, the
    plugin fails and books of the venue cannot be built.
    """


@hookspec
def mm_register_qa_checks() -> list[QACheckSpec]:  # type: ignore[empty-body]  # as above
    """Checks of data quality (`contracts.qa_check.QACheck`).

    The spec's name is what a report calls the check. Called once, when a command first needs plugins;
    if it raises, the plugin fails and its checks are missing from reports, which say so.
    """


@hookspec
def mm_register_fee_models() -> list[FeeModelSpec]:  # type: ignore[empty-body]  # as above
    """Fee schedules (`contracts.fee_model.FeeModel`), chosen with ``--fee-model NAME``.

    Called once, when a command first needs plugins; if it raises, the plugin fails and a run that names
    one of its models ends with exit code 3.
    """


@hookspec
def mm_register_strategies() -> list[StrategySpec]:  # type: ignore[empty-body]  # as above
    """Strategies (`contracts.strategy.Strategy`), chosen with ``--strategy NAME``; none runs unasked.

    Called once, when a command first needs plugins; if it raises, the plugin fails and a run that names
    one of its strategies ends with exit code 3.
    """


@hookspec
def mm_register_sinks() -> list[SinkSpec]:  # type: ignore[empty-body]  # as above
    """Outputs beside the run bundle, live or exported (`contracts.sink.Sink`).

    Called once, when a command first needs plugins; if it raises, the plugin fails and a run that names
    one of its sinks ends with exit code 3.
    """


@hookspec
def mm_register_emulators() -> list[EmulatorSpec]:  # type: ignore[empty-body]  # as above
    """Dialects of emulated venues (`contracts.emulator.Dialect`), for ``mm emulate`` and ``mm demo``.

    The spec's name is the venue. Called once, when a command first needs plugins; if it raises, the
    plugin fails and the venue cannot be emulated.
    """


@hookspec
def mm_register_execution_models() -> list[ExecutionModelSpec]:  # type: ignore[empty-body]  # as above
    """Latency and queue models of the simulated exchange, chosen with ``mm backtest --execution NAME``.

    The spec's ``role`` says which of the two it is (`contracts.execution_model`). Called once, when a
    command first needs plugins; if it raises, the plugin fails and a run that names one of its models ends
    with exit code 3.
    """
