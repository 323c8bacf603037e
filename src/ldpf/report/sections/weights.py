"""Fusion weight of each latent domain on each target."""

from __future__ import annotations

import numpy as np

from ldpf.inspection.thumbnails import figure_uri
from ldpf.report.blocks import Block, Picture, Table, Text
from ldpf.report.findings import Findings
from ldpf.report.plots.maps import weights_figure
from ldpf.report.sections.base import SECTIONS
from ldpf.report.sections.common import domain_label, first_seed, percent


def entropy(weights: np.ndarray) -> np.ndarray:
    """Entropy of each row of fusion weights [N, S] as a share of the largest possible, [N]."""
    n_domains = weights.shape[1]
    if n_domains == 1:
        return np.zeros(len(weights))
    logs = np.log(np.clip(weights, 1e-12, None))
    return -(weights * logs).sum(axis=1) / np.log(n_domains)


@SECTIONS.register("weights", title="Fusion weights", order=60, needs_latent=True)
def weights_section(found: Findings) -> list[Block]:
    """Mean weights as bars, and how decided they are."""
    weights = {
        target: run.prompts.weights.numpy()
        for target in found.targets
        if (run := found.shown(target)) is not None and run.prompts is not None
    }
    if not weights:
        return [Text(found.no_latent, "note")]
    means = {target: values.mean(axis=0).tolist() for target, values in weights.items()}
    labels = {
        target: [domain_label(found.training(target), s) for s in range(len(parts))]
        for target, parts in means.items()
    }
    rows = []
    for target, values in weights.items():
        top = np.bincount(values.argmax(axis=1), minlength=values.shape[1]) / len(values)
        told = ", ".join(f"{s}: {share:.0%}" for s, share in enumerate(top))
        mean = ", ".join(f"{s}: {share:.0%}" for s, share in enumerate(means[target]))
        rows.append((target, mean, told, f"{entropy(values).mean():.2f}"))
    told = "; ".join(
        f"{target}: " + ", ".join(f"{labels[target][s]} {percent(p)}%" for s, p in enumerate(parts))
        for target, parts in means.items()
    )
    return [
        Text(
            "Every image is answered by all prompts together, each with a weight that says how "
            "much the image resembles that latent domain. Means over the images of a target; "
            "the numbers are those of the latent domains of its own training." + first_seed(found)
        ),
        Picture(
            figure_uri(lambda: weights_figure(means, labels)),
            f"Mean fusion weights. {told}.",
            "Mean weight of each latent domain.",
        ),
        Table(
            "Weights, and the share of images of which each latent domain is the nearest. "
            "Entropy: 0, one latent domain decides alone; 1, all have the same say",
            ("target", "mean weight", "nearest to", "entropy"),
            rows,
            words=(1, 2),
        ),
    ]
