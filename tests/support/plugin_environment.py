"""An environment of its own for one plugin: it sees what this interpreter sees, and needs no network."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["PluginEnvironment"]

_MM = "from mm_framework.cli import main; main(prog_name='mm')"
_PIP = (
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--no-index",
    "--no-deps",
    "--no-build-isolation",
)


class PluginEnvironment:
    """A virtual environment in a new ``folder``."""

    def __init__(self, folder: Path) -> None:
        windows = os.name == "nt"
        venv.EnvBuilder(symlinks=not windows).create(folder)
        self.python = folder / ("Scripts/python.exe" if windows else "bin/python")
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        packages = Path(self.run(["-c", code], folder).stdout.strip())
        seen = "; ".join(f"site.addsitedir({path!r})" for path in site.getsitepackages())
        (packages / "seen.pth").write_text(f"import site; {seen}\n", encoding="utf-8")

    def install(self, folder: Path) -> None:
        """Install the project in ``folder``, as its author does: editable."""
        command = [sys.executable, "-m", "pip", "--python", str(self.python), *_PIP, "-e", str(folder)]
        subprocess.run(command, check=True, capture_output=True, timeout=240)

    def mm(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run ``mm``."""
        return self.run(["-P", "-c", _MM, *arguments], cwd)

    def pytest(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run the tests of the project in ``cwd``."""
        return self.run(["-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments], cwd)

    def run(self, arguments: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run its interpreter."""
        return subprocess.run(
            [str(self.python), *arguments], cwd=cwd, capture_output=True, text=True, timeout=240
        )
