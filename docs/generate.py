"""Fill the generated parts of pages, and draw, from code and measurements, so that they cannot drift.

    python docs/generate.py           write the pages (`make docs` does)
    python docs/generate.py --api     also accept the present public names and signatures into api.txt

A page holds hand-written text and regions between ``<!-- generated: NAME -->`` and ``<!-- end -->``;
`REGIONS` gives the function that writes each. A test compares the committed pages with a fresh run.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import aim_pages
import click
import contract_pages
import drawings
import notebook_pages
import relay_pages
import rest_pages
import speed_pages
import venue_pages

if TYPE_CHECKING:
    from mm_framework.errors import MMError

DOCS = Path(__file__).resolve().parent
API = DOCS / "reference" / "api.txt"
API_PACKAGES = ("contracts", "model", "sync", "testing")
REGION = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; bars and line breaks inside cells are made harmless."""
    lines: list[Sequence[object]] = [header, ["---"] * len(header), *rows]
    cells = [[re.sub(r"\s+", " ", str(cell)).replace("|", "\\|").strip() for cell in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells) + "\n"


def code(text: object) -> str:
    """Inline code, or an empty cell for None and the empty string."""
    return f"`{text}`" if text not in (None, "") else ""


# ---- commands --------------------------------------------------------------------------------------


def walk_commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    """Every visible command below ``command``, as ``("mm plugins list", command)``, in its own order."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path[-1])
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden:
                yield from walk_commands(found, (*path, name))


def all_commands() -> list[tuple[str, click.Command]]:
    """`walk_commands` from ``mm``."""
    from mm_framework.cli import main

    return list(walk_commands(main, ("mm",)))


def visible_options(command: click.Command) -> list[click.Option]:
    """The options that ``--help`` shows."""
    return [p for p in command.params if isinstance(p, click.Option) and not p.hidden]


def option_names(option: click.Option) -> str:
    """``--offline / --no-offline``, ``-n, --count``."""
    return " / ".join(filter(None, (", ".join(option.opts), ", ".join(option.secondary_opts))))


def default_of(option: click.Option) -> str:
    """The default in words; empty when there is none to show."""
    value = option.default
    if (
        value is None
        or callable(value)
        or value is False
        or value == ()
        or "Sentinel" in type(value).__name__
    ):
        return ""
    return code("on" if value is True else value)


def commands() -> str:
    """One section a command: what it does, how it is called, its arguments and options."""
    parts = []
    for path, command in all_commands():
        context = click.Context(command, info_name=path)
        usage = " ".join(command.collect_usage_pieces(context))
        text = inspect.cleandoc(command.help or command.short_help or "").replace("\b\n", "")
        parts.append(f"## `{path}`\n\n{text}\n\n```text\n{path} {usage}\n```\n")
        rows = [(code(option_names(o)), o.help or "", default_of(o)) for o in visible_options(command)]
        if rows:
            parts.append(table(("option", "meaning", "default"), rows))
        if command.epilog:
            parts.append(inspect.cleandoc(command.epilog) + "\n")
    return "\n".join(parts)


# ---- settings --------------------------------------------------------------------------------------


def settings_classes() -> dict[str, type[Any]]:
    """Section -> class, of the core and of the plugins in this repository."""
    from mm_framework.plugins import PluginSettings, load_plugins
    from mm_framework.settings import import_core_sections, section_of

    ours = {"mm_framework", *(path.parent.name for path in DOCS.parent.glob("plugins/*/pyproject.toml"))}
    offered = load_plugins(PluginSettings()).settings_classes()
    plugins = {section_of(cls): cls for cls in offered if cls.__module__.split(".")[0] in ours}
    return import_core_sections() | dict(sorted(plugins.items()))


def settings() -> str:
    """One table a section: the names of each setting, its default and its meaning."""
    from mm_framework.settings import fields_of
    from mm_framework.values import to_json

    parts = []
    for section, cls in settings_classes().items():
        parts.append(f"## `[{section}]`\n\n{first_paragraph(cls)}\n")
        rows = [
            (
                code(field.name),
                " / ".join(code(flag) for flag in (field.flag, field.off_flag) if flag),
                code(field.variable),
                " ".join(code(alias) for alias in field.aliases),
                "" if field.default is None else code(json.dumps(to_json(field.default))),
                field.help,
            )
            for field in fields_of(cls)
        ]
        parts.append(table(("key", "flag", "variable", "earlier names", "default", "meaning"), rows))
    return "\n".join(parts)


# ---- errors, hooks, codes, states ------------------------------------------------------------------


def first_paragraph(thing: object) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def error_classes() -> list[type[MMError]]:
    """The error tree, parents first."""
    from mm_framework.errors import MMError

    def below(cls: type[MMError]) -> Iterator[type[MMError]]:
        yield cls
        for child in sorted(cls.__subclasses__(), key=lambda c: c.__name__):
            if child.__module__ == cls.__module__:
                yield from below(child)

    return list(below(MMError))


def errors() -> str:
    """Each class with its parent, its exit code and its meaning."""
    rows = [
        (code(cls.__name__), code(cls.__mro__[1].__name__), cls.exit_code, first_paragraph(cls))
        for cls in error_classes()
    ]
    return table(("class", "is a", "exit code", "meaning"), rows)


def hook_functions() -> dict[str, Callable[..., object]]:
    """The hook specifications by name, in the order of the file."""
    from mm_framework import hookspecs

    return {n: f for n, f in vars(hookspecs).items() if n.startswith("mm_") and inspect.isfunction(f)}


def hooks() -> str:
    """Each hook with its signature and its documentation."""
    parts = []
    for name, function in hook_functions().items():
        declared = f"```python\ndef {name}{signature(function)}: ...\n```"
        parts.append(f"## `{name}`\n\n{declared}\n\n{inspect.getdoc(function)}\n")
    return "\n".join(parts)


def enum_table(cls: type[enum.IntEnum] | type[enum.IntFlag]) -> str:
    """Code and name of each member."""
    return table(("code", "name"), [(member.value, code(member.name)) for member in cls])


def event_codes() -> str:
    """The tables of numeric codes."""
    from mm_framework.model import events

    classes = (events.Kind, events.RowFlag, events.MessageFlag, events.SyncState)
    parts = [f"### {cls.__name__}\n\n{first_paragraph(cls)}\n\n{enum_table(cls)}" for cls in classes]
    reasons = [(r.value, code(r.name), "planned" if r in events.PLANNED else "") for r in events.Reason]
    text = first_paragraph(events.Reason)
    parts.append(f"### Reason\n\n{text}\n\n" + table(("code", "name", "class"), reasons))
    return "\n".join(parts)


def order_codes() -> str:
    """The tables of codes of intents and orders."""
    from mm_framework.model import orders

    names = ("Side", "TimeInForce", "Urgency", "IntentKind", "OrderState", "Refusal")
    classes = [getattr(orders, name) for name in names]
    return "\n".join(f"### {cls.__name__}\n\n{first_paragraph(cls)}\n\n{enum_table(cls)}" for cls in classes)


def layouts() -> str:
    """Offset, type and name of each field of a row and of a message."""
    from mm_framework.model import events

    parts = []
    for title, dtype in (("Row", events.row_dtype()), ("Message", events.message_dtype())):
        fields = dict(dtype.fields or {})
        rows = [
            (fields[name][1], code(fields[name][0].str.lstrip("<|")), code(name))
            for name in dtype.names or ()
        ]
        parts.append(f"### {title}: {dtype.itemsize} bytes\n\n" + table(("offset", "type", "field"), rows))
    return "\n".join(parts)


def records() -> str:
    """Kinds and flags of log records."""
    from mm_framework.model.frame import FrameFlag, RecordKind

    return f"{enum_table(RecordKind)}\nFlags of a record:\n\n{enum_table(FrameFlag)}"


def state_table(transitions: drawings.Table, kinds: type[enum.Enum]) -> str:
    """A state table, a column a trigger, and what the triggers mean."""
    grid = table(
        ("state", *(code(t.name) for t in kinds)),
        [
            (code(old.name), *(code(row[t].name) if t in row else "-" for t in kinds))
            for old, row in transitions.items()
        ],
    )
    return f"{grid}\n" + table(("trigger", "meaning"), [(code(t.name), t.value) for t in kinds])


def states() -> str:
    """The states of a book; the drawing beside it is of the same table."""
    from mm_framework.sync.state import TRANSITIONS, Trigger

    return state_table(TRANSITIONS, Trigger)


def order_states() -> str:
    """The states of an order; the drawing beside it is of the same table."""
    from mm_framework.trading.order_states import TRANSITIONS, OrderTrigger

    return state_table(TRANSITIONS, OrderTrigger)


REGIONS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "settings": settings,
    "errors": errors,
    "hooks": hooks,
    "contracts": contract_pages.contracts,
    "event-codes": event_codes,
    "order-codes": order_codes,
    "layouts": layouts,
    "records": records,
    "states": states,
    "order-states": order_states,
    "rooms": partial(drawings.rooms, table),
    "relay-messages": partial(relay_pages.messages, table),
    "rest-operations": partial(rest_pages.operations, table),
    "metrics-question": partial(rest_pages.question, table),
    "serve-metrics": partial(rest_pages.metrics, table),
    **notebook_pages.regions(),
    **venue_pages.regions(table),
    **speed_pages.regions(table),
    **aim_pages.regions(table),
}


# ---- the snapshot of the public interface ----------------------------------------------------------


class _Text:
    """Printed as it is: an annotation that is text already keeps no quotes."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def signature(thing: Callable[..., object]) -> str:
    """``inspect.signature`` as text, without the addresses of default objects; ``(...)`` if unknown."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return "(...)"

    def plain(kind: object) -> object:
        return _Text(kind) if isinstance(kind, str) else kind

    parameters = [p.replace(annotation=plain(p.annotation)) for p in found.parameters.values()]
    found = found.replace(parameters=parameters, return_annotation=plain(found.return_annotation))
    return re.sub(r" at 0x[0-9a-f]+", "", str(found))


def api_modules() -> Iterator[ModuleType]:
    """Every public module of the packages that plugins may rely on."""
    for package_name in API_PACKAGES:
        package = importlib.import_module(f"mm_framework.{package_name}")
        yield package
        for found in sorted(
            pkgutil.walk_packages(package.__path__, f"{package.__name__}."), key=lambda m: m.name
        ):
            if not any(part.startswith("_") for part in found.name.split(".")):
                yield importlib.import_module(found.name)


def describe(name: str, thing: object) -> Iterator[str]:
    """The lines of one public name: a class with its public members, a function, or just the name."""
    if inspect.isclass(thing):
        bases = ", ".join(base.__name__ for base in thing.__bases__ if base is not object)
        yield f"{name}({bases})" if bases else name
        if issubclass(thing, enum.Enum):
            yield from (f"{name}.{member.name} = {member.value!r}" for member in thing)
            return
        if not getattr(thing, "_is_protocol", False) and "__init__" in vars(thing):
            yield f"{name}.__init__{signature(thing.__init__)}"
        for member, value in sorted(vars(thing).items()):
            if not member.startswith("_") and (
                inspect.isfunction(value) or isinstance(value, classmethod | staticmethod)
            ):
                yield f"{name}.{member}{signature(getattr(thing, member))}"
            elif not member.startswith("_") and isinstance(value, property):
                yield f"{name}.{member}: property"
        for member, kind in sorted(inspect.get_annotations(thing).items()):
            if not member.startswith("_"):
                yield f"{name}.{member}: {getattr(kind, '__forward_arg__', kind)}"
    elif inspect.isroutine(thing):
        yield f"{name}{signature(thing)}"
    else:
        yield name


def api_lines() -> list[str]:
    """The public interface of `API_PACKAGES`, one name or member a line."""
    lines: list[str] = []
    for module in api_modules():
        for name in sorted(getattr(module, "__all__", ())):
            lines += describe(f"{module.__name__}.{name}", getattr(module, name))
    return lines


# ---- writing ---------------------------------------------------------------------------------------


def pages() -> list[Path]:
    """The pages that have a generated region, the README among them."""
    found = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]
    return [page for page in found if REGION.search(page.read_text(encoding="utf-8"))]


def render(text: str) -> str:
    """A page with its regions written anew."""
    return REGION.sub(lambda m: f"{m[1]}\n{REGIONS[m[2]]().strip()}\n\n{m[3]}", text)


def main(arguments: list[str]) -> None:
    """Write every page and drawing that changed and say which."""
    for page in pages():
        old = page.read_text(encoding="utf-8")
        new = render(old)
        if new != old:
            page.write_text(new, encoding="utf-8", newline="\n")
            print(f"wrote {page.relative_to(DOCS.parent)}")
    for name, drawing in drawings.DRAWINGS.items():
        picture = drawings.PICTURES / name
        text = drawing()
        if not picture.exists() or picture.read_text(encoding="utf-8") != text:
            picture.write_text(text, encoding="utf-8", newline="\n")
            print(f"wrote {picture.relative_to(DOCS.parent)}")
    if "--api" in arguments:
        API.write_text("\n".join(api_lines()) + "\n", encoding="utf-8", newline="\n")
        print(f"wrote {API.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    main(sys.argv[1:])
