"""A research result as JSON, Markdown and HTML: the same facts three times, in one folder of their own.

    document["id"] = "features-" + the first 12 hex of the SHA-256 of all the rest
    data/research/<id>/research.json · research.md · research.html

The folder's name follows from its content: the same data, settings and version give the same bytes in the
same place, and another result never replaces one.
"""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from mm_framework import __version__
from mm_framework.bundle.disk import replace_file, writing

__all__ = ["FORMAT", "Section", "document_of", "number", "to_html", "to_markdown", "write"]

FORMAT: Final = "mm-research/1"

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#24292f}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;border-bottom:1px solid #e4e7eb;"
    "text-align:right}td:first-child,th:first-child{text-align:left}h1{font-size:1.5rem}h2{font-size:1.15rem}"
    "@media(prefers-color-scheme:dark){body{background:#14181d;color:#e6e9ed}td,th{border-color:#2c333b}}"
)


@attrs.frozen
class Section:
    """A heading, then sentences, then a table; each may be missing."""

    title: str
    lines: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def document_of(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """The document of a result with its format, version and id."""
    told = {"format": FORMAT, "kind": kind, "made_by": f"mm-framework {__version__}", **body}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return {**told, "id": f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"}


def write(folder: Path, document: dict[str, Any], title: str, sections: Sequence[Section]) -> list[Path]:
    """The three files in ``folder``, each at once. Raises EnvironmentFailed."""
    texts = {
        "research.json": json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n",
        "research.md": to_markdown(title, sections),
        "research.html": to_html(title, sections),
    }
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            replace_file(folder / name, text.encode())
    return [folder / name for name in texts]


def to_markdown(title: str, sections: Sequence[Section]) -> str:
    """The page as Markdown."""
    parts = [f"# {title}"]
    for section in sections:
        parts += [f"## {section.title}", *("- " + line for line in section.lines)]
        if section.header:
            parts.append(
                "\n".join(
                    "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
                    for row in (section.header, ("---",) * len(section.header), *section.rows)
                )
            )
    return _spaced(parts)


def _spaced(parts: Sequence[str]) -> str:
    """Parts with an empty line between them; items of one list without."""
    text = ""
    for part in parts:
        joined = part.startswith("- ") and text.rpartition("\n")[2].startswith("- ")
        text += ("" if not text else "\n" if joined else "\n\n") + part
    return text + "\n"


def to_html(title: str, sections: Sequence[Section]) -> str:
    """The page as one HTML file that needs nothing else."""
    parts = [f"<h1>{html.escape(title)}</h1>"]
    for section in sections:
        parts.append(f"<h2>{html.escape(section.title)}</h2>")
        if section.lines:
            parts.append(
                "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in section.lines) + "</ul>"
            )
        if section.header:
            rows = [_row("th", section.header), *(_row("td", row) for row in section.rows)]
            parts.append("<table>" + "".join(rows) + "</table>")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def number(value: float | None, digits: int = 4) -> str:
    """A number for a table; ``-`` for none."""
    return "-" if value is None else f"{value:.{digits}f}"
