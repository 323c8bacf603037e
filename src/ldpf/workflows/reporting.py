"""One HTML file about a model or a benchmark: the work of `ldpf report`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ldpf.data import EmbeddedImages, ImageDataset, image_endings
from ldpf.errors import ModelError, SettingsError
from ldpf.models.saving import read_config
from ldpf.report.commands import with_beside
from ldpf.report.findings import Findings
from ldpf.report.from_benchmark import from_benchmark
from ldpf.report.from_model import check_beside, from_model
from ldpf.report.html import describe, write_report
from ldpf.report.with_images import with_images
from ldpf.utils.locks import locked_file
from ldpf.utils.paths import full_path
from ldpf.utils.ways import named
from ldpf.utils.writable import check_apart
from ldpf.workflows.diagnosing import report_findings
from ldpf.workflows.evaluation import check_classes
from ldpf.workflows.folders import is_benchmark
from ldpf.workflows.inputs import (
    AnyBackbone,
    Images,
    list_images,
    load_original,
    load_trained,
)
from ldpf.workflows.outputs import check_outputs


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Attributes:
        file: the HTML file.
        size: of it, in bytes.
        findings: what it shows.
    """

    file: Path
    size: int
    findings: Findings

    @property
    def summary(self) -> list[str]:
        """The report in a few sentences."""
        return describe(self.findings)["summary"]

    def to_json(self) -> dict[str, Any]:
        """What was written, as plain values."""
        return {"report": str(self.file), "bytes": self.size, **describe(self.findings)}


def report(
    results: str | Path,
    out: str | Path = "report.html",
    *,
    data: Images | None = None,
    method: str | None = None,
    beside: str | Path | None = None,
    backbone: AnyBackbone | None = None,
    device: str = "auto",
) -> Report:
    """Write a report as one HTML file that needs no network and no other file.

    Args:
        results: a folder of a benchmark or of one of its runs, or a model folder.
        out: the HTML file.
        data: labeled images: of a benchmark the same ones, for the pictures; for a model any of
            its classes.
        method: of a benchmark, the method to look at; None for "ldpf".
        beside: of a model, another model folder to compare with; needs `data`.
        backbone: where the backbone lies now; None for where it was.
        device: "auto", "cpu" or "cuda".

    Raises:
        SettingsError: an option that cannot be, or `out` lies in the folder of the images.
        ModelError: `results` holds neither results nor a model, or was made with another backbone.
        DataError: the images are not those of the results, or of other classes than the model's.
    """
    folder, file = Path(results), full_path(out, named("out"))
    check_outputs(data, files={"out": file})
    check_apart(file, [folder, *([] if beside is None else [beside])])
    if file.is_file() and file.suffix.lower() in image_endings():
        raise SettingsError(
            f"{str(file)!r} is a picture, and would be lost; give a file that ends in .html with "
            f"{named('out')}."
        )
    is_of_benchmark = is_benchmark(folder)
    with locked_file(file):
        if is_of_benchmark:
            if beside is not None:
                raise SettingsError(
                    f"beside={str(beside)!r} is for the report of a model; a benchmark compares "
                    f"the methods that it ran. Leave {named('beside')} out."
                )
            findings = _of_benchmark(folder, data, method, backbone, device)
        else:
            if method is not None:
                raise SettingsError(
                    f"method={method!r} cannot be chosen for a model, which is of one method; "
                    f"leave {named('method')} out."
                )
            other = None if beside is None else Path(beside)
            findings = _of_model(folder, data, backbone, device, other)
        return Report(file, write_report(findings, file), findings)


def _of_benchmark(
    results: Path,
    data: Images | None,
    method: str | None,
    backbone: AnyBackbone | None,
    device: str,
) -> Findings:
    if data is None:
        return replace(from_benchmark(results, None, method), no_pictures=_no_data())
    images = list_images(data)
    findings = from_benchmark(results, str(images.source.source), method)
    name, fingerprint = findings.backbone
    frozen = load_original(backbone, name, device, f"The benchmark in {str(results)!r} was run")
    if frozen.fingerprint != fingerprint:
        raise ModelError(
            f"The benchmark in {str(results)!r} was run with backbone {name!r} (fingerprint "
            f"{fingerprint[:12]}), but {frozen.name!r} has fingerprint "
            f"{frozen.fingerprint[:12]}; give the original with {named('backbone')}."
        )
    features = images.encode(frozen).features
    findings = with_images(findings, images.dataset.name, features, frozen)
    return _with_pictures(findings, images.dataset)


def _of_model(
    model: Path,
    data: Images | None,
    backbone: AnyBackbone | None,
    device: str,
    beside: Path | None,
) -> Findings:
    config = read_config(model)
    if "benchmark" in config.get("provenance", {}):
        raise ModelError(
            f"The model in {str(model)!r} is of one run of a benchmark; give the run's folder "
            f"({str(model.parent)!r}) or the benchmark's, or measure it on other images with 'ldpf "
            "evaluate'."
        )
    if beside is not None:
        check_beside(read_config(beside), config)
        if data is None:
            raise SettingsError(
                f"{named('beside')} compares on images: give them with {named('data')}."
            )
    if data is None:
        return replace(from_model(model, config), no_pictures=_no_data())
    images = list_images(data)
    check_classes(images.dataset, config["class_names"], model)
    trained = load_trained(model, backbone, device)
    features = images.encode(trained.backbone).features
    other = None if beside is None else load_trained(beside, backbone, device).classifier
    findings = from_model(
        model,
        config,
        str(images.source.source),
        trained.classifier,
        trained.backbone,
        features,
        other,
    )
    if beside is not None:
        *before, again = findings.commands
        findings = replace(findings, commands=(*before, with_beside(again, beside)))
    findings = replace(findings, signs=report_findings(trained, images))
    return _with_pictures(findings, images.dataset)


def _with_pictures(findings: Findings, dataset: ImageDataset) -> Findings:
    if isinstance(dataset, EmbeddedImages):
        reason = "There are no pictures here: the data are embeddings without any image."
        return replace(findings, no_pictures=reason)
    return replace(findings, root=dataset.root)


def _no_data() -> str:
    return f"There are no pictures here: give the images with {named('data')} to see them."
