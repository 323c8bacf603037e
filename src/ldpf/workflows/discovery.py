"""Contact sheets and the table that `ldpf domains` writes."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldpf.utils.files import open_atomic

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from ldpf.data import ImageDataset
    from ldpf.domains import FittedDomains
    from ldpf.features.feature_set import FeatureSet

OVERVIEW = "latent-domains.png"
TABLE = "domains.csv"
SHEET_COLUMNS = 8
OVERVIEW_COLUMNS = 10
PNG_LEVEL = 3  # twice as fast as the usual 6, and hardly larger for photographs


@dataclass(frozen=True)
class Finding:
    """Images, the latent domains they were put into, and what was measured.

    Attributes:
        features: of all images.
        latent: extractor and centroids.
        assigned: [N] the latent domain of each image.
        weights: [N, S] the say of each latent domain in an image's answer.
        measured: as `DomainDiscovery.measure()` returns it, or a part of that; sizes and
            agreements, which may be of a part of the images, are replaced by those of all.
        origin: where the latent domains come from, in words.
    """

    features: FeatureSet
    latent: FittedDomains
    assigned: Tensor
    weights: Tensor
    measured: dict[str, Any]
    origin: str


def write_files(finding: Finding, dataset: ImageDataset, out: Path, per_domain: int) -> list[Path]:
    """The overview, the table, and a contact sheet for each latent domain that has images."""
    from ldpf.inspection.contact_sheet import draw_sheet
    from ldpf.inspection.typical_images import typical_panels

    panels = typical_panels(finding.latent, finding.features, dataset.root, per_domain)
    for old in out.glob("latent-domain-*.png"):
        old.unlink()
    overview = out / OVERVIEW
    short = [
        replace(
            panel, files=panel.files[:OVERVIEW_COLUMNS], captions=panel.captions[:OVERVIEW_COLUMNS]
        )
        for panel in panels
    ]
    _write_png(draw_sheet(short, OVERVIEW_COLUMNS), overview)
    table = out / TABLE
    _write_table(finding, table)
    sheets = []
    for s, panel in enumerate(panels):
        if panel.files:
            sheet = out / f"latent-domain-{s}.png"
            _write_png(draw_sheet([panel], SHEET_COLUMNS), sheet)
            sheets.append(sheet)
    return [overview, table, *sheets]


def _write_png(picture: Image.Image, file: Path) -> None:
    with open_atomic(file, "wb") as stream:
        picture.save(stream, "PNG", compress_level=PNG_LEVEL)


def _write_table(finding: Finding, file: Path) -> None:
    features = finding.features
    known = features.domains is not None
    weights = [f"weight_{s}" for s in range(finding.latent.n_domains)]
    with open_atomic(file, errors="surrogateescape") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(
            ["path", "label", *(["domain"] if known else []), "latent_domain", *weights]
        )
        for i, path in enumerate(features.paths):
            domain = [features.domain_names[features.domains[i]]] if known else []
            label = features.class_names[features.labels[i]]
            alpha = [f"{w:.6f}" for w in finding.weights[i].tolist()]
            writer.writerow([path, label, *domain, int(finding.assigned[i]), *alpha])
