"""The pages of notebooks: their cells as text and code, without what running them prints.

`generate.py` writes them into the regions ``notebook-NAME`` of ``notebooks/NAME.md``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

__all__ = ["NOTEBOOKS", "code_cells", "page_of", "regions"]

NOTEBOOKS = Path(__file__).resolve().parent / "notebooks"


def regions() -> dict[str, Callable[[], str]]:
    """The functions that write the regions."""
    return {f"notebook-{path.stem}": partial(page_of, path) for path in sorted(NOTEBOOKS.glob("*.ipynb"))}


def page_of(notebook: Path) -> str:
    """All cells, in order."""
    shown = {"markdown": "{}", "code": "```python\n{}\n```"}
    return "\n\n".join(shown[kind].format(text) for kind, text in _cells(notebook))


def code_cells(notebook: Path) -> list[str]:
    """What is run, cell by cell."""
    return [text for kind, text in _cells(notebook) if kind == "code"]


def _cells(notebook: Path) -> list[tuple[str, str]]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
