"""The map of domain features."""

from __future__ import annotations

from ldpf.inspection.thumbnails import figure_uri
from ldpf.report.blocks import Block, Picture, Text
from ldpf.report.findings import Findings, Training
from ldpf.report.plots.maps import map_figure
from ldpf.report.sections.base import SECTIONS
from ldpf.report.sections.common import domain_label, first_seed, no_latent


@SECTIONS.register("map", title="Map of domain features", order=50, needs_latent=True)
def map_section(found: Findings) -> list[Block]:
    """For each training its images on the plane of largest spread, with those of the target."""
    if (missing := no_latent(found)) is not None:
        return [missing]
    blocks: list[Block] = [
        Text(
            "Each point is an image, placed by its domain feature z, from which the class has been "
            "removed as far as possible. The plane is that of the largest spread of z; much of z "
            "does not lie on it, so groups that overlap here may be apart." + first_seed(found)
        )
    ]
    blocks += [_picture(found, one) for one in found.trainings if one.latent is not None]
    return blocks


def _picture(found: Findings, training: Training) -> Picture:
    latent = training.latent
    assert latent is not None
    labels = [domain_label(training, s) for s in range(latent.n_domains)]
    panels = latent.groupings("known domain", labels)
    points, target = latent.points.numpy(), latent.other_points.numpy()
    left_out = f"{training.targets[0]} (left out)" if len(target) else ""
    shown, total = len(latent.map_rows), len(latent.assigned)
    others = f", and {len(target):,} of the domain left out (crosses)" if len(target) else ""
    heading = f"trained {training.name}" if found.kind == "benchmark" else "images given"
    return Picture(
        figure_uri(lambda: map_figure(points, panels, target, left_out)),
        f"Two-dimensional map of the domain features, {heading}: {shown:,} images in "
        f"{latent.n_domains} latent domains{others}.",
        f"Trained {training.name}: {shown:,} of {total:,} images trained on{others}."
        if found.kind == "benchmark"
        else f"{shown:,} of {total:,} images.",
    )
