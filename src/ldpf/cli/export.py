"""`ldpf export`: a trained model for programs without PyTorch."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ldpf.cli.base import COMMANDS
from ldpf.cli.console import say, say_json
from ldpf.cli.grouping import DATA_PANEL
from ldpf.cli.options import ModelOptions, OptionalData, OutputOptions
from ldpf.errors import DataError, SettingsError
from ldpf.utils.text import count
from ldpf.workflows.inputs import load_trained
from ldpf.workflows.source import DataSource

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.data import ImageDataset
    from ldpf.models.prompt_classifier import PromptClassifier

log = logging.getLogger("ldpf")

_AT_ONCE = 16


@dataclass(frozen=True)
class MeasuredOn(OptionalData):
    """Labeled images to measure an exported file on."""

    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="Labeled images to measure the exported file's accuracy on, beside the model's; "
            "needed for fp16 and int8, unless --unmeasured.",
            rich_help_panel=DATA_PANEL,
            show_default=False,
        ),
    ] = None


@COMMANDS.register("export", panel="With your images")
def export(
    *,
    model: ModelOptions,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Where it goes; ends in .onnx.", show_default=False),
    ],
    to: Annotated[
        str,
        typer.Option(
            metavar="PART",
            help="onnx: from image pixels to answers. features: the small part behind the image "
            "encoder alone, for those who have its features already.",
        ),
    ] = "onnx",
    precision: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="fp32, fp16 or int8: the latter two are smaller and less exact.",
        ),
    ] = "fp32",
    data: MeasuredOn,
    unmeasured: Annotated[
        bool,
        typer.Option(
            "--unmeasured",
            help="Write fp16 or int8 without measuring what that does to the accuracy.",
        ),
    ] = False,
    output: OutputOptions,
) -> None:
    """Write a trained model as an ONNX file.

    One graph with the outputs `probabilities` and `domain_weights`, compared
    with PyTorch before it is kept. Classes and preprocessing stand in a JSON
    file beside it and in the graph's metadata.

    \b
    Examples:
      ldpf export my-model --out my-model.onnx
      ldpf export my-model --out small.onnx --precision int8 --data photos
    """
    from ldpf.export import export_onnx

    if precision in ("fp16", "int8") and data.given is None and not unmeasured:
        raise SettingsError(
            f"precision={precision!r} can change answers: give labelled images with --data to have "
            "the change of accuracy measured, or --unmeasured to do without."
        )
    classifier, frozen, _ = load_trained(model.model, model.backbone, "cpu")
    source = data.optional_source()
    dataset = None if source is None else _labelled_images(source, classifier, to, model.model)
    done = export_onnx(classifier, frozen, out, part=to, precision=precision)
    report: dict[str, Any] = {
        "file": str(done.path),
        "description": str(done.description),
        "part": to,
        "precision": precision,
        "mebibytes": round(done.mebibytes, 3),
        "difference": done.difference,
    }
    if source is not None and dataset is not None:
        report["measured"] = _measure(classifier, frozen, done.path, source, dataset, to)
    if output.as_json:
        say_json(report)
        return
    say(f"Model: {done.path} ({done.mebibytes:.1f} MiB), described in {done.description}")
    say(
        f"Largest difference to PyTorch on random inputs: {done.difference:.1g} "
        "(a probability is at most 1)."
    )
    if source is not None:
        m = report["measured"]
        say(
            f"Accuracy on {count(m['n_test'], 'image')}: {m['accuracy']:.1%}, before "
            f"{m['accuracy_before']:.1%} ({m['change']:+.1%}); the same answer for "
            f"{m['agreement']:.1%} of the images."
        )
    elif unmeasured and precision != "fp32":
        say("What that does to its accuracy was not measured.")


def _labelled_images(
    source: DataSource, classifier: PromptClassifier, part: str, model: Path
) -> ImageDataset:
    """What to measure on; refused before anything is written.

    Raises:
        DataError: there are classes that the model does not have, or embeddings for a graph that
            takes pixels.
    """
    from ldpf.cli.evaluate import check_classes
    from ldpf.data import EmbeddedImages

    dataset = source.load()
    check_classes(dataset, classifier.class_names, model)
    if part == "onnx" and isinstance(dataset, EmbeddedImages):
        raise DataError(
            f"{source.source!r} holds embeddings, but the graph takes pixels; give images, or "
            "export the part behind the image encoder (--to features)."
        )
    return dataset


def _measure(
    classifier: PromptClassifier,
    frozen: Backbone,
    path: Path,
    source: DataSource,
    dataset: ImageDataset,
    part: str,
) -> dict[str, Any]:
    """Accuracy of the file and of the model on the same images."""
    import numpy as np

    from ldpf.data.images import read_image
    from ldpf.export.onnx_file import Session
    from ldpf.workflows.inputs import encode

    encoded = encode(dataset, frozen, source)
    features = encoded.features
    ids = {name: k for k, name in enumerate(classifier.class_names)}
    labels = np.asarray([ids.get(n, -1) for n in features.class_names])[features.labels.numpy()]
    before = classifier.logits(features.features).argmax(dim=1).numpy()
    session, answers = Session(path), []
    for start in range(0, len(features), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        if part == "features":
            batch = features.features[rows]
        else:
            images = [read_image(dataset.root / path) for path in features.paths[rows]]
            batch = frozen.preprocess(images, normalized=False)
        answers.append(session.run(batch)[0].argmax(axis=1))
    now = np.concatenate(answers)
    right_before, right_now = float((before == labels).mean()), float((now == labels).mean())
    return {
        "n_test": len(labels),
        "accuracy_before": right_before,
        "accuracy": right_now,
        "change": right_now - right_before,
        "agreement": float((now == before).mean()),
    }
