"""``mm`` called in this process, and whether it kept its word: an exit code that is documented, one line
that begins with ``error:`` when it could not answer, no traceback, and an end.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
from click.testing import CliRunner

from mm_framework.cli import main

__all__ = ["Answer", "ask", "within"]

DOCUMENTED = frozenset({0, 1, 2, 3, 4, 5})
LIMIT_S = 240.0


class Endless(BaseException):
    """The time is over. Not an Exception: the program may not take it for a fault of its input."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise `Endless` in the block when it takes longer."""

    def ring(number: int, frame: object) -> None:
        raise Endless(f"no end within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@attrs.frozen
class Answer:
    """Exit code, standard output, and what is wrong with the answer: None when nothing is."""

    code: int
    stdout: str
    broken: str | None


def ask(*arguments: str) -> Answer:
    """``mm ARGUMENTS``."""
    try:
        with within(LIMIT_S):
            result = CliRunner().invoke(main, arguments)
    except Endless as error:
        return Answer(-1, "", str(error))
    return Answer(result.exit_code, result.stdout, _broken(result.exit_code, result.exception, result.stderr))


def _broken(code: int, raised: BaseException | None, stderr: str) -> str | None:
    if raised is not None and not isinstance(raised, SystemExit):
        return f"raised {raised!r}"[:300]
    if code not in DOCUMENTED:
        return f"ended with {code}"
    if "Traceback" in stderr:
        return "printed a traceback"
    unforeseen = re.search(r"^error: \w+(Error|Exception): .*", stderr, re.MULTILINE)
    if unforeseen:
        return f"was surprised: {unforeseen[0]}"[:300]
    told = sum(line.startswith("error:") for line in stderr.splitlines())
    if code >= 2 and told != 1:
        return f"ended with {code} and {told} lines of error"
    return None
