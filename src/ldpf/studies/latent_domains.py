"""Studies of the latent domains: do they match the true ones, and how many should there be?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from ldpf.domains import DomainDiscovery, FittedDomains
from ldpf.domains.diagnostics import ari, cross_table, nmi
from ldpf.experiments.protocol import leave_one_domain_out
from ldpf.inspection.contact_sheet import Panel, draw_sheet, typical_images
from ldpf.methods import LDPF
from ldpf.report.plots.curves import curve_figure, map_figure
from ldpf.studies.base import Bench, Study, averages
from ldpf.utils.seed import generator

N_DOMAINS = (1, 2, 3, 4, 5, 6, 7, 8)
MAP_IMAGES = 3000
SHEET_COLUMNS = 12
STABILITY_SEEDS = 3
"""Discoveries to compare at least: they take seconds where a training takes minutes."""


def discover(bench: Bench, target: str, n_domains: int, seed: int) -> FittedDomains:
    """The latent domains that LDPF finds with `target` left out. They need no prompts."""
    episode = leave_one_domain_out(bench.data, target, seed)
    settings = replace(LDPF().discovery, n_domains=n_domains)
    return DomainDiscovery(episode.train, episode.validation, settings, seed).run()


def purity(found: torch.Tensor, true: torch.Tensor) -> float:
    """Share of images that belong to the most frequent true domain of their cluster."""
    table = cross_table(found, true, int(found.max()) + 1, int(true.max()) + 1)
    return float(table.max(axis=1).sum() / table.sum())


def domains_study(bench: Bench) -> Study:
    """Latent against true domains at N_s = number of sources, with a map and a contact sheet."""
    rows: list[dict[str, Any]] = []
    study = Study(
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
            latent = discover(bench, target, n_domains, seed)
            found = latent.assign(images.features)
            rows.append(
                {
                    "target": target,
                    "seed": seed,
                    "n_domains": n_domains,
                    "domain_nmi": nmi(found, images.domains),
                    "domain_ari": ari(found, images.domains),
                    "purity": purity(found, images.domains),
                    "class_nmi": nmi(found, images.labels),
                    "sizes": " ".join(map(str, torch.bincount(found).tolist())),
                }
            )
            if seed == 0:
                study.figures[f"map-{target}.png"] = _map(latent, found, bench, target)
                _write_sheet(latent, found, bench, target)
    return study


def _map(latent: FittedDomains, found: torch.Tensor, bench: Bench, target: str) -> Figure:
    images = bench.sources(target)
    draws = generator(0, "map")
    rows = torch.randperm(len(images), generator=draws)[:MAP_IMAGES]
    z = latent.domain_features(images.features[rows])
    plane = z - z.mean(dim=0)
    _, _, directions = torch.linalg.svd(plane, full_matrices=False)  # PCA: the same every time
    assert images.domains is not None
    names = [images.domain_names[d] for d in images.domains[rows].tolist()]
    cells = [f"latent {s}" for s in found[rows].tolist()]
    points = (plane @ directions[:2].T).numpy()
    return map_figure(points, {"latent domain": cells, "true domain": names}, f"{target} left out")


def _write_sheet(latent: FittedDomains, found: torch.Tensor, bench: Bench, target: str) -> None:
    if bench.root is None:
        return
    images = bench.sources(target)
    z = latent.domain_features(images.features)
    panels = []
    distances = (z - latent.centroids[found]).norm(dim=1).numpy()
    for s in range(latent.n_domains):
        members = (found == s).nonzero().flatten().numpy()
        rows = typical_images(distances, images.labels.numpy(), members, SHEET_COLUMNS).tolist()
        panels.append(
            Panel(
                f"Latent domain {s}",
                f"{len(members):,} images · {len(members) / len(images):.0%}",
                tuple(bench.root / images.paths[i] for i in rows),
                tuple(images.class_names[images.labels[i]] for i in rows),
            )
        )
    draw_sheet(panels, SHEET_COLUMNS).save(bench.out / f"sheet-{target}.png")


def n_domains_study(bench: Bench, values: Sequence[int] = N_DOMAINS) -> Study:
    """Accuracy, U_sel and stability for every number of latent domains."""
    lines: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    accuracy: dict[float, list[float]] = {}
    oracle: dict[float, list[float]] = {}
    for n in values:
        name, bound = f"N_s {n}", f"N_s {n}, U_sel"
        lines += bench.run({"ldpf": name, "ldpf-oracle": bound}, n_domains=n)
        accuracy[float(n)], oracle[float(n)] = averages(lines, name), averages(lines, bound)
        gap = np.mean(oracle[float(n)]) - np.mean(accuracy[float(n)])
        rows.append({"n_domains": n, "gap": float(gap), "stability": stability(bench, n)})
    figure = curve_figure({"ldpf": accuracy, "U_sel": oracle}, "number of latent domains")
    return Study(
        "Number of latent domains",
        "gap: U_sel minus LDPF. stability: mean adjusted Rand index between the latent domains of "
        f"two seeds on the same images (1: the same), of {STABILITY_SEEDS} seeds or as many as "
        "there are. U_sel grows with N_s even when prompts differ by chance only.",
        lines,
        rows,
        {"n-domains.png": figure},
    )


def stability(bench: Bench, n_domains: int) -> float:
    """Mean ARI over targets and pairs of seeds; 1 for one latent domain."""
    if n_domains == 1:
        return 1.0
    seeds = range(max(bench.seeds, STABILITY_SEEDS))
    values = []
    for target in bench.targets:
        images = bench.sources(target).features
        found = [discover(bench, target, n_domains, seed).assign(images) for seed in seeds]
        values += [ari(one, other) for one, other in combinations(found, 2)]
    return float(np.mean(values))
