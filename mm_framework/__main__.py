"""``python -m mm_framework`` is ``mm``."""

from mm_framework.cli import main

main(prog_name="mm")
