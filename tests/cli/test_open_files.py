"""A verb may open as many files as its operator allows, not only as many as a shell begins with."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from mm_framework.cli.open_files import most_open_files, raise_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 500))
raise_open_files()
print(resource.getrlimit(resource.RLIMIT_NOFILE), most_open_files())
raise_open_files()
print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.skipif(os.name == "nt", reason="open files are not limited there")
def test_the_limit_is_raised_to_the_hard_one() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["(500, 500) 500", "(500, 500)"]
