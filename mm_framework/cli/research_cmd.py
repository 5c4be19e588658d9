"""``mm research``: what recorded data says about prices and quotes, and whether to believe it."""

from __future__ import annotations

import click

from mm_framework.cli.groups import VerbGroup
from mm_framework.cli.research_calibrate import calibrate
from mm_framework.cli.research_market import paper_market
from mm_framework.cli.research_studies import fair_value, features

__all__ = ["command"]


@click.group("research", cls=VerbGroup)
def command() -> None:
    """Judge features, fair values and quoting models on data that they have not seen."""


for _verb in (features, fair_value, calibrate, paper_market):
    command.add_command(_verb)
