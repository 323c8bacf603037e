"""`ldpf predict`: classes of new images, streamed."""

from __future__ import annotations

import logging
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.console import SOMETHING_FAILED, exit_code, note
from ldpf.cli.data_options import CacheDir, Columns, ImageEngine
from ldpf.cli.estimated import EstimateOption, print_estimate
from ldpf.cli.options import BatchSize, Device, ModelOptions, Quiet, RawOption, ShardOption
from ldpf.cli.streams import stdout_for_rows, utf8_stdout
from ldpf.utils.paths import missing_path_error
from ldpf.utils.text import count
from ldpf.workflows.writers import check_destination, part_of

log = logging.getLogger("ldpf")


@COMMANDS.register("predict", panel="With your images")
def predict(
    *,
    model: ModelOptions,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Images, folders (with everything in them), tables with a column path (.csv, "
            ".tsv, .jsonl, .parquet; optionally with boxes: x, y, w, h), or - to read "
            "paths from standard input, one per line. Or embeddings: .npy arrays, or "
            ".parquet files with a column embedding.",
            show_default=False,
        ),
    ],
    output_format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="csv, jsonl (one JSON object per line) or parquet (a file).",
        ),
    ] = "csv",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write to this file instead of printing. Until all rows are done they are in "
            "FILE.part. With --shard 2/8, rows.csv becomes rows-2-of-8.csv.",
        ),
    ] = None,
    top_k: Annotated[
        int, typer.Option(help="Number of classes to name for each image, most probable first.")
    ] = 1,
    sets: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of images whose set (column set) should contain the true class, such "
            "as 0.9. Default: 0.9, without waiting for all images.",
            show_default=False,
        ),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Which images calibrate the sets: held-out (images of the training sites), "
            "left-out (latent domains left out), worst-domain (the worst of these), or "
            "site (all images given, which must be of one site; rows are written after "
            "all of them are answered). Default: site with --sets and 50 images or more, "
            "otherwise worst-domain.",
            show_default=False,
        ),
    ] = None,
    abstain_below: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            help="Leave the class (column label) empty if its probability is below P.",
            show_default=False,
        ),
    ] = None,
    margin: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="For a table with boxes: how far to extend each box on every side, as a share "
            "of its width or height. Use the value of the training.",
        ),
    ] = 0.0,
    raw: RawOption = False,
    batch_size: BatchSize = 64,
    shard: ShardOption = None,
    estimate: EstimateOption = False,
    columns: Columns = None,
    cache_dir: CacheDir = None,
    device: Device = "auto",
    image_engine: ImageEngine = "torch",
    quiet: Quiet = False,
) -> None:
    """Classify images with a trained model.

    Prints for each image the class, its probability, the weight of each latent
    domain, whether the image is outside of what the model knows, and the set of
    plausible classes. If an image cannot be read, or its probabilities are not
    finite, its row has the reason in the column error, and the exit code is 1.
    Rows are in the order of the images and are written as soon as they are
    ready. Memory does not grow with the number of images.

    \b
    Examples:
      ldpf predict my-model new-photos --out predictions.csv
      ldpf predict my-model new-photos --sets 0.9 --abstain-below 0.5
      ldpf predict my-model embeddings.npy
      find . -name '*.jpg' | ldpf predict my-model - | head
    """
    for path in paths:
        # A box behind the path is read in the workflow, which imports what is heavy.
        file = path.partition("#xywh=")[0] or path
        if path != "-" and not Path(file).exists():
            raise missing_path_error(Path(file))
    if estimate:
        print_estimate(
            workflows.estimate_prediction,
            model.model,
            paths,
            batch_size=batch_size,
            margin=margin,
            shard=shard,
            backbone=model.backbone,
            device=device,
            image_engine=image_engine,
            listed=sys.stdin.buffer if "-" in paths else (),
            cache_dir=cache_dir,
            columns=columns,
        )
        return
    check_destination(output_format, out)
    predictions = workflows.predict(
        model.model,
        paths,
        top_k=top_k,
        sets=sets,
        calibration=calibration,
        abstain_below=abstain_below,
        batch_size=batch_size,
        margin=margin,
        shard=shard,
        backbone=model.backbone,
        device=device,
        image_engine=image_engine,
        listed=sys.stdin.buffer if "-" in paths else (),
        cache_dir=cache_dir,
        columns=columns,
    )
    if shard is not None and out is not None:
        log.info("shard %s: its rows go to %s", shard, predictions.file(out))
    if out is None:
        # File names may hold bytes that are not UTF-8; they are written as they are.
        utf8_stdout(errors="surrogateescape")
    try:
        predictions.write(stdout_for_rows() if out is None else out, output_format, raw=raw)
    except KeyboardInterrupt as stop:
        rest = "" if out is None else f" The rows so far are in {part_of(predictions.file(out))}."
        note(f"Stopped after {predictions.tally}.{rest}")
        raise typer.Exit(exit_code(stop)) from None
    tally = predictions.tally
    log.info("%s", tally)
    if doubts := tally.doubts:
        log.info("doubtful: %s", doubts)
    if tally.outside or tally.unsure:
        site = "PHOTOS" if "-" in paths else shlex.join(paths)
        command = f"ldpf expect {shlex.quote(str(model.model))} {site}"
        log.info("how often answers are right here: %s", command)
    if unreadable := tally.unreadable:
        note(
            f"{count(unreadable, 'image')} got no answer; the column error says why.",
            style="yellow",
        )
        raise typer.Exit(SOMETHING_FAILED)
