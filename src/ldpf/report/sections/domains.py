"""The latent domains: how large, what they look like, and what they may be called."""

from __future__ import annotations

from ldpf.domains.diagnostics import cross_table
from ldpf.inspection.latent_summary import LatentImages
from ldpf.inspection.thumbnails import thumbnail_uri
from ldpf.report.blocks import Block, Heading, Table, Text, Tile, Tiles
from ldpf.report.findings import Findings, Training
from ldpf.report.sections.base import SECTIONS
from ldpf.report.sections.common import first_seed, no_latent

TILES = 12
ALL_TILES = 240
"""Thumbnails of all latent domains together, at most; fewer each where there are many."""


_INTRODUCTION = {
    "benchmark": "Groups of training images that look alike whatever they show, found without any "
    "domain label.",
    "model": "The images given, sorted into the groups that the model found among its training "
    "images: images that look alike whatever they show. No domain label was used.",
}


@SECTIONS.register("domains", title="Latent domains", order=40, needs_latent=True)
def domains_section(found: Findings) -> list[Block]:
    """For each training: sizes, suggested names, and typical images of each latent domain."""
    if (missing := no_latent(found)) is not None:
        return [missing, *_sizes_alone(found)]
    blocks: list[Block] = [Text(_INTRODUCTION[found.kind] + first_seed(found))]
    if len(found.trainings) > 1:
        blocks.append(
            Text(
                "Each training found its own: latent domain 0 of one is not latent domain 0 of "
                "another."
            )
        )
    if any(one.words for one in found.trainings):
        blocks.append(
            Text(
                "Names are suggestions: the words, out of a list of styles, whose text features "
                "lie nearest to what sets a latent domain's images apart from others of the same "
                "classes. The number is a cosine. No name is given (–) where no word is clearly "
                "nearer than chance would bring; a small backbone may know few of the words.",
                "note",
            )
        )
    if found.root is None:
        blocks.append(Text(found.no_pictures, "note"))
    many = sum(one.latent.n_domains for one in found.trainings if one.latent is not None)
    tiles = max(3, min(TILES, ALL_TILES // max(many, 1)))
    for training in found.trainings:
        if training.latent is not None:
            blocks += _training(found, training, tiles)
    return blocks


def _sizes_alone(found: Findings) -> list[Block]:
    """How large latent domains are, where their images are not at hand."""
    rows = [
        (one.name, ", ".join(f"{s}: {size:,}" for s, size in enumerate(one.measured["sizes"])))
        for one in found.trainings
        if one.measured.get("sizes")
    ]
    caption = "Training images in each latent domain"
    return [Table(caption, ("trained", "latent domain: images"), rows, wordy=True)] if rows else []


def _training(found: Findings, training: Training, tiles: int) -> list[Block]:
    latent = training.latent
    assert latent is not None
    blocks: list[Block] = [Heading(f"Trained {training.name}")] if found.targets else []
    if found.kind == "model":
        blocks = [Heading("In the images given")]
    total, sizes = len(latent.assigned), latent.sizes
    table = []
    for s, size in enumerate(sizes):
        words = training.words[s] if training.words else []
        told = ", ".join(f"{word} ({score:.2f})" for word, score in words) or "–"
        table.append((f"latent domain {s}", f"{size:,}", f"{size / max(total, 1):.0%}", told))
    blocks.append(
        Table(
            f"Sizes of the latent domains, {total:,} images",
            ("", "images", "share", "may be called (suggestion)"),
            table,
            words=(3,),
        )
    )
    if latent.known is not None and latent.known_names:
        blocks.append(_known(training))
    if found.root is not None:
        rows = latent.typical(tiles)
        blocks += [_tiles(found, latent, s, rows[s]) for s, size in enumerate(sizes) if size]
    return blocks


def _known(training: Training) -> Table:
    latent = training.latent
    assert latent is not None
    assert latent.known is not None
    names = latent.known_names
    table = cross_table(latent.known, latent.assigned, len(names), latent.n_domains)
    rows = [
        (name, *(f"{n:,} ({n / row.sum():.0%})" for n in row.tolist()))
        for name, row in zip(names, table, strict=True)
        if row.sum()
    ]
    headings = ("known domain", *(f"latent domain {s}" for s in range(latent.n_domains)))
    return Table(
        "Where the images of the known domains went; the known domains were not used to find them",
        headings,
        rows,
    )


def _tiles(found: Findings, latent: LatentImages, s: int, rows: list[int]) -> Tiles:
    assert found.root is not None
    tiles = []
    for i in rows:
        name = found.class_names[latent.labels[i]]
        path = latent.paths[i]
        tiles.append(Tile(thumbnail_uri(found.root / path), f"{name}: {path}", (name,)))
    return Tiles(
        f"Latent domain {s}: {len(rows)} of {latent.sizes[s]:,} images, the nearest to its center, "
        "class by class in turn",
        tiles,
    )
