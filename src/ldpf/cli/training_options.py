"""Options of commands that train: recipe, preset, and how a comparison is repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from ldpf.cli.choices import listed
from ldpf.cli.grouping import MODEL_PANEL, RUN_PANEL
from ldpf.domains.how_many.base import HOW_MANY

RECIPE_HELP = (
    "How prompts are trained: steady, fast (until validation stops improving), or paper (small "
    "batches, takes much longer). Default: set by the preset (steady)."
)
PRESET_HELP = (
    "Settings to start from: default, or paper (the paper's configuration: adversary, k-means, "
    "4 + 8 tokens, tau 0.1, recipe paper)."
)

N_DOMAINS_METAVAR = "NUMBER|RULE"
N_DOMAINS_RULES = f"Or a rule that chooses the number: {', '.join(HOW_MANY)}."


def number_or_rule(n_domains: str | None) -> int | str | None:
    """What `--n-domains` says: a number, or else a name, which the settings check."""
    try:
        return None if n_domains is None else int(n_domains)
    except ValueError:
        return n_domains


@dataclass(frozen=True)
class ComparisonOptions:
    """How the runs of a comparison are repeated and carried out."""

    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            help=RECIPE_HELP,
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None
    preset: Annotated[str, typer.Option(help=PRESET_HELP, rich_help_panel=MODEL_PANEL)] = "default"
    seeds: Annotated[
        int,
        typer.Option(
            help="Number of repetitions with different random starts.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = 3
    targets: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Domains to leave out in turn. Default: all.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = None
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of runs at the same time. Default: one per processor, if the memory "
            "is sufficient.",
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None

    @property
    def chosen_targets(self) -> list[str] | None:
        """Domains to leave out; None for every one."""
        return listed(self.targets or "") or None
