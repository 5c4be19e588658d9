"""Every venue has its page, which says what the plugin says, and what is unproved."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from mm_framework.contracts.sync_engine import ChecksumSpec, SequenceSpec, SyncRules


@pytest.fixture(scope="module")
def venue_pages(generate: ModuleType) -> ModuleType:
    """`docs/venue_pages.py` as a module."""
    module = generate.venue_pages
    assert isinstance(module, ModuleType)
    return module


@pytest.fixture(scope="module")
def pages(venue_pages: ModuleType) -> dict[str, str]:
    """The committed pages by name, the list of venues as ``index``."""
    return {path.stem: path.read_text(encoding="utf-8") for path in Path(venue_pages.VENUES).glob("*.md")}


def test_every_plugin_that_registers_a_venue_has_a_page_and_no_other(
    venue_pages: ModuleType, pages: dict[str, str]
) -> None:
    assert pages.keys() == {*venue_pages.venue_plugins(), "index"}
    assert {"binance", "bitfinex", "kraken", "polymarket"} <= pages.keys()


def test_the_committed_pages_equal_the_generated_ones(generate: ModuleType, pages: dict[str, str]) -> None:
    old = [name for name, text in pages.items() if generate.render(text) != text]
    assert not old, f"run `make docs` and commit: {old}"


def test_a_page_holds_the_readme_and_a_section_for_each_venue(
    venue_pages: ModuleType, pages: dict[str, str]
) -> None:
    for name, one in venue_pages.venue_plugins().items():
        assert venue_pages.readme(name).strip() in pages[name]
        for spec in venue_pages.adapters_of(one):
            section = pages[name].split(f"\n### `{spec.name}`\n")[1].split("\n### ")[0]
            adapter = venue_pages.build(spec)
            assert adapter.url in section
            for channel in adapter.channels:
                proof = "unproved" if channel.proof.kind == "none" else f"`{channel.proof}`"
                row = f"| `{channel.name}` | {channel.carries} | {proof} |"
                assert row in section, f"{spec.name}: {row}"
                assert row.split("|", 1)[1] in pages["index"]


def test_a_page_has_every_section_that_a_reader_looks_for(pages: dict[str, str]) -> None:
    """Channels, proof, fees with the date they were read, settings, known limits, documents."""
    for name in sorted(pages.keys() - {"index"}):
        headings = set(re.findall(r"^## (.+)$", pages[name], re.MULTILINE))
        assert headings >= {"Channels", "Settings", "Fees", "Documents"}, name
        assert any(heading.startswith("Known ") for heading in headings), f"{name}: no known limits"
        assert re.search(r"\b[Rr]ead 20\d\d-\d\d-\d\d\b", pages[name]), f"{name}: no date"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (None, "unproved"),
        (SyncRules(), "unproved; a crossed book is rebuilt"),
        (SyncRules(crossed="ignore"), "unproved; a crossed book is no error"),
        (
            SyncRules(checksum=ChecksumSpec(10)),
            "CRC-32 of the best 10 levels of each side, in each message; a crossed book is rebuilt",
        ),
        (
            SyncRules(checksum=ChecksumSpec(25, when="own_frame"), sequence=SequenceSpec("connection")),
            "one sequence over all frames of a connection; "
            "CRC-32 of the best 25 levels of each side, in frames of its own; a crossed book is rebuilt",
        ),
        (
            SyncRules(sequence=SequenceSpec(link="prev", bridge="rest")),
            "each update names the last number before it; snapshot over REST; a crossed book is rebuilt",
        ),
    ],
)
def test_the_proof_of_a_book_is_told_in_words(
    venue_pages: ModuleType, rules: SyncRules | None, words: str
) -> None:
    assert "; ".join(venue_pages.proof_words(rules)) == words


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("../../README.md", "[x](../index.md)"),
        ("../../docs/how-to/kernels.md#modes", "[x](../how-to/kernels.md#modes)"),
        ("../mm_kraken/README.md", "[x](kraken.md)"),
        ("../mm_toy_spread/README.md", "x"),
        ("./mm_kraken/sync.py", "x"),
    ],
)
def test_links_of_a_readme_lead_somewhere_from_the_page(
    venue_pages: ModuleType, target: str, expected: str
) -> None:
    assert venue_pages.link("x", target) == expected
