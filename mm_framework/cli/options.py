"""Options that verbs share: the flags of settings classes, ``--json``, the flags of plugins.

    @click.command(cls=PluginCommand)          # or plain click.command, without flags of plugins
    @click.argument("run", type=click.Path(path_type=Path))
    @settings_options(DataSettings)            # --data-dir, and its hidden earlier names
    @settings_options(CaptureSettings)         # --capture-ping-interval-s ..., --capture-x/--no-capture-x
    @json_option
    @pass_app
    def command(app: App, run: Path) -> int | None:
        settings = app.load(CaptureSettings)   # Loaded: .value, .origins, .to_json()
        venue = app.plugins.get("adapters", "kraken")
        venue_settings = app.load(venue.settings).value
        with app.out.progress("reading", total=n, unit="frames") as advance:
            advance(1)
        app.out.emit({"ok": True}, "all is well")
        return 1                               # the exit code; None is 0

Flags of settings are not passed to the function: `App.load` knows them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, TypeVar, get_origin

import click
from click.core import ParameterSource

from mm_framework.cli.app import App
from mm_framework.errors import ConfigError
from mm_framework.settings import PLUGIN_ROOTS, Given, SettingField, fields_of
from mm_framework.values import to_json

__all__ = ["FiniteRange", "PluginCommand", "json_option", "run_argument", "settings_options"]

F = TypeVar("F", bound=Callable[..., Any])

_PLUGIN_PARAMS = "mm_framework.plugin_params"
_RUN_DIR = "mm_framework.run_dir"


def settings_options(cls: type[Any], *, only: Container[str] | None = None) -> Callable[[F], F]:
    """Decorator: give a command a flag for each setting of ``cls`` (or those whose names are in ``only``)."""

    def decorate(function: F) -> F:
        for option in reversed(options_of(cls, only=only)):
            function = _attach(function, option)
        return function

    return decorate


def options_of(cls: type[Any], *, only: Container[str] | None = None) -> list[click.Option]:
    """The options of a settings class: one a setting, and a hidden one for each earlier name."""
    options = []
    for field in fields_of(cls):
        if only is None or field.name in only:
            options += [_option(field, field.flag), *(_option(field, flag) for flag in field.alias_flags)]
    return options


def json_option(function: F) -> F:
    """Decorator: ``--json``, which `Output.emit` obeys."""

    def take(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        context.ensure_object(App).out.json |= value

    return click.option(
        "--json",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=take,
        help="Print exactly one JSON document on stdout.",
    )(function)


def run_argument(name: str = "run", **facts: Any) -> Callable[[F], F]:
    """Decorator: the argument RUN, which may also come as ``--run-dir``, its hidden earlier name.

    ``facts``: of `click.argument`; with ``nargs=-1`` the earlier flag stands for one run.
    """

    def keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            context.meta[_RUN_DIR] = value

    def decorate(function: F) -> F:
        function = click.argument(name, cls=_RunArgument, **facts)(function)
        option = click.option("--run-dir", hidden=True, is_eager=True, expose_value=False, callback=keep)
        return option(function)

    return decorate


class _RunArgument(click.Argument):
    """Takes what ``--run-dir`` gave, which was read before it."""

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        value, source = super().consume_value(ctx, opts)
        given = ctx.meta.get(_RUN_DIR)
        if given is None:
            return value, source
        if source is ParameterSource.COMMANDLINE and value:
            raise click.UsageError("RUN and --run-dir both name the recording: give one", ctx)
        return ((given,) if self.nargs == -1 else given), ParameterSource.COMMANDLINE


class FiniteRange(click.FloatRange):
    """A number in a range; not NaN and not infinite, which a plain FloatRange lets pass."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number. Raises click.BadParameter."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class PluginCommand(click.Command):
    """A command that also takes the settings of plugins as flags: ``--venue-kraken-url``.

    Which flags exist is known to the plugins only, so they are loaded when, and only when, the command
    line holds a flag that begins like one of theirs.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Add the options of the plugins that the arguments name, then parse as usual."""
        words = args[: args.index("--")] if "--" in args else args
        own = {name for param in self.params for name in (*param.opts, *param.secondary_opts)}
        flags = [word.partition("=")[0] for word in words]
        wanted = [flag for flag in flags if flag not in own and _plugin_part(flag)]
        if wanted and not ctx.resilient_parsing:
            ctx.meta[_PLUGIN_PARAMS] = _plugin_options(ctx.ensure_object(App), wanted)
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters and those of the plugins that the arguments name."""
        return [*super().get_params(ctx), *ctx.meta.get(_PLUGIN_PARAMS, ())]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say where the flags of plugins are listed."""
        super().format_epilog(ctx, formatter)
        formatter.write_paragraph()
        formatter.write_text(
            "Settings of plugins are flags here too, such as --venue-kraken-url; "
            "mm plugins show NAME lists them."
        )


def _attach(function: F, option: click.Option) -> F:
    """As click.option does, but a flag that two settings share is our mistake and raises."""
    params: list[click.Parameter] = function.__dict__.setdefault("__click_params__", [])
    taken = {name for param in params for name in (*param.opts, *param.secondary_opts)}
    for name in (*option.opts, *option.secondary_opts):
        if name in taken:
            raise RuntimeError(f"two options of {function.__name__} are called {name}")
    params.append(option)
    return function


def _option(field: SettingField, flag: str) -> click.Option:
    hidden = flag != field.flag
    text = f"{field.help} [{_default_words(field)}]"
    name = "mm_" + flag.strip("-").replace("-", "_")
    if field.type is bool:
        off = flag.replace("--", "--no-", 1)
        return click.Option(
            [name, f"{flag}/{off}"],
            default=None,
            hidden=hidden,
            expose_value=False,
            callback=_taker(field, flag, off),
            help=text,
        )
    return click.Option(
        [name, flag],
        metavar=_metavar(field),
        multiple=get_origin(field.type) is tuple,
        hidden=hidden,
        expose_value=False,
        callback=_taker(field, flag, flag),
        help=text,
    )


def _taker(
    field: SettingField, on: str, off: str
) -> Callable[[click.Context, click.Parameter, str | bool | tuple[str, ...] | None], None]:
    """A click callback that hands the value, as text, to the flags of the App."""

    def take(
        context: click.Context, parameter: click.Parameter, value: str | bool | tuple[str, ...] | None
    ) -> None:
        if value is None or value == ():
            return
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        given = Given(text, f"flag {off if value is False else on}")
        flags = context.ensure_object(App).flags.setdefault(field.section, {})
        earlier = flags.setdefault(field.name, given)
        if earlier.text != given.text:
            raise ConfigError(
                f"{field.key} is given two values, by {earlier.origin} ({earlier.text}) and "
                f"{given.origin} ({given.text}); keep {field.flag}",
                key=field.key,
            )

    return take


def _metavar(field: SettingField) -> str:
    if field.choices:
        return "[" + "|".join(field.choices) + "]"
    words = {"a whole number": "N", "a finite number": "X", "a path": "PATH", "text": "TEXT"}
    return words.get(field.expectation, "A,B,...")


def _default_words(field: SettingField) -> str:
    default = to_json(field.default)
    if isinstance(default, bool):
        return "on" if default else "off"
    if default is None or default in ("", [], {}):
        return "none"
    return ",".join(map(str, default)) if isinstance(default, list) else str(default)


def _plugin_part(flag: str) -> str | None:
    """``kraken-url`` of ``--venue-kraken-url`` and of its ``--no-`` form; None for other words."""
    for start in ("--no-", "--"):
        root, dash, rest = flag.removeprefix(start).partition("-")
        if flag.startswith(start) and dash and rest and root in PLUGIN_ROOTS:
            return rest
    return None


def _plugin_options(app: App, wanted: Iterable[str]) -> list[click.Option]:
    """The options of every plugin settings class that owns one of the flags.

    Raises PluginError when a flag belongs to a plugin that failed or is blocked; a flag of nobody is
    left to click, which reports it with the nearest names.
    """
    names: dict[str, type[Any]] = {}
    for cls in app.plugins.settings_classes():
        for field in fields_of(cls):
            names |= dict.fromkeys(filter(None, (field.flag, field.off_flag)), cls)
    classes: dict[type[Any], None] = {}
    for flag in wanted:
        if flag in names:
            classes[names[flag]] = None
        else:
            app.plugins.refuse_if_failed(_plugin_part(flag) or "")
    return [option for cls in classes for option in options_of(cls)]
