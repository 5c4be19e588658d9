"""The reference pages are complete and equal to what the code says."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import attrs
import pytest

from mm_framework.bundle.index import index_path
from mm_framework.bundle.manifest import MANIFEST, Manifest, RunState
from mm_framework.bundle.run import CAPTURE
from mm_framework.bundle.segment import SEGMENT_HEADER_BYTES, SegmentHeader, segment_name
from mm_framework.bundle.tables import CONNECTIONS, INSTRUMENTS, RUNLOG
from mm_framework.cli import output
from mm_framework.emulator.truth import Outcome, TruthEntry
from mm_framework.model import events, orders
from mm_framework.model.frame import HEADER, FrameFlag, RecordKind
from mm_framework.model.instrument import Definition
from mm_framework.model.tops import TopEvent
from mm_framework.settings import CORE_SECTIONS, fields_of
from mm_framework.trading.results import ResultWriter

Page = Callable[[str], str]

PAGES = ("commands", "contracts", "errors", "events", "file-formats", "hooks", "relay", "settings")

WORDS = [
    "venue", "instrument", "tick size", "lot size", "book", "level", "depth", "best bid", "best offer",
    "top of book", "trade", "snapshot", "delta", "sequence", "gap", "checksum", "sync", "resync", "epoch",
    "frame", "event", "command", "maker", "taker", "time in force", "intent", "order", "fill", "inventory",
    "mark", "markout", "adverse selection", "drawdown", "venue time", "receive time",
]  # fmt: skip


@pytest.mark.parametrize("name", [*PAGES, "../explanation/sync", "../explanation/data-path"])
def test_a_committed_page_equals_the_generated_one(generate: ModuleType, page: Page, name: str) -> None:
    committed = page(name)
    fresh = generate.render(committed)
    difference = "\n".join(
        difflib.unified_diff(committed.split("\n"), fresh.split("\n"), "committed", "fresh", n=1)
    )
    assert not difference, f"run `make docs` and commit:\n{difference}"


def test_every_region_of_the_generator_is_on_a_page(generate: ModuleType) -> None:
    used = {
        m[1] for path in generate.pages() for m in generate.REGION.findall(path.read_text(encoding="utf-8"))
    }
    assert used == set(generate.REGIONS)


def test_every_hook_stands_on_its_page_with_its_arguments(generate: ModuleType, page: Page) -> None:
    text = page("hooks")
    hooks = generate.hook_functions()
    assert len(hooks) == 9
    for name, function in hooks.items():
        assert f"## `{name}`" in text
        section = text.split(f"## `{name}`")[1].split("\n## ")[0]
        for argument in inspect.signature(function).parameters:
            assert argument in section, f"argument {argument} of {name} is not documented"
        assert inspect.getdoc(function), f"{name} has no docstring"


def test_every_public_name_of_a_contract_stands_on_its_page(generate: ModuleType, page: Page) -> None:
    text = page("contracts")
    modules = [one for one in generate.api_modules() if one.__name__.startswith("mm_framework.contracts.")]
    assert len(modules) == 15
    for module in modules:
        of_module = module.__name__.rpartition(".")[2]
        section = text.split(f"\n## `contracts.{of_module}`\n")[1].split("\n## ")[0]
        for name in module.__all__:
            defined = getattr(module, name)
            if not inspect.isclass(defined) or defined.__module__ != module.__name__:
                assert name in section
                continue
            own = section.split(f"### `{of_module}.{name}`\n")[1].split("\n### ")[0]
            for member in (*inspect.get_annotations(defined), *vars(defined)):
                assert member.startswith("_") or re.search(rf"\b{member}\b", own), f"{name}.{member}"


def test_every_setting_stands_on_its_page_with_flag_variable_and_help(
    generate: ModuleType, page: Page
) -> None:
    text = page("settings")
    sections = generate.settings_classes()
    assert sections.keys() >= CORE_SECTIONS.keys()
    for section, cls in sections.items():
        assert f"## `[{section}]`" in text
        rows = text.split(f"## `[{section}]`")[1].split("\n## ")[0]
        for field in fields_of(cls):
            assert field.help, f"{field.key} has no help"
            for name in (field.name, field.flag, field.variable, *field.aliases):
                assert f"`{name}`" in rows, f"{name} of {field.key} is not documented"


def test_every_variable_that_the_code_reads_stands_on_the_settings_page(page: Page, repository: Path) -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in repository.glob("mm_framework/**/*.py"))
    variables = set(re.findall(r'"(MM_[A-Z_]+)"', source))
    assert {"MM_CONFIG", "MM_LOAD_PLUGINS"} <= variables
    assert not {name for name in variables if f"`{name}`" not in page("settings")}


def test_every_error_class_stands_on_its_page_with_its_exit_code(generate: ModuleType, page: Page) -> None:
    text = page("errors")
    for cls in generate.error_classes():
        row = next((line for line in text.splitlines() if line.startswith(f"| `{cls.__name__}` |")), "")
        assert f"| {cls.exit_code} |" in row, f"{cls.__name__}: {row!r}"


def test_every_exit_code_is_explained(generate: ModuleType, page: Page) -> None:
    text = page("errors")
    of_the_shell = {value for name, value in vars(output).items() if name.startswith("EXIT_")}
    for exit_code in {0} | of_the_shell | {cls.exit_code for cls in generate.error_classes()}:
        assert f"\n| {exit_code} | " in text


@pytest.mark.parametrize(
    "codes",
    [
        *(events.Kind, events.RowFlag, events.MessageFlag, events.SyncState, events.Reason),
        *(orders.IntentKind, orders.OrderState, orders.Refusal, orders.Side),
        *(orders.TimeInForce, orders.Urgency),
    ],
    ids=lambda c: c.__name__,
)
def test_every_code_of_the_data_stands_on_the_event_page(page: Page, codes: type[events.Kind]) -> None:
    section = page("events").split(f"### {codes.__name__}\n")[1].split("\n### ")[0]
    for member in codes:
        assert f"| {member.value} | `{member.name}` |" in section


def test_every_kind_of_row_says_what_its_columns_mean(page: Page) -> None:
    section = page("events").split("## What the columns mean")[1].split("\n## ")[0]
    for kind in events.Kind:
        assert f"`{kind.name}`" in section


@pytest.mark.parametrize("codes", [RecordKind, FrameFlag], ids=lambda c: c.__name__)
def test_every_code_of_a_record_stands_on_the_format_page(page: Page, codes: type[RecordKind]) -> None:
    for member in codes:
        assert f"| {member.value} | `{member.name}` |" in page("file-formats")


def test_every_kind_of_record_says_what_its_payload_is(page: Page) -> None:
    section = page("file-formats").split("## Payloads")[1].split("\n## ")[0]
    for kind in RecordKind:
        assert f"`{kind.name}`" in section


def test_every_file_of_a_bundle_stands_on_the_format_page(page: Page) -> None:
    section = page("file-formats").split("## The run bundle")[1].split("\n## ")[0]
    for name in (MANIFEST, RUNLOG, INSTRUMENTS, CONNECTIONS, segment_name(0, 0), segment_name(0, 1)):
        assert re.search(rf"^\| `(capture/)?{re.escape(name)}` \|", section, re.MULTILINE), name
    assert f"| `{CAPTURE}/{index_path(Path(segment_name(0, 0))).name}` |" in section


@pytest.mark.parametrize(("cls", "heading"), [(Manifest, "The manifest"), (Definition, "The tables")])
def test_every_key_of_a_table_stands_on_the_format_page(page: Page, cls: type[Any], heading: str) -> None:
    section = page("file-formats").split(f"## {heading}")[1].split("\n## ")[0]
    missing = [field.name for field in attrs.fields(cls) if f"`{field.name}`" not in section]
    assert not missing


def test_every_column_of_the_result_files_stands_on_the_format_page(page: Page) -> None:
    section = page("file-formats").split("## Results of a run")[1].split("\n## ")[0]
    writer = inspect.getsource(ResultWriter)
    columns = set(re.findall(r'^ {12}"(\w+)":', writer, re.MULTILINE)) | set(TopEvent._fields)
    assert {"strategy_id", "refusal", "fee", "bid_px_e6"} <= columns
    assert not {column for column in columns if f"`{column}`" not in section}


def test_every_key_of_the_truth_log_stands_on_the_format_page(page: Page) -> None:
    section = page("file-formats").split("## The truth log")[1].split("\n## ")[0]
    words = (*TruthEntry._fields, *Outcome)
    assert not [word for word in words if f"`{word}`" not in section]


def test_every_state_of_a_run_stands_on_the_format_page(page: Page) -> None:
    for state in get_args(RunState):
        assert f"`{state}`" in page("file-formats")


def test_the_format_page_gives_the_layouts_that_the_code_writes(page: Page) -> None:
    text = page("file-formats")
    assert "| 0 | 8 bytes | magic `MMFRAMES` |" in text
    assert SegmentHeader(0, 0, 0, 0, 0).encode()[:10] == b"MMFRAMES\x01\x00"
    assert HEADER.size == 32
    assert "| 32 | bytes | payload |" in text
    assert f"| {SEGMENT_HEADER_BYTES - 4} | `u4` | CRC-32" in text


@pytest.mark.parametrize("word", WORDS)
def test_every_word_of_the_house_stands_in_the_glossary(page: Page, word: str) -> None:
    assert f"**{word}**" in page("glossary")


def test_no_public_name_is_removed_or_changed_and_new_ones_are_recorded(generate: ModuleType) -> None:
    """`docs/reference/api.txt` is what plugins rely on; a change of it is a deliberate step."""
    recorded = Path(generate.API).read_text(encoding="utf-8").splitlines()
    present = generate.api_lines()
    gone = sorted(set(recorded) - set(present))
    new = sorted(set(present) - set(recorded))
    assert not gone, f"removed or changed; plugins need a new major version of the API: {gone}"
    assert not new, f"new public names; accept them with `python docs/generate.py --api`: {new}"
