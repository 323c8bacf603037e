"""`ldpf domains`: what the latent domains of a set of images look like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ldpf import workflows
from ldpf.backbones.default import DEFAULT_BACKBONE, DEMO_BACKBONE
from ldpf.cli.base import COMMANDS
from ldpf.cli.console import counts_table, most_uneven, say, say_json, show
from ldpf.cli.data_options import DATA_HELP, DataBesidePath, OptionalData, require_one_path
from ldpf.cli.grouping import MODEL_PANEL, RUN_PANEL
from ldpf.cli.options import BACKBONE_HELP, Device, OutputOptions, RawOption
from ldpf.cli.training_options import N_DOMAINS_METAVAR, N_DOMAINS_RULES, number_or_rule
from ldpf.methods.overrides import parse_settings
from ldpf.models.folder import CONFIG, require_model_folder
from ldpf.utils.text import count
from ldpf.workflows.source import DataSource, describe

CLASSES_SHOWN = 15


@dataclass(frozen=True)
class ModelAndData(OptionalData):
    """`ldpf domains PATH` and `ldpf domains MODEL PATH`, where --data PATH is the same as PATH."""

    data: DataBesidePath = None
    first: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A model folder, to show its latent domains in these images. Without it, "
            "latent domains are discovered in the images.",
            show_default=False,
        ),
    ] = None
    second: Annotated[
        str | None, typer.Argument(metavar="PATH", help=DATA_HELP, show_default=False)
    ] = None

    @property
    def model(self) -> Path | None:
        """The model folder; None where latent domains are to be discovered."""
        alone = self.second is None and self.data is None
        return None if self.first is None or alone else Path(self.first)

    @property
    def given(self) -> str | None:
        """Where the images are; None where only a model was given, or nothing."""
        if self.model is None and self.first is not None:
            return None if (Path(self.first) / CONFIG).is_file() else self.first
        return self.second if self.data is None else self.data

    def check(self) -> None:
        """Raise an error unless there are images, given once, and a model, if one is named."""
        require_one_path(self.given, self.second, self.data)
        if self.model is not None:
            require_model_folder(self.model)
        super().check()

    def source(self) -> DataSource:
        """What to read."""
        source = self.optional_source()
        assert source is not None, "see check"
        return source


@COMMANDS.register("domains", panel="With your images")
def domains(
    *,
    given: ModelAndData,
    backbone: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"{BACKBONE_HELP} Default: that of MODEL, or without MODEL {DEFAULT_BACKBONE}, "
            f"downloaded once (600 MB), and {DEMO_BACKBONE} for demo.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None,
    n_domains: Annotated[
        str | None,
        typer.Option(
            metavar=N_DOMAINS_METAVAR,
            help="Number of latent domains to look for. Default: 3. Cannot be used with MODEL. "
            f"{N_DOMAINS_RULES}",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of the discovery, such as features=style (statistics of an early "
            "layer instead of image features) or disentangle=none. Repeatable. Cannot be "
            "used with MODEL.",
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(help="Seed of the random start.", rich_help_panel=RUN_PANEL),
    ] = 0,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Folder for the pictures and the table of images.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = Path("domains"),
    per_domain: Annotated[
        int,
        typer.Option(
            help="Largest number of images on each contact sheet.", rich_help_panel=RUN_PANEL
        ),
    ] = 24,
    raw: RawOption = False,
    device: Device = "auto",
    output: OutputOptions,
) -> None:
    """Show the groups that share a style ("latent domains") in your images.

    Writes a contact sheet of typical images for each latent domain, an
    overview (latent-domains.png) and a table of all images (domains.csv). It
    also says how independent the groups are of the classes.

    \b
    Examples:
      ldpf domains photos
      ldpf domains photos --n-domains auto --set features=style --out by-style
      ldpf domains my-model photos --out what-my-model-sees
    """
    result = workflows.discover(
        given.source(),
        given.model,
        out=out,
        n_domains=number_or_rule(n_domains),
        settings=parse_settings(settings or ()),
        seed=seed,
        per_domain=per_domain,
        raw=raw,
        backbone=backbone,
        device=device,
    )
    if output.as_json:
        say_json(result.to_json())
        return
    say(f"{describe(result.features)}.")
    say(f"{count(len(result.sizes), 'latent domain')}, {result.origin}.", style="bold")
    show(counts_table([result.sizes], ["all"], ""))
    if (known := result.by_known_domain) is not None:
        show(counts_table(list(known.values()), list(known), "known domain"))
    names, counts = list(result.by_class), list(result.by_class.values())
    heading = "class"
    if len(names) > CLASSES_SHOWN:
        rows = most_uneven(counts, CLASSES_SHOWN)
        names, counts = [names[k] for k in rows], [counts[k] for k in rows]
        heading = f"class (the {CLASSES_SHOWN} most uneven)"
    show(counts_table(counts, names, heading))
    for sentence in result.diagnosis:
        say(f"- {sentence}")
    say()
    say(f"Look at {result.files[0]}")
    say(f"Also: {', '.join(str(file) for file in result.files[1:])}")
