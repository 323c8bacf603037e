"""What an automatic choice chose from, and why, as it is printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ldpf.cli.console import plain_table, say, show
from ldpf.methods.choice import HEADINGS, cost_sentence, table_rows


def print_choice(auto: Mapping[str, Any]) -> None:
    """The candidates of an automatic choice, and why one was chosen."""
    say()
    table = plain_table(*HEADINGS)
    for row in table_rows(auto):
        table.add_row(*row)
    show(table)
    say(auto["reason"])
    if cost := cost_sentence(auto):
        say(cost)
