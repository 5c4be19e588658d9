"""The report of an A/B test: Markdown for people, the same facts as a document for programs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mm_framework.calibrate.ab import GATES, METRICS, AbRun, GateState
from mm_framework.calibrate.lines import iso

__all__ = ["document", "markdown"]


def document(run: AbRun, symbols: tuple[str, ...] = ()) -> dict[str, Any]:
    """Mode, split, routing, metrics with their deltas, gates, rollback."""
    a, b = run.stats["A"].metrics(), run.stats["B"].metrics()
    names = sorted({*run.assigned, *symbols})
    rollback = run.rollback
    return {
        "mode": run.settings.mode,
        "split_pct": run.routing.split_pct,
        "salt": run.routing.salt,
        "from": None if run.started_ms is None else iso(run.started_ms),
        "to": None if run.ended_ms is None else iso(run.ended_ms),
        "routing": {
            bucket: [one for one in names if run.routing.bucket(one) == bucket] for bucket in ("A", "B")
        },
        "warnings": run.routing.warnings(names),
        "metrics": {
            name: {"a": a[name], "b": b[name], "delta": _delta(a[name], b[name])} for name in METRICS
        },
        "gates": {
            gate.name: {
                "metric": GATES[gate.name],
                "passed": gate.tripped_ms is None,
                "status": _status(gate),
                "violations": gate.violations,
                "looks": gate.looks,
                "violated_since": None if gate.since_ms is None else iso(gate.since_ms),
                "tripped": None if gate.tripped_ms is None else iso(gate.tripped_ms),
            }
            for gate in run.gates.values()
        },
        "rollback": rollback is not None and run.settings.mode == "online",
        "would_roll_back": rollback is not None,
        "reason": None
        if rollback is None
        else f"{rollback.gate}: A {rollback.a:.6g}, B {rollback.b:.6g} at {iso(rollback.ts_ms)}",
    }


def markdown(run: AbRun, name: str, symbols: tuple[str, ...] = (), earlier: Sequence[str] = ()) -> str:
    """The report ``artifacts/edge/reports/ab_run_*.md``. ``earlier``: the runs before of this experiment."""
    told = document(run, symbols)
    watched = {metric: gate for gate, metric in GATES.items()}
    rows = [
        (
            metric,
            _number(values["a"]),
            _number(values["b"]),
            _number(values["delta"]),
            "-" if metric not in watched else told["gates"][watched[metric]]["status"],
        )
        for metric, values in told["metrics"].items()
    ]
    gates = [
        (gate, state["status"], f"{state['violations']} of {state['looks']}", state["tripped"] or "-")
        for gate, state in told["gates"].items()
    ]
    return (
        "\n\n".join(
            [
                f"# A/B run {name}",
                f"Mode {told['mode']}, {told['split_pct']:.0%} to B, salt `{told['salt']}`,"
                f" {told['from'] or '-'} to {told['to'] or '-'}.",
                *(f"Warning: {text}." for text in told["warnings"]),
                "\n".join(
                    f"- {bucket}: {', '.join(names) or '-'}" for bucket, names in told["routing"].items()
                ),
                *_earlier(earlier),
                "## Metrics",
                _table(("metric", "A", "B", "B - A", "gate"), rows),
                "## Gates",
                _table(("gate", "status", "violated looks", "acted"), gates),
                f"## Rollback: {_rollback(told)}",
            ]
        )
        + "\n"
    )


def _earlier(earlier: Sequence[str]) -> list[str]:
    return ["## Earlier runs of this salt", "\n".join(f"- {text}" for text in earlier)] if earlier else []


def _rollback(told: dict[str, Any]) -> str:
    if told["reason"] is None:
        return "no"
    return f"{'yes' if told['rollback'] else 'no, the mode is dry; it would'} ({told['reason']})"


def _delta(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else b - a


def _status(gate: GateState) -> str:
    """``FAIL``: it acted; ``violated``: it was about to; ``no data``: too little to be judged; ``pass``."""
    if gate.tripped_ms is not None:
        return "FAIL"
    if gate.looks == 0:
        return "no data"
    return "pass" if gate.since_ms is None else "violated"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _table(header: tuple[str, ...], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
