"""``mm research``: what recorded data says about prices and quotes, and whether to believe it."""

from __future__ import annotations

import click

from mm_framework.cli.groups import VerbGroup
from mm_framework.cli.research_market import paper_market

__all__ = ["command"]


@click.group("research", cls=VerbGroup)
def command() -> None:
    """Judge features, fair values and quoting models on data that they have not seen."""


command.add_command(paper_market)
