"""Who loads kernels: what a process does with a warm, a cold, a busy, a damaged and an unusable cache.

Most tests run processes of their own on a copy of the package with two small kernels in place of ours,
which compile in half a second; loader, cache and compiler are the real ones.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mm_framework
from mm_framework.kernels import loader
from mm_framework.kernels.mode import mode

pytest.importorskip("numba", reason="needs numba, which this platform has no wheel of")
if mode() == "off":
    pytest.skip("MM_KERNELS=off: no kernels are loaded", allow_module_level=True)

PACKAGE = Path(mm_framework.__file__).parent

PARTS = """
from mm_framework.kernels.jit import helper
FACTOR = 3

@helper
def scaled(value):
    return value * FACTOR
"""
TINY = """
from mm_framework.kernels.jit import kernel
from mm_framework.kernels.parts import scaled

@kernel
def triple(value):
    return scaled(value)

@kernel
def difference(one, other):
    return one - other
"""
BEGIN = """
import json, sys
import attrs
from mm_framework.kernels import loader
loader.KERNEL_MODULES = ("tiny",)
def report(**more):
    values = None
    if loader.active():
        from mm_framework.kernels import tiny
        values = [tiny.triple(5), tiny.difference(5, 3)]
    print(json.dumps({**attrs.asdict(loader.status()), "values": values, **more}))
"""
# Stops before the kernel of this name until a line comes in.
STOP = """
from mm_framework.kernels.jit import Kernel
build = Kernel.build
def stopping(self, **options):
    if self.name == "tiny.difference":
        print("stopped", flush=True)
        sys.stdin.readline()
    return build(self, **options)
Kernel.build = stopping
"""
MM = "from mm_framework.cli import main; main({})"


class Machine:
    """A copy of the package, and a cache folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache, self.package = folder, folder / "cache", folder / "copy" / "mm_framework"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PACKAGE, self.package, ignore=ignored)
        kept = {"__init__.py", "cache.py", "jit.py", "loader.py", "memory.py", "mode.py", "native.py"}
        for path in (self.package / "kernels").iterdir():
            if path.name not in kept:
                path.unlink()
        (self.package / "kernels" / "parts.py").write_text(PARTS)
        (self.package / "kernels" / "tiny.py").write_text(TINY)

    def start(self, code: str, package: Path | None = None, **variables: str) -> subprocess.Popen[str]:
        """Run code in a process that imports the copy (or another one)."""
        path = os.pathsep.join(
            [str((package or self.package).parent), *filter(None, [variables.pop("PYTHONPATH", "")])]
        )
        env = {name: value for name, value in os.environ.items() if not name.startswith(("MM_", "NUMBA_"))}
        env |= {"PYTHONPATH": path, "MM_KERNEL_CACHE": str(self.cache), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.Popen(
            [sys.executable, "-c", BEGIN + code],
            env=env | variables,
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, code: str = "report()", package: Path | None = None, **variables: str) -> dict[str, Any]:
        """Its report, with ``err``: the lines on stderr."""
        return finish(self.start(code, package, **variables))


def finish(process: subprocess.Popen[str], line: str = "") -> dict[str, Any]:
    """Give it a line and wait for its report."""
    out, err = process.communicate(line, timeout=240)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return {**json.loads(out.splitlines()[-1]), "err": err.splitlines()}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """With a cold cache."""
    return Machine(tmp_path)


@pytest.fixture(scope="module")
def _warmed(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    machine = Machine(tmp_path_factory.mktemp("warmed"))
    found = machine.run()
    assert (found["state"], found["compiled"], found["values"]) == ("loaded", 2, [15, 2])
    assert len(found["err"]) == 1
    assert re.fullmatch(r"note: compiling the kernels, once for this machine: about \d+ s", found["err"][0])
    return machine


@pytest.fixture
def warmed(_warmed: Machine, tmp_path: Path) -> Machine:
    """With a cache that another process has filled; a copy, which a test may spoil."""
    machine = Machine.__new__(Machine)
    shutil.copytree(_warmed.folder, tmp_path / "machine")
    machine.folder = tmp_path / "machine"
    machine.cache, machine.package = machine.folder / "cache", machine.folder / "copy" / "mm_framework"
    return machine


def is_warm(found: dict[str, Any]) -> bool:
    """It ran compiled code and compiled none."""
    return (found["state"], found["compiled"], found["values"], found["err"]) == ("loaded", 0, [15, 2], [])


def test_another_process_and_a_copy_where_nothing_can_be_written_share_one_compile(warmed: Machine) -> None:
    assert is_warm(found := warmed.run())
    assert (found["kernels"], found["specialisations"]) == (2, 2)
    assert found["seconds"] > 0
    clone = warmed.folder / "another place" / "mm_framework"
    shutil.copytree(warmed.package, clone)
    for path in [*clone.rglob("*"), clone, *warmed.cache.iterdir()]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(clone.rglob("*"))
    elsewhere = warmed.run(package=clone)
    assert is_warm(elsewhere)
    assert elsewhere["key"] == found["key"]
    assert sorted(clone.rglob("*")) == before


def test_code_of_an_edited_source_is_not_used(warmed: Machine) -> None:
    """A constant of a helper in another module is frozen into the code of a kernel."""
    path = warmed.package / "kernels" / "parts.py"
    path.write_text(PARTS.replace("FACTOR = 3", "FACTOR = 100"))
    found = warmed.run("report(before=loader.status().state)")
    assert (found["before"], found["compiled"], found["values"]) == ("cold", 2, [500, 2])


def test_another_mode_has_code_of_its_own(warmed: Machine) -> None:
    found = warmed.run("report(before=loader.status().state)", MM_KERNELS="checked")
    assert (found["mode"], found["before"], found["values"]) == ("checked", "cold", [15, 2])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(bytes(content))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def replaced(path: Path) -> None:
    path.write_bytes(pickle.dumps(("0.68.1", {"valid": "pickle"})))


@pytest.mark.parametrize(
    ("names", "compiled"),
    [
        ({"tiny.triple.o": flipped}, 1),
        ({"tiny.triple.o": truncated, "tiny.difference.o": replaced}, 2),
        ({"stamp.json": flipped}, 2),
    ],
)
def test_damaged_files_are_compiled_anew(
    warmed: Machine, names: dict[str, Callable[[Path], None]], compiled: int
) -> None:
    for name, damage in names.items():
        for path in warmed.cache.glob(f"*/{name}"):
            damage(path)
    found = warmed.run()
    assert (found["state"], found["compiled"], found["values"]) == ("loaded", compiled, [15, 2])


@pytest.fixture
def compiling(machine: Machine) -> Iterator[subprocess.Popen[str]]:
    """A process that has compiled one of two kernels and stands before the other."""
    with machine.start(STOP + "report()") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stopped\n"
        yield process
        process.kill()


def test_two_cold_processes_do_not_both_compile(machine: Machine, compiling: subprocess.Popen[str]) -> None:
    found = machine.run()
    assert (found["state"], found["values"], found["compiled"]) == ("cold", None, 0)
    assert found["err"] == [
        "note: another process is compiling the kernels; this one uses the reference path"
    ]
    first = finish(compiling, "go on\n")
    assert (first["state"], first["compiled"], first["values"]) == ("loaded", 2, [15, 2])


def test_a_killed_compile_harms_nothing_and_the_next_one_goes_on(
    machine: Machine, compiling: subprocess.Popen[str]
) -> None:
    compiling.kill()
    compiling.wait(10)
    assert set(machine.run(MM.format(["warmup", "--json"]))["built"]) == {"tiny.difference"}
    assert is_warm(machine.run())


def test_warmup_waits_for_the_process_that_compiles(
    machine: Machine, compiling: subprocess.Popen[str]
) -> None:
    with machine.start("print(json.dumps({'seconds': loader.warm()}))") as waiting:
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == "note: another process is compiling the kernels; waiting for it\n"
        finish(compiling, "go on\n")
        assert finish(waiting)["seconds"] == {}


def test_a_cache_folder_that_cannot_be_made_costs_a_compile_and_a_line(machine: Machine) -> None:
    machine.cache.write_text("a file")
    found = machine.run()
    assert (found["state"], found["compiled"], found["values"]) == ("loaded", 2, [15, 2])
    (line,) = found["err"]
    assert line.startswith("note: the compiled kernels serve this process alone, they cannot be kept: ")
    assert str(machine.cache) in line
    assert found["reason"] in line


@pytest.mark.skipif(sys.platform == "win32", reason="the size of files is limited on POSIX only")
def test_a_full_disk_costs_a_compile_and_a_line(machine: Machine) -> None:
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"
    found = machine.run(full + "report()")
    assert (found["state"], found["compiled"], found["values"]) == ("loaded", 2, [15, 2])
    assert [line[:34] for line in found["err"]] == [
        "note: compiling the kernels, once ",
        "note: the compiled kernels serve t",
    ]
    assert machine.run()["compiled"] == 2


@pytest.mark.parametrize(
    ("module", "content"),
    [
        ("numba", "raise ImportError('needs another\\nnumpy')"),
        ("llvmlite", "raise OSError('libLLVM.so: not found')"),
    ],
)
def test_a_broken_compiler_means_the_reference_path_and_one_line(
    machine: Machine, module: str, content: str
) -> None:
    broken = machine.folder / "broken"
    (broken / module).mkdir(parents=True)
    (broken / module / "__init__.py").write_text(content)
    found = machine.run(PYTHONPATH=str(broken))
    assert (found["state"], found["values"]) == ("unavailable", None)
    (line,) = found["err"]
    assert (
        line == f"note: the kernels cannot be used, the reference path takes their place: {found['reason']}"
    )


def test_a_compiler_that_is_switched_off_means_the_reference_path(machine: Machine) -> None:
    found = machine.run(NUMBA_DISABLE_JIT="1")
    assert (found["state"], found["values"], len(found["err"])) == ("unavailable", None, 1)
    assert "NUMBA_DISABLE_JIT is set" in found["reason"]


def test_only_what_compiles_imports_numba(warmed: Machine) -> None:
    modules = "report(numba='numba' in sys.modules)"
    assert warmed.run(modules)["numba"] is False
    broken = warmed.folder / "broken" / "numba"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('needs another numpy')")
    assert is_warm(warmed.run(PYTHONPATH=str(broken.parent)))
    found = warmed.run(modules, MM_KERNELS="off")
    assert (found["state"], found["values"], found["numba"], found["path"]) == ("off", None, False, None)
    told = "print(json.dumps({'state': loader.status().state, 'numba': 'numba' in sys.modules}))"
    assert warmed.run(told) == {"state": "warm", "numba": False, "err": []}
    helped = "import atexit; atexit.register(lambda: print(json.dumps({'numba': 'numba' in sys.modules})))\n"
    assert warmed.run(helped + MM.format(["--help"]))["numba"] is False


def test_warmup_compiles_with_progress_and_then_has_nothing_to_do(machine: Machine) -> None:
    first = machine.run(MM.format(["warmup", "--json"]))
    assert (first["ok"], first["state"], set(first["built"])) == (
        True,
        "warm",
        {"tiny.triple", "tiny.difference"},
    )
    with machine.start(MM.format(["warmup"])) as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert out.startswith("already compiled: 2 kernels at ")
    assert str(machine.cache) in out
    again = machine.run(MM.format(["warmup", "--json", "--force"]))
    assert set(again["built"]) == {"tiny.triple", "tiny.difference"}


def test_a_kernel_is_called_after_it_was_built(machine: Machine) -> None:
    called = """
from mm_framework.kernels import tiny
try:
    tiny.triple(5)
except RuntimeError as error:
    report(before=str(error))
"""
    found = machine.run(called)
    assert (found["before"], found["values"]) == ("tiny.triple was called before it was built", [15, 2])


def test_every_module_that_defines_kernels_is_loaded() -> None:
    defines = {
        path.stem
        for path in (PACKAGE / "kernels").glob("*.py")
        if re.search(r"^@kernel$", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert set(loader.KERNEL_MODULES) == defines


def test_the_kernels_are_shared_with_another_copy_of_this_package(tmp_path: Path) -> None:
    if loader.status().compiled_at is None:
        pytest.skip("needs compiled kernels: mm warmup")
    shutil.copytree(PACKAGE, tmp_path / "mm_framework", ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "import json, attrs, mm_framework; from mm_framework.kernels import loader; loader.active();"
        "print(json.dumps({**attrs.asdict(loader.status()), 'package': mm_framework.__file__}))"
    )
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found = json.loads(run.stdout)
    assert found["package"].startswith(str(tmp_path))
    assert (found["state"], found["compiled"], found["key"]) == ("loaded", 0, loader.status().key)
    assert found["kernels"] == len(loader.names()) > 0


def test_loaded_kernels_are_ready_whatever_becomes_of_the_folder(warmed: Machine) -> None:
    found = warmed.run(
        "import shutil\n"
        "before = loader.ready()\n"
        "loader.active()\n"
        f"shutil.rmtree({str(warmed.cache)!r})\n"
        "report(before=before, after=loader.ready())"
    )
    assert (found["before"], found["after"], found["values"]) == (True, True, [15, 2])


def test_cold_kernels_are_not_ready(machine: Machine) -> None:
    assert machine.run("print(json.dumps({'ready': loader.ready()}))")["ready"] is False
