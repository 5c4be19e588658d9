"""The matrix of wheels as a nox session: ``nox``, or ``nox -s matrix -- mm_kraken`` for one cell.

The cells share one environment of third-party packages, which nox does not offer; so the session runs the
script that makes them (decision note 0010).
"""

from __future__ import annotations

import sys

import nox


@nox.session(venv_backend="none")
def matrix(session: nox.Session) -> None:
    """Try the core and its plugins from wheels: alone, together, beside a broken one."""
    session.run(sys.executable, "tests/matrix/run_matrix.py", *session.posargs, external=True)
