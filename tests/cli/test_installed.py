import pytest

from mm_framework.cli.installed import fault, required

LINES = [
    "attrs>=24.1",
    'never-here; python_version < "3"',
    'pytest>=1; extra == "testing"',
    'never-here>=2; python_version < "3" and extra == "testing"',
    'no-such-thing-anywhere; extra == "query"',
]


@pytest.mark.parametrize(
    ("extra", "names"),
    [("", ["attrs"]), ("testing", ["pytest"]), ("query", ["no-such-thing-anywhere"]), ("other", [])],
)
def test_what_is_required_on_this_machine_is_told_by_extra(extra: str, names: list[str]) -> None:
    assert [one.name for one in required(LINES, extra)] == names


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("pytest>=1", None),
        ("no-such-thing-anywhere", "not installed"),
        ("pytest<1", f"{pytest.__version__}, needs <1"),
    ],
)
def test_a_requirement_is_met_or_its_fault_is_told(line: str, told: str | None) -> None:
    (one,) = required([line])
    assert fault(one) == told
