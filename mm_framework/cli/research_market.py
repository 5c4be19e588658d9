"""``mm research paper-market``: the market of Avellaneda and Stoikov, simulated and computed exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import FiniteRange, json_option
from mm_framework.errors import ConfigError

if TYPE_CHECKING:
    from mm_framework.research.paper_market import PaperMarket, Simulated

__all__ = ["paper_market"]

F = TypeVar("F", bound=Callable[..., Any])

MODEL = "avellaneda-stoikov"

MOST_ERRORS = 4.5
"""Standard errors by which a simulation may differ from the exact moments."""

_NUMBERS = ("profit_mean", "profit_std", "held_mean", "held_std")


def _number(flag: str, default: float, text: str, *, open_: bool = True) -> Callable[[F], F]:
    return click.option(
        flag,
        type=FiniteRange(0, min_open=open_),
        default=default,
        show_default=True,
        metavar="X",
        help=text,
    )


@click.command("paper-market")
@click.option(
    "--model",
    type=click.Choice([MODEL]),
    default=MODEL,
    show_default=True,
    help="The market that is simulated.",
)
@click.option(
    "--gamma",
    "gammas",
    type=FiniteRange(0),
    multiple=True,
    metavar="X",
    help="Risk aversion, per price and share; repeats. [0.1, 0.01, 0.5]",
)
@_number("--sigma", 2.0, "Volatility of the mid: price per square root of a second.", open_=False)
@_number("--k", 1.5, "Decay of the rate of fills with the distance, per price.")
@_number("--a", 140.0, "Rate of fills at the mid, per second.")
@_number("--horizon-s", 1.0, "T, the end.")
@_number("--dt-s", 0.005, "Length of a step.")
@click.option(
    "--paths",
    type=click.IntRange(2, 10_000_000),
    default=20_000,
    show_default=True,
    help="Paths of each row.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the paths.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help="Draw one path and all profits of the first gamma. Needs the extra mm-framework[plot].",
)
@json_option
@pass_app
def paper_market(
    app: App,
    /,
    model: str,
    gammas: tuple[float, ...],
    paths: int,
    seed: int,
    picture: Path | None,
    **numbers: float,
) -> int:
    """Simulate the market of Avellaneda and Stoikov, and compute it exactly.

    Two agents a gamma: `inventory` moves its quotes with what it holds, `symmetric` quotes the same average
    spread around the mid. Each number has its standard error and the exact value beside it; the exit code is
    1 when one is further off than 4.5 standard errors. The defaults are the market of the paper.
    """
    from mm_framework.research.paper_market import POLICIES, PaperMarket, exact, simulate

    if picture is not None and picture.suffix != ".png":
        raise ConfigError(f"--picture {picture}: its name must end with .png", key="picture")
    try:
        markets = [PaperMarket(gamma=gamma, **numbers) for gamma in gammas or (0.1, 0.01, 0.5)]
    except ValueError as error:
        raise ConfigError(str(error), key="dt_s") from error
    rows: list[dict[str, Any]] = []
    first: dict[str, Any] = {}
    with app.out.progress("simulating", total=paths * 2 * len(markets), unit="paths") as advance:
        for market in markets:
            for policy in POLICIES:
                found = simulate(market, policy, paths, seed, advance)
                first.setdefault(policy, found.profits)
                rows.append(
                    {"gamma": market.gamma, "policy": policy, "mean_spread": market.mean_spread}
                    | _compared(found, exact(market, policy))
                )
    if picture is not None:
        _draw(picture, markets[0], first, seed)
    ok = all(row["agrees"] for row in rows)
    document = {
        "ok": ok,
        "model": model,
        "market": {**numbers, "price": markets[0].price},
        "paths": paths,
        "seed": seed,
        "most_errors": MOST_ERRORS,
        "rows": rows,
        "picture": None if picture is None else str(picture),
    }
    app.out.emit(document, lambda: _table(app, rows))
    return 0 if ok else 1


def _compared(found: Simulated, exact: Any) -> dict[str, Any]:
    """Each number with its standard error, the exact one and how many errors lie between them."""
    told: dict[str, Any] = {}
    for name in _NUMBERS:
        value, error, true = (getattr(one, name) for one in (found.moments, found.error, exact))
        off = abs(value - true)
        far = off / error if error > 0 else (0.0 if off < 1e-9 else float("inf"))
        told[name] = {"simulated": value, "error": error, "exact": true, "errors_off": min(far, 1e9)}
    return {**told, "agrees": all(told[name]["errors_off"] <= MOST_ERRORS for name in _NUMBERS)}


def _table(app: App, rows: list[dict[str, Any]]) -> Any:
    header = ("gamma", "policy", "spread", "", "profit", "its std", "inventory", "its std", "agrees")
    lines = []
    for row in rows:
        both = [row[name] for name in _NUMBERS]
        shown = [f"{one['simulated']:.3f} +- {one['error']:.3f}" for one in both]
        true = [f"{one['exact']:.3f}" if abs(one["exact"]) > 5e-4 else "0.000" for one in both]
        name = (f"{row['gamma']:g}", row["policy"], f"{row['mean_spread']:.4f}")
        lines.append((*name, "simulated", *shown, "yes" if row["agrees"] else "no"))
        lines.append(("", "", "", "exact", *true, ""))
    return app.out.table(header, lines)


def _draw(picture: Path, market: PaperMarket, profits: dict[str, Any], seed: int) -> None:
    from mm_framework.bundle.disk import replace_file, writing
    from mm_framework.research.paper_market import follow
    from mm_framework.research.pictures import paper_market_picture

    title = f"Avellaneda-Stoikov market, gamma {market.gamma:g}, seed {seed}"
    content = paper_market_picture(follow(market, "inventory", seed), profits, title)
    with writing(picture):
        replace_file(picture, content)
