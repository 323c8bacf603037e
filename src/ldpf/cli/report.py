"""`ldpf report`: one HTML file that shows what was trained, how good it is and where it fails."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ldpf.cli.base import COMMANDS
from ldpf.cli.console import say, say_json
from ldpf.cli.evaluate import check_classes
from ldpf.cli.grouping import DATA_PANEL, MODEL_PANEL, RUN_PANEL
from ldpf.cli.options import Device, ModelBackbone, OptionalData, OutputOptions
from ldpf.errors import ModelError, SettingsError
from ldpf.workflows.inputs import encode, load_original, load_trained
from ldpf.workflows.source import DataSource

if TYPE_CHECKING:
    from ldpf.data import ImageDataset
    from ldpf.report.findings import Findings

NO_DATA = "There are no pictures here: give the images with --data to see them."


@dataclass(frozen=True)
class ReportedImages(OptionalData):
    """Labeled images that a report shows and measures on."""

    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="The labeled images: of a benchmark the same ones, for the pictures; for a model "
            "any of its classes, best ones that it was not trained on. As for the other commands.",
            rich_help_panel=DATA_PANEL,
            show_default=False,
        ),
    ] = None


@COMMANDS.register("report", panel="With your images")
def report(
    *,
    results: Annotated[
        Path,
        typer.Argument(
            metavar="RESULTS-OR-MODEL",
            help="A folder that 'ldpf benchmark' wrote, that of one of its runs, or a model folder "
            "made by 'ldpf train'.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="The HTML file.", rich_help_panel=RUN_PANEL),
    ] = Path("report.html"),
    data: ReportedImages,
    method: Annotated[
        str | None,
        typer.Option(
            help="Of a benchmark: the method to look at. Default: ldpf.",
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL",
            help="Of a model: another one to compare with, such as one of CoOp that was trained on "
            "the same images (ldpf train --method coop).",
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None,
    backbone: ModelBackbone = None,
    device: Device = "auto",
    output: OutputOptions,
) -> None:
    """Write a report as one HTML file, to read, print or send.

    What was trained on what, accuracy with intervals, which classes are
    confused, what the latent domains look like and may be called, how much
    say each has, the images that were answered wrongly, calibration, and
    what the measurements mean. The file needs no network and no other file.

    \b
    Examples:
      ldpf report my-model --data labelled-new-photos
      ldpf benchmark --data photos --methods coop,ldpf --seeds 3 --out results
      ldpf report results --data photos --out benchmark.html
    """
    from ldpf.report.html import describe, write_report

    if out.is_dir():
        raise SettingsError(
            f"{str(out)!r} is a folder; give a file such as report.html with --out."
        )
    source = data.optional_source()
    if _is_benchmark(results):
        if beside is not None:
            raise SettingsError(
                f"beside={str(beside)!r} is for the report of a model; a benchmark compares the "
                "methods that it ran. Leave --beside out."
            )
        found = _of_benchmark(results, source, method, backbone, device)
    else:
        if method is not None:
            raise SettingsError(
                f"method={method!r} cannot be chosen for a model, which is of one method; leave "
                "--method out."
            )
        found = _of_model(results, source, backbone, device, beside)
    size = write_report(found, out)
    if output.as_json:
        say_json({"report": str(out), "bytes": size, **describe(found)})
        return
    for sentence in describe(found)["summary"]:
        say(sentence)
    say(f"Written: {out} ({size / 1e6:.1f} MB)")


def _is_benchmark(path: Path) -> bool:
    """Tell the two kinds of folder apart.

    Raises:
        ModelError: it is neither.
    """
    if path.suffix == ".jsonl" or (path / "results.jsonl").is_file():
        return True
    if (path / "result.json").is_file():
        return True  # one run of it
    if (path / "metrics.jsonl").is_file():
        raise ModelError(
            f"{str(path)!r} is a run that is not finished; the same 'ldpf benchmark' command goes "
            "on with it."
        )
    if (path / "config.json").is_file():
        return False
    raise ModelError(
        f"{str(path)!r} is neither a folder that 'ldpf benchmark' wrote (it has no results.jsonl) "
        "nor a model that 'ldpf train' made (it has no config.json)."
    )


def _of_benchmark(
    results: Path, source: DataSource | None, method: str | None, backbone: str | None, device: str
) -> Findings:
    from ldpf.report.from_benchmark import from_benchmark
    from ldpf.report.with_images import with_images

    found = from_benchmark(results, None if source is None else source.source, method)
    if source is None:
        return replace(found, no_pictures=NO_DATA)
    dataset = source.load()
    name, fingerprint = found.backbone
    frozen = load_original(backbone, name, device, f"The benchmark in {str(results)!r} was run")
    if frozen.fingerprint != fingerprint:
        raise ModelError(
            f"The benchmark in {str(results)!r} was run with backbone {name!r} (fingerprint "
            f"{fingerprint[:12]}), but {frozen.name!r} has fingerprint "
            f"{frozen.fingerprint[:12]}; give the original with --backbone."
        )
    features = encode(dataset, frozen, source).features
    return _with_pictures(with_images(found, dataset.name, features, frozen), dataset)


def _of_model(
    model: Path,
    source: DataSource | None,
    backbone: str | None,
    device: str,
    beside: Path | None,
) -> Findings:
    from ldpf.models.saving import read_config
    from ldpf.report.from_model import check_beside, from_model

    config = read_config(model)
    if "benchmark" in config.get("provenance", {}):
        raise ModelError(
            f"The model in {str(model)!r} is of one run of a benchmark; give the run's folder "
            f"({str(model.parent)!r}) or the benchmark's, or measure it on other images with 'ldpf "
            "evaluate'."
        )
    if beside is not None:
        check_beside(read_config(beside), config)
        if source is None:
            raise SettingsError("--beside compares on images: give them with --data.")
    if source is None:
        return replace(from_model(model, config), no_pictures=NO_DATA)
    dataset = source.load()
    check_classes(dataset, config["class_names"], model)
    classifier, frozen, config = load_trained(model, backbone, device)
    features = encode(dataset, frozen, source).features
    other = None if beside is None else load_trained(beside, backbone, device)[0]
    found = from_model(model, config, source.source, classifier, frozen, features, other)
    if beside is not None:
        *before, again = found.commands
        found = replace(found, commands=(*before, f"{again} --beside {shlex.quote(str(beside))}"))
    return _with_pictures(found, dataset)


def _with_pictures(found: Findings, dataset: ImageDataset) -> Findings:
    from ldpf.data import EmbeddedImages

    if isinstance(dataset, EmbeddedImages):
        reason = "There are no pictures here: the data are embeddings without any image."
        return replace(found, no_pictures=reason)
    return replace(found, root=dataset.root)
