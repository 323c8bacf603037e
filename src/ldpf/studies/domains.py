"""Latent domains against the true ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ldpf.domains.diagnostics import ari, cross_table, nmi
from ldpf.inspection.contact_sheet import draw_sheet
from ldpf.inspection.latent_summary import describe_latent
from ldpf.inspection.typical_images import typical_panels
from ldpf.report.plots.maps import map_figure
from ldpf.studies.base import STUDIES, Study
from ldpf.studies.bench import Bench, StudyResult
from ldpf.utils.files import open_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ldpf.domains import FittedDomains
    from ldpf.features.feature_set import FeatureSet

SHEET_COLUMNS = 12


@STUDIES.register("domains")
@dataclass(frozen=True)
class DomainsStudy(Study):
    """Do latent domains match the true ones?

    Latent domains are discovered at N_s = number of sources. A map and a contact sheet show them.
    """

    def run(self, bench: Bench) -> StudyResult:
        rows: list[dict[str, Any]] = []
        result = StudyResult(
            "Latent and true domains",
            "NMI and ARI: 1 the same partition, 0 independent; purity: share of images in the most "
            "frequent true domain of their latent domain. True domains were never trained on.",
            measured=rows,
        )
        for target in bench.targets:
            images = bench.sources(target)
            assert images.domains is not None
            n_domains = len(images.domains.unique())
            for seed in range(bench.seeds):
                latent = bench.discover(target, n_domains, seed)
                assigned = latent.assign(images.features)
                rows.append(
                    {
                        "target": target,
                        "seed": seed,
                        "n_domains": n_domains,
                        "domain_nmi": nmi(assigned, images.domains),
                        "domain_ari": ari(assigned, images.domains),
                        "purity": purity(assigned, images.domains),
                        "class_nmi": nmi(assigned, images.labels),
                        "sizes": " ".join(map(str, torch.bincount(assigned).tolist())),
                    }
                )
                if seed == 0:
                    result.figures[f"map-{target}.png"] = _map(latent, images, target)
                    if bench.root is not None:
                        panels = typical_panels(latent, images, bench.root, SHEET_COLUMNS)
                        sheet = draw_sheet(panels, SHEET_COLUMNS)
                        with open_atomic(bench.out / f"sheet-{target}.png", "wb") as file:
                            sheet.save(file, "PNG")
        return result


def purity(assigned: torch.Tensor, true: torch.Tensor) -> float:
    """Share of images that belong to the most frequent true domain of their cluster."""
    table = cross_table(assigned, true, int(assigned.max()) + 1, int(true.max()) + 1)
    return float(table.max(axis=1).sum() / table.sum())


def _map(latent: FittedDomains, images: FeatureSet, target: str) -> Figure:
    summary = describe_latent(latent, images)
    return map_figure(
        summary.points.numpy(), summary.groupings("true domain"), title=f"{target} left out, "
    )
