"""Build a release: wheels of the core and every plugin, their hashes, and a bill of what they need.

    make release ARGS="--out DIR --audit"

``dist/`` then holds the wheels, ``SHA256SUMS``, ``sbom.json`` (CycloneDX, of an environment that has all of
them and every extra) and ``CHANGES.md``, gathered from the fragments. ``--audit`` also asks the public
database of known vulnerabilities about each dependency, and ends with 1 when it names one.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from environments import ROOT, build_wheel, copy_source, interpreter, make_environment, third_party

TOOLS = ("cyclonedx-bom", "pip-audit")
KINDS = ("security", "added", "changed", "deprecated", "removed", "fixed")


def changes(folder: Path) -> str:
    """The fragments of ``folder`` under a heading a kind, those of a kind by name."""
    parts = []
    for kind in KINDS:
        found = sorted(folder.glob(f"*.{kind}.md"))
        if found:
            parts.append(
                f"### {kind.capitalize()}\n\n" + "\n".join(f"- {one.read_text().strip()}" for one in found)
            )
    return "\n\n".join(parts) + "\n"


def sums(folder: Path) -> str:
    """A line of ``sha256sum`` for each file of ``folder``."""
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())
    )


def main() -> int:
    """Build into an empty folder; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="emptied first (dist/)")
    parser.add_argument(
        "--audit", action="store_true", help="ask for known vulnerabilities; needs the internet"
    )
    given = parser.parse_args()
    out, work = given.out.resolve(), ROOT / "build" / "release"
    for folder in (out, work):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    projects = [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
    copy_source(work / "source")
    for project in projects:
        print(f"building {project.name if project != ROOT else 'the core'}", flush=True)
        wheel = build_wheel(work / "source" / project.relative_to(ROOT), work / "wheels" / project.name)
        shutil.copy(wheel, out)
    print("installing what they need", flush=True)
    runtime, extras = third_party(projects)
    python = make_environment(work / "environment", [*runtime, *extras])
    tools = make_environment(work / "tools", TOOLS)
    wheels = sorted(map(str, out.glob("*.whl")))
    pip = (str(python), "-m", "pip", "install", "-qq", "--no-index", "--no-deps")
    subprocess.run([*pip, *wheels], check=True)
    bill = (str(tools), "-m", "cyclonedx_py", "environment", "--of", "JSON", "--output-reproducible")
    subprocess.run([*bill, "-o", str(out / "sbom.json"), str(interpreter(work / "environment"))], check=True)
    (out / "CHANGES.md").write_text(changes(ROOT / "changelog.d"))
    (out / "SHA256SUMS").write_text(sums(out))
    print(f"{len(wheels)} wheels in {out}", flush=True)
    if not given.audit:
        return 0
    freeze = [str(python), "-m", "pip", "freeze"]
    packages = subprocess.run(freeze, check=True, capture_output=True, text=True).stdout.splitlines()
    frozen = work / "frozen.txt"
    frozen.write_text("".join(f"{line}\n" for line in packages if "==" in line))
    audit = (str(tools), "-m", "pip_audit", "--no-deps", "--disable-pip", "-r", str(frozen))
    return subprocess.run(audit).returncode


if __name__ == "__main__":
    sys.exit(main())
