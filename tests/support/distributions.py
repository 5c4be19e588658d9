"""Throw-away distributions: built as wheels and installed by pip into a folder, for real."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import attrs

__all__ = ["Distribution", "install"]


@attrs.frozen
class Distribution:
    """A distribution of one module, with its source, and one entry point that names the module."""

    name: str
    source: str
    entry_point: str
    group: str = "mm_framework.v1"
    requires: str = "mm-framework"
    version: str = "1.0"

    @property
    def module(self) -> str:
        """The module's name."""
        return self.name.replace("-", "_")

    def wheel(self, folder: Path) -> Path:
        """Write the wheel."""
        info = f"{self.module}-{self.version}.dist-info"
        files = {
            f"{self.module}.py": textwrap.dedent(self.source),
            f"{info}/METADATA": (
                f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n"
                f"Requires-Dist: {self.requires}\n"
            ),
            f"{info}/WHEEL": (
                "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            ),
            f"{info}/entry_points.txt": f"[{self.group}]\n{self.entry_point} = {self.module}\n",
        }
        record = "".join(f"{name},{_digest(text)},{len(text.encode())}\n" for name, text in files.items())
        path = folder / f"{self.module}-{self.version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for name, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
                wheel.writestr(name, text)
        return path


def install(distributions: list[Distribution], folder: Path) -> Path:
    """Install all into ``folder / "site"``, by one call of pip without network; returns that folder."""
    site = folder / "site"
    wheels = [str(distribution.wheel(folder)) for distribution in distributions]
    options = [
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-index",
        "--no-compile",
    ]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(site), *wheels], check=True
    )
    return site


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
