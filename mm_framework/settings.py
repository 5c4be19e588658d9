"""Settings: one frozen attrs class a component; a flag, a variable, a TOML key and a reference row each.

    @section("capture")
    @attrs.frozen
    class CaptureSettings:
        ping_interval_s: float = setting(20.0, help="...", aliases=("ws_ping_interval_seconds",))

gives ``--capture-ping-interval-s``, ``MM_CAPTURE_PING_INTERVAL_S`` and ``[capture] ping_interval_s``.
``aliases`` are earlier names: hidden flags, and variables ``PM_DATA_<ALIAS>`` and, where compatibility
is on, plain ``<ALIAS>``. Main path: `ConfigFile.find`, then `load` for each class that a run needs;
`load` puts flag above variable above file above default and keeps the origin of each value.
"""

from __future__ import annotations

import difflib
import importlib
import re
import tomllib
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import attrs

from mm_framework.errors import ConfigError, MMError
from mm_framework.values import choices, expectation, from_text, from_toml, to_json

__all__ = [
    "CORE_SECTIONS",
    "PLUGIN_ROOTS",
    "ConfigFile",
    "DataSettings",
    "Given",
    "Loaded",
    "SettingField",
    "fields_of",
    "import_core_sections",
    "load",
    "nearest",
    "registry",
    "section",
    "section_of",
    "setting",
]

T = TypeVar("T")

# Section -> module that declares it, so that a file can be checked without importing every room.
CORE_SECTIONS: Mapping[str, str] = {
    "ab": "mm_framework.calibrate.ab_settings",
    "alerts": "mm_framework.capture.settings",
    "backtest": "mm_framework.trading.settings",
    "bundle": "mm_framework.bundle.settings",
    "calibration": "mm_framework.calibrate.log_settings",
    "capture": "mm_framework.capture.settings",
    "check.backward-time": "mm_framework.quality.check_settings",
    "check.crossed": "mm_framework.quality.check_settings",
    "check.gap": "mm_framework.quality.check_settings",
    "check.latency": "mm_framework.quality.check_settings",
    "check.spike": "mm_framework.quality.check_settings",
    "check.stale": "mm_framework.quality.check_settings",
    "check.width": "mm_framework.quality.check_settings",
    "clock": "mm_framework.feed.clock_offset",
    "collectors": "mm_framework.calibrate.settings",
    "data": "mm_framework.settings",
    "feed": "mm_framework.feed.config",
    "fee.flat": "mm_framework.trading.fees",
    "history": "mm_framework.history.settings",
    "latency": "mm_framework.quality.settings",
    "limits": "mm_framework.trading.settings",
    "market": "mm_framework.emulator.settings",
    "matching": "mm_framework.trading.settings",
    "md_cache": "mm_framework.calibrate.settings",
    "order-latency": "mm_framework.trading.settings",
    "plant": "mm_framework.capture.settings",
    "plugins": "mm_framework.plugins.settings",
    "prometheus": "mm_framework.calibrate.settings",
    "quality": "mm_framework.quality.settings",
    "research": "mm_framework.research.settings",
    "research-calibrate": "mm_framework.research.settings",
    "scoreboard": "mm_framework.calibrate.settings",
    "serve": "mm_framework.serve.settings",
    "sink.bbo-csv": "mm_framework.sinks.bbo_csv",
    "sink.day-files": "mm_framework.sinks.day_settings",
    "sinks": "mm_framework.sinks.settings",
    "store": "mm_framework.store.settings",
    "target": "mm_framework.capture.settings",
    "trading": "mm_framework.trading.settings",
    "window": "mm_framework.bundle.window",
}

# A plugin's section is ``<root>.<name>``. A file may hold such sections of plugins that are not
# installed; a core section that does not exist is an error.
PLUGIN_ROOTS = ("venue", "strategy", "fee", "sink", "check", "emulator", "execution")

_INFO = "mm_framework.setting"
_NAME = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)*\Z")
_REFUSALS: Final = (ValueError, TypeError, MMError)
"""What a validator raises that says why."""
_WORDLESS: Final = (ArithmeticError, LookupError)
"""What it raises where it does sums, or looks something up: ``Decimal("x")`` is an InvalidOperation."""

_registry: dict[str, type[Any]] = {}


@attrs.frozen
class _Info:
    help: str
    aliases: tuple[str, ...]
    variable: str | None


@attrs.frozen
class SettingField:
    """One setting: its names everywhere, type, default and help.

    ``flag`` is ``--capture-ping-interval-s``; a boolean also has ``--no-...`` (``off_flag``).
    ``aliases`` are the earlier names in snake case.
    """

    section: str
    name: str
    type: Any
    default: Any
    help: str
    variable: str
    aliases: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """``capture.ping_interval_s``, as messages name it."""
        return f"{self.section}.{self.name}"

    @property
    def flag(self) -> str:
        """The flag, with its two dashes."""
        return "--" + re.sub(r"[._]", "-", self.key)

    @property
    def off_flag(self) -> str | None:
        """The flag that switches a boolean off, else None."""
        return self.flag.replace("--", "--no-", 1) if self.type is bool else None

    @property
    def alias_flags(self) -> tuple[str, ...]:
        """The hidden flags of the earlier names, without one that is also the flag of today."""
        flags = ("--" + alias.replace("_", "-") for alias in self.aliases)
        return tuple(flag for flag in flags if flag != self.flag)

    @property
    def expectation(self) -> str:
        """What a value looks like, in words."""
        return expectation(self.type)

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed words, empty when the type is not a choice."""
        return choices(self.type)

    def variables(self, *, compat: bool) -> list[str]:
        """Every variable that may hold the value, today's name first."""
        earlier = [alias.upper() for alias in self.aliases]
        return [self.variable, *(f"PM_DATA_{name}" for name in earlier), *(earlier if compat else ())]


@attrs.frozen
class Given:
    """A value that the user gave: its text, and where (``flag --data-dir``)."""

    text: str
    origin: str


@attrs.frozen
class Loaded(Generic[T]):
    """Settings with their origins.

    ``origins``: field name to ``default``, ``profile NAME``, ``file PATH``, ``variable NAME`` or
    ``flag --NAME``.
    ``notes`` are lines for the operator: an earlier variable name was used.
    """

    section: str
    value: T
    origins: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, dict[str, Any]]:
        """``{field: {"value": ..., "origin": ...}}``, for manifests and ``mm config show``."""
        return {
            name: {"value": to_json(getattr(self.value, name)), "origin": origin}
            for name, origin in self.origins.items()
        }


def setting(
    default: T,
    *,
    help: str,
    aliases: tuple[str, ...] = (),
    variable: str | None = None,
    validator: Callable[..., Any] | None = None,
) -> T:
    """Declare one setting, a field of a class under `section`.

    ``aliases`` are earlier names in snake case; ``variable`` replaces the variable that the house
    rule gives; ``validator`` is an attrs validator. The result is an attrs field, typed as its value
    so that type checkers see the annotation of the class.
    """
    info = _Info(help, aliases, variable)
    field: T = attrs.field(
        default=attrs.Factory(lambda: dict(default)) if isinstance(default, dict) else default,
        validator=validator,
        metadata={_INFO: info},
    )
    return field


def section(name: str) -> Callable[[type[T]], type[T]]:
    """Class decorator, above ``@attrs.frozen``: this class holds the settings of section ``name``.

    Raises RuntimeError when the name is malformed or another class holds it, and when a variable or
    flag of it would mean a setting of another section too.
    """

    def register(cls: type[T]) -> type[T]:
        if not _NAME.match(name):
            raise RuntimeError(f"section {name!r}: expected lower-case words, joined by dots for plugins")
        _require_attrs(name, cls)
        _require_free(name, cls)
        _check_variables(name, cls)
        cls.__mm_section__ = name  # type: ignore[attr-defined]  # read back by section_of
        _registry[name] = cls
        return cls

    return register


def section_of(cls: type[Any]) -> str:
    """The section that a settings class holds. Raises RuntimeError for another class."""
    name = cls.__dict__.get("__mm_section__")
    if name is None:
        raise RuntimeError(f"{_identity(cls)} is not a settings class: decorate it with @section(NAME)")
    return str(name)


def registry() -> dict[str, type[Any]]:
    """Every settings class that has been imported, by section, sorted."""
    return dict(sorted(_registry.items()))


def import_core_sections() -> dict[str, type[Any]]:
    """Import the modules of all core sections; their classes by section, sorted."""
    for module in sorted(set(CORE_SECTIONS.values())):
        importlib.import_module(module)
    return {name: _registry[name] for name in sorted(CORE_SECTIONS)}


def fields_of(cls: type[Any]) -> tuple[SettingField, ...]:
    """The settings of a class, in the order of declaration. Raises RuntimeError for another class."""
    name = section_of(cls)
    hints = typing.get_type_hints(cls)
    return tuple(_setting_field(name, field, hints[field.name]) for field in attrs.fields(cls))


def load(
    cls: type[T],
    *,
    flags: Mapping[str, Given] | None = None,
    env: Mapping[str, str] | None = None,
    file: ConfigFile | None = None,
    defaults: Mapping[str, Given] | None = None,
    env_wins: bool = False,
    compat: bool = False,
) -> Loaded[T]:
    """Settings of one class: flag over variable over file over default, variable first if ``env_wins``.

    ``flags`` maps field names, so do the ``defaults`` of a profile, which replace those of the class;
    ``compat`` also reads variables without a prefix. Raises ConfigError for an unknown key, a value of
    the wrong type or range, and two variables that disagree.
    """
    fields = fields_of(cls)
    table = file.section(section_of(cls), [field.name for field in fields]) if file else {}
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    notes: list[str] = []
    for field in fields:
        found = [
            _from_given(field, flags or {}),
            _from_variables(field, env or {}, compat, notes),
            _from_file(field, table, file),
        ]
        if env_wins:
            found[0], found[1] = found[1], found[0]
        found.append(_from_given(field, defaults or {}))
        winner = next((item for item in found if item is not None), None)
        origins[field.name] = winner[1] if winner else "default"
        if winner:
            values[field.name] = winner[0]
    return Loaded(section_of(cls), _construct(cls, values, origins), origins, tuple(notes))


def nearest(word: str, options: Iterable[str]) -> str:
    """``, did you mean 'x'?`` or the whole list when nothing is near; for the end of a message."""
    names = sorted(options)
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(name) for name in close) + "?"
    return "known: " + (", ".join(names) if names else "none")


@attrs.frozen
class ConfigFile:
    """A TOML file of settings. ``path`` is shown in origins and messages."""

    path: Path
    data: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> ConfigFile:
        """Read and check one file. Raises ConfigError: not there, not TOML, an unknown section."""
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(
                f"cannot read the configuration {path}: {error.strerror}", key="config"
            ) from error
        except ValueError as error:  # tomllib.TOMLDecodeError and UnicodeDecodeError
            raise ConfigError(f"the configuration {path} is not TOML: {error}", key="config") from error
        file = cls(path, data)
        file._check_sections()
        return file

    @classmethod
    def find(cls, given: str | None, env: Mapping[str, str], folder: Path) -> ConfigFile | None:
        """``--config FILE``, else ``MM_CONFIG`` (empty: no file), else ``mm.toml`` of ``folder`` if there."""
        chosen = given if given is not None else env.get("MM_CONFIG")
        if chosen is not None:
            return cls.read(Path(chosen)) if chosen else None
        default = folder / "mm.toml"
        return cls.read(default) if default.is_file() else None

    def section(self, name: str, keys: Iterable[str]) -> Mapping[str, Any]:
        """The table of a section, empty if absent. Raises ConfigError when it has other keys."""
        table = self._table(name)
        known = list(keys)
        for key in table:
            if key not in known and f"{name}.{key}" not in _known_sections():
                raise ConfigError(
                    f"[{name}] has no setting {key!r}; {nearest(key, known)}",
                    key=f"{name}.{key}",
                    value=table[key],
                    origin=f"file {self.path}",
                )
        return table

    def sections(self) -> list[str]:
        """The names of all sections in the file, a plugin's as ``venue.kraken``."""
        names = []
        for key, value in self.data.items():
            names += [f"{key}.{inner}" for inner in value] if key in PLUGIN_ROOTS else [key]
        return names

    def _table(self, name: str) -> Mapping[str, Any]:
        table: Any = self.data
        for part in name.split("."):
            table = table.get(part, {})
            if not isinstance(table, Mapping):
                raise self._no_table(name, table)
        return typing.cast("Mapping[str, Any]", table)

    def _check_sections(self) -> None:
        known = _known_sections()
        roots = {name.split(".")[0] for name in known} | set(PLUGIN_ROOTS)
        for key, value in self.data.items():
            if key not in roots:
                raise ConfigError(
                    f"unknown section or setting {key!r}; {nearest(key, roots)}",
                    key=key,
                    value=value,
                    origin=f"file {self.path}",
                )
            tables = list(value.items()) if key in PLUGIN_ROOTS and isinstance(value, Mapping) else []
            for name, table in [(key, value), *((f"{key}.{inner}", item) for inner, item in tables)]:
                if not isinstance(table, Mapping):
                    raise self._no_table(name, table)

    def _no_table(self, name: str, value: object) -> ConfigError:
        return ConfigError(
            f"expected a section [{name}] with settings, found {name} = {value!r}",
            key=name,
            value=value,
            origin=f"file {self.path}",
        )


def _identity(cls: type[Any]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _require_free(name: str, cls: type[Any]) -> None:
    """A core section is its module's, imported or not; any other is who comes first."""
    holder = CORE_SECTIONS.get(name, cls.__module__)
    if name in _registry and _identity(_registry[name]) != _identity(cls):
        holder = _identity(_registry[name])
    if holder != cls.__module__:
        raise RuntimeError(f"section {name!r} of {_identity(cls)} is already held by {holder}")


def _require_attrs(name: str, cls: type[Any]) -> None:
    if not attrs.has(cls):
        raise RuntimeError(f"section {name!r}: put @section above @attrs.frozen on {_identity(cls)}")


def _variable(name: str, field: attrs.Attribute[Any]) -> str:
    info = field.metadata.get(_INFO)
    if info is None:
        raise RuntimeError(f"[{name}] {field.name}: declare it with setting(default, help=...)")
    return info.variable or "MM_" + re.sub(r"[.-]", "_", f"{name}.{field.name}").upper()


def _check_variables(name: str, cls: type[Any]) -> None:
    mine = {_variable(name, field): field.name for field in attrs.fields(cls)}
    for other, holder in _registry.items():
        if other == name:
            continue
        for field in attrs.fields(holder):
            if (variable := _variable(other, field)) in mine:
                raise RuntimeError(f"{variable} would mean {name}.{mine[variable]} and {other}.{field.name}")


def _setting_field(name: str, field: attrs.Attribute[Any], hint: Any) -> SettingField:
    info = field.metadata[_INFO]
    # attrs types a Factory as the value that it makes, so this attribute hides from the checker.
    default: Any = field.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a function in the stubs, a class in fact
        default = default.factory()
    return SettingField(name, field.name, hint, default, info.help, _variable(name, field), info.aliases)


def _known_sections() -> set[str]:
    return set(CORE_SECTIONS) | set(_registry)


def _bad_value(field: SettingField, value: object, origin: str, why: Exception) -> ConfigError:
    told = f"{value!r} is refused ({type(why).__name__})" if isinstance(why, _WORDLESS) else why
    message = f"{field.key}: {told}; the default is {to_json(field.default)!r}"
    return ConfigError(message, key=field.key, value=value, origin=origin)


def _from_given(field: SettingField, values: Mapping[str, Given]) -> tuple[Any, str] | None:
    given = values.get(field.name)
    return None if given is None else (_parse(field, given.text, given.origin), given.origin)


def _from_variables(
    field: SettingField, env: Mapping[str, str], compat: bool, notes: list[str]
) -> tuple[Any, str] | None:
    names = [name for name in field.variables(compat=compat) if name in env]
    if not names:
        return None
    values = [_parse(field, env[name], f"variable {name}") for name in names]
    for name, value in zip(names[1:], values[1:], strict=True):
        if value != values[0]:
            raise ConfigError(
                f"{field.key} is given two values: {names[0]}={env[names[0]]} and {name}={env[name]}; "
                f"keep {field.variable}",
                key=field.key,
                value=env[name],
            )
    notes += [f"{name} is an earlier name of {field.variable}" for name in names if name != field.variable]
    return values[0], f"variable {names[0]}"


def _parse(field: SettingField, text: str, origin: str) -> Any:
    try:
        return from_text(text, field.type)
    except ValueError as error:
        raise _bad_value(field, text, origin, error) from error


def _from_file(
    field: SettingField, table: Mapping[str, Any], file: ConfigFile | None
) -> tuple[Any, str] | None:
    if file is None or field.name not in table:
        return None
    try:
        return from_toml(table[field.name], field.type), f"file {file.path}"
    except ValueError as error:
        raise _bad_value(field, table[field.name], f"file {file.path}", error) from error


def _construct(cls: type[T], values: Mapping[str, Any], origins: Mapping[str, str]) -> T:
    """Run the validators; when one refuses, find the value that alone gives the same error."""
    try:
        return cls(**values)
    except ConfigError:
        raise
    except (*_REFUSALS, *_WORDLESS) as error:
        for field in fields_of(cls):
            if field.name not in values:
                continue
            try:
                cls(**{field.name: values[field.name]})
            except (*_REFUSALS, *_WORDLESS) as alone:
                if str(alone) == str(error):
                    raise _bad_value(field, values[field.name], origins[field.name], error) from error
        raise ConfigError(f"[{section_of(cls)}] {error}", key=section_of(cls)) from error


@section("data")
@attrs.frozen
class DataSettings:
    """Where everything is kept."""

    dir: Path = setting(  # noqa: RUF009 - it makes a field, as attrs.field does
        Path("data"),
        help="Folder of everything that is recorded and built: runs/, store/, day folders.",
        aliases=("data_dir",),
    )
