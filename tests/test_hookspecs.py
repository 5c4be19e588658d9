"""The hooks: nine, alike, documented, and in step with the specs."""

from __future__ import annotations

import inspect
import subprocess
import sys

from mm_framework import hookspecs
from mm_framework.contracts import spec as specs
from mm_framework.plugins.catalog import KIND_WORDS
from mm_framework.plugins.loader import HOOKS


def hooks() -> dict[str, object]:
    return {name: value for name, value in vars(hookspecs).items() if name.startswith("mm_register_")}


def test_every_kind_of_spec_has_one_hook_and_every_hook_one_kind() -> None:
    kinds = {
        cls.kind: cls for cls in vars(specs).values() if inspect.isclass(cls) and issubclass(cls, specs.Spec)
    }
    del kinds[specs.Spec.kind]
    assert set(hooks()) == set(HOOKS) == {f"mm_register_{kind}" for kind in kinds}
    assert {spec.kind for spec in HOOKS.values()} == set(KIND_WORDS)
    assert len(HOOKS) == 9


def test_a_hook_takes_nothing_returns_a_list_of_its_specs_and_is_documented() -> None:
    for name, hook in hooks().items():
        assert callable(hook)
        signature = inspect.signature(hook)
        assert not signature.parameters
        assert signature.return_annotation == f"list[{HOOKS[name].__name__}]"
        text = inspect.getdoc(hook) or ""
        assert "Called once" in text, name
        assert "if it raises" in " ".join(text.split()), name


def test_a_plugin_that_imports_the_marker_imports_no_other_part_of_the_core() -> None:
    code = (
        "import sys, mm_framework.hookspecs; "
        "print(sorted(name for name in sys.modules if name.startswith('mm_framework')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['mm_framework', 'mm_framework.hookspecs']"
