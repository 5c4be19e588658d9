"""``mm new-plugin venue | strategy | sink | check``: a package that works and is tested as it is.

Templates are folders of this package; copier renders them into a folder of its own beside the new one,
which is moved into place when it is whole. They hold no tasks and no extensions: nothing of them runs.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Final

import click

import mm_framework
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.groups import VerbGroup
from mm_framework.cli.options import json_option
from mm_framework.errors import ConfigError, EnvironmentFailed

__all__ = ["command"]

TEMPLATES: Final = Path(mm_framework.__file__).parent / "templates"
LONGEST: Final = 24

_WORDS: Final = re.compile(r"[a-z][a-z0-9]+(_[a-z0-9]+)*")
# A venue is the prefix of instrument ids, whose grammar has no underscore.
_NAMES: Final = {
    "venue": (re.compile(r"[a-z][a-z0-9]+"), "lower-case letters and digits, such as northex"),
    "strategy": (_WORDS, "lower-case words joined by underscores, such as wide_quotes"),
    "check": (_WORDS, "lower-case words joined by underscores, such as wide_spread"),
    "sink": (_WORDS, "lower-case words joined by underscores, such as trade_lines"),
}

_out = click.option(
    "--out", metavar="DIR", type=click.Path(path_type=Path), help="The new folder. [mm-NAME, here]"
)


@click.group("new-plugin", cls=VerbGroup)
def command() -> None:
    """Make the package of a new venue, strategy, sink or check.

    It can be installed as it is and its tests pass; what it does is an example to change. Needs the
    extra mm-framework[templates].
    """


@command.command("venue")
@click.argument("name")
@_out
@json_option
@pass_app
def venue(app: App, name: str, out: Path | None) -> None:
    """Make a venue: adapter, normalizer with shapes, sync rules, fees and their tests.

    NAME is the prefix of its instrument ids, such as northex of northex:BTC/EUR.
    """
    _make(app, "venue", name, out)


@command.command("strategy")
@click.argument("name")
@_out
@json_option
@pass_app
def strategy(app: App, name: str, out: Path | None) -> None:
    """Make a strategy: settings, state, the function that decides, and their tests.

    NAME is what --strategy names.
    """
    _make(app, "strategy", name, out)


@command.command("sink")
@click.argument("name")
@_out
@json_option
@pass_app
def sink(app: App, name: str, out: Path | None) -> None:
    """Make a sink: settings, what it writes of each record, and its tests.

    NAME is what --sink and --to name.
    """
    _make(app, "sink", name, out)


@command.command("check")
@click.argument("name")
@_out
@json_option
@pass_app
def check(app: App, name: str, out: Path | None) -> None:
    """Make a check of data quality: settings, what it finds in a day, and its tests.

    NAME is what its findings carry, and the section of its settings.
    """
    _make(app, "check", name, out)


def _make(app: App, kind: str, name: str, out: Path | None) -> None:
    _check(kind, name)
    distribution = f"mm-{name.replace('_', '-')}"
    target = Path(distribution) if out is None else out
    if target.exists() or target.is_symlink():
        raise ConfigError(
            f"{target} exists already; name a new folder with --out", key="out", value=str(target)
        )
    if not target.absolute().parent.is_dir():
        raise ConfigError(
            f"{target.absolute().parent} is no folder; make it first", key="out", value=str(target)
        )
    files = render(kind, name, target)
    document = {
        "ok": True,
        "kind": kind,
        "name": name,
        "path": str(target),
        "distribution": distribution,
        "package": f"mm_{name}",
        "files": files,
    }
    app.out.emit(
        document,
        f"{target}: {len(files)} files of {distribution}\n"
        f"next: python -m pip install -e {target}, then python -m pytest {target}",
    )


def _check(kind: str, name: str) -> None:
    """Raise ConfigError for a name that no package or instrument id can have."""
    grammar, words = _NAMES[kind]
    if not grammar.fullmatch(name) or len(name) > LONGEST:
        raise ConfigError(
            f"{name!r} is no name for a {kind}; expected {words}, at most {LONGEST} characters",
            key="name",
            value=name,
        )
    if name.startswith("mm_") or name == "framework":
        raise ConfigError(
            f"the package of {name!r} would be mm_{name}; give a name without mm_ that is not framework",
            key="name",
            value=name,
        )


def render(kind: str, name: str, target: Path) -> list[str]:
    """Write the package, all of it or nothing; its files, relative to ``target``.

    Raises EnvironmentFailed when copier is not installed.
    """
    try:
        import copier
    except ModuleNotFoundError as error:
        raise EnvironmentFailed(
            "templates need copier, which is not installed; try: pip install 'mm-framework[templates]'"
        ) from error
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.absolute().parent) as folder:
        made = Path(folder) / "new"
        copier.run_copy(
            str(TEMPLATES / kind),
            made,
            data={"name": name, "core": _series(mm_framework.__version__)},
            settings=copier.Settings(),  # not those of this machine's user
            defaults=True,
            quiet=True,
        )
        os.rename(made, target)
    return sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())


def _series(version: str) -> str:
    """The versions that a plugin made today works with: ``>=0.1,<0.2`` of 0.1.3."""
    major, minor = map(int, version.split(".")[:2])
    return f">={major}.{minor},<{major}.{minor + 1}" if major == 0 else f">={major}.{minor},<{major + 1}"
