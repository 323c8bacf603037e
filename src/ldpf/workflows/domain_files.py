"""Contact sheets and the table that `ldpf domains` writes."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ldpf.inspection.contact_sheet import draw_sheet
from ldpf.inspection.typical_images import typical_panels
from ldpf.utils.files import open_atomic
from ldpf.utils.text import without_formula

if TYPE_CHECKING:
    from PIL import Image

    from ldpf.data import ImageDataset
    from ldpf.workflows.discovery import Discovery

OVERVIEW = "latent-domains.png"
TABLE = "domains.csv"
SHEET_COLUMNS = 8
OVERVIEW_COLUMNS = 10
PNG_LEVEL = 3  # twice as fast as the usual 6, and hardly larger for photographs


def write_files(
    result: Discovery, dataset: ImageDataset, out: Path, per_domain: int, *, raw: bool = False
) -> list[Path]:
    """The overview, the table, and a contact sheet for each latent domain that has images.

    Texts that a spreadsheet would run as formulas get a ' in the table unless it is `raw`.
    """
    panels = typical_panels(result.latent, result.features, dataset.root, per_domain)
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
    _write_table(result, table, raw=raw)
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


def _write_table(result: Discovery, file: Path, *, raw: bool) -> None:
    features = result.features
    domains = features.domains
    weights = [f"weight_{s}" for s in range(result.latent.n_domains)]
    with open_atomic(file, errors="surrogateescape") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(
            ["path", "label", *([] if domains is None else ["domain"]), "latent_domain", *weights]
        )
        for i, path in enumerate(features.paths):
            domain = [] if domains is None else [features.domain_names[domains[i]]]
            label = features.class_names[features.labels[i]]
            alpha = [f"{w:.6f}" for w in result.weights[i].tolist()]
            names = (path, label, *domain)
            safe = names if raw else map(without_formula, names)
            writer.writerow([*safe, int(result.assigned[i]), *alpha])
