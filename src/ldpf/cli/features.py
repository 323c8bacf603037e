"""`ldpf features`: encode images ahead of everything else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.choices import choice_of, choices_help
from ldpf.cli.console import say, say_json
from ldpf.cli.data_options import LabeledData
from ldpf.cli.estimated import EstimateOption, print_estimate
from ldpf.cli.grouping import RUN_PANEL
from ldpf.cli.options import BackboneOptions, BatchSize, OutputOptions, ShardOption
from ldpf.experiments.engines.base import DEFAULT_ENGINE, ENGINES
from ldpf.utils.text import count
from ldpf.workflows.source import describe

BAD_SHOWN = 20


@COMMANDS.register("features", panel="With your images")
def features(
    *,
    data: LabeledData,
    backbone: BackboneOptions,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Also compare the content of every file with the encoded one, not only its "
            "size and date.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Also write the features to this folder in the layout of clip-retrieval "
            "(numbered .npy and .parquet files). The other commands can read it as data.",
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    batch_size: BatchSize = 64,
    shard: ShardOption = None,
    engine: Annotated[
        str,
        typer.Option(
            help=f"Where images are encoded. {choices_help(ENGINES)} All machines must see the "
            "images, backbone and cache under the same paths.",
            callback=choice_of(ENGINES),
            rich_help_panel=RUN_PANEL,
        ),
    ] = DEFAULT_ENGINE,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Largest number of parts encoded at the same time, with --engine ray or dask. "
            "Default: one per processor.",
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    estimate: EstimateOption = False,
    output: OutputOptions,
) -> None:
    """Encode images and store the result, before training.

    The other commands do this automatically. The separate command is useful for
    many images: it encodes each image only once, can be interrupted at any
    moment, and ends with a list of all images that cannot be read.

    \b
    Examples:
      ldpf features photos --backbone openai/clip-vit-base-patch16
      ldpf features photos --estimate
    """
    if estimate:
        print_estimate(
            workflows.estimate_encoding,
            data.source(),
            backbone.backbone,
            verify=verify,
            shard=shard,
            device=backbone.device,
            out=out,
            as_json=output.as_json,
        )
        return
    result = workflows.encode(
        data.source(),
        backbone.backbone,
        verify=verify,
        batch_size=batch_size,
        shard=shard,
        device=backbone.device,
        out=out,
        engine=engine,
        jobs=jobs,
    )
    if output.as_json:
        say_json(result.to_json())
        return
    say(f"{describe(result.features)}.")
    rate = result.images_per_second
    speed = "" if rate is None else f" in {result.seconds:.1f} s ({rate:,.1f} a second)"
    say(f"{result.cached:,} from the cache, {result.encoded:,} encoded{speed}.")
    if skipped := result.features.skipped:
        say(f"Left out {count(len(skipped), 'image')} that cannot be used:")
        for bad in skipped[:BAD_SHOWN]:
            say(f"  {bad.path}: {bad.reason}")
        if len(skipped) > BAD_SHOWN:
            say(f"  ... and {len(skipped) - BAD_SHOWN:,} more (--json lists all)")
    say(f"Cache: {result.cache}")
    if out is not None:
        say(f"Features: {count(len(result.files), 'file')} in {out}")
