"""Images that were answered wrongly, and what each latent domain said about them."""

from __future__ import annotations

import numpy as np

from ldpf.inspection.thumbnails import thumbnail_uri
from ldpf.inspection.typical_images import class_by_class
from ldpf.report.blocks import Block, Heading, Text, Tile, Tiles
from ldpf.report.findings import Findings, Run
from ldpf.report.sections.base import SECTIONS
from ldpf.report.sections.common import first_seed

TILES = 12
ALL_TILES = 96


@SECTIONS.register("mistakes", title="Images it got wrong", order=70)
def mistakes_section(found: Findings) -> list[Block]:
    """For each target the mistakes that were made with most confidence, class by class."""
    note = _missing(found)
    if note is not None:
        return [note]
    runs = [run for target in found.targets if (run := found.shown(target)) is not None]
    chosen = "The most confident mistakes" if all(r.confidence for r in runs) else "Mistakes"
    below = (
        "Below each: what the prompt of every latent domain answers on its own and how sure it "
        "is, with a tick where it is right, and the weight it had in the answer."
        if any(run.prompts is not None for run in runs)
        else found.no_latent
        if found.trainings
        else ""
    )
    blocks: list[Block] = [Text(f"{chosen}, class by class in turn. {below}{first_seed(found)}")]
    count = max(4, min(TILES, ALL_TILES // max(len(found.targets), 1)))
    for target in found.targets:
        run = found.shown(target)
        if run is not None:
            blocks += _target(found, target, run, count)
    return blocks


def _missing(found: Findings) -> Text | None:
    if found.main in found.oracles:
        return Text(f"{found.main} is a bound and makes no mistakes of its own.", "note")
    if not any(found.shown(target) for target in found.targets):
        return Text(found.no_answers, "note")
    return Text(found.no_pictures, "note") if found.root is None else None


def _target(found: Findings, target: str, run: Run, count: int) -> list[Block]:
    answers, sure = run.predictions[found.main], run.confidence.get(found.main)
    wrong = np.flatnonzero(~run.right(found.main))
    heading = Heading(target)
    if not len(wrong):
        return [heading, Text(f"All {len(answers):,} images were answered rightly.", "good")]
    # Without probabilities the images of a class come in the order of the data.
    order = np.arange(len(answers), dtype=float) if sure is None else -sure
    rows = class_by_class(order, run.labels, wrong, count).tolist()
    caption = f"{len(rows)} of {len(wrong):,} mistakes on {len(answers):,} images of {target}"
    tiles = [
        _tile(found, run, i, int(answers[i]), None if sure is None else float(sure[i]))
        for i in rows
    ]
    headings = ("prompt", "weight", "answer") if run.prompts is not None else ()
    return [heading, Tiles(caption, tiles, headings)]


def _tile(found: Findings, run: Run, i: int, answer: int, sure: float | None) -> Tile:
    assert found.root is not None
    assert run.paths is not None
    names, path = found.class_names, run.paths[i]
    true = int(run.labels[i])
    told = "" if sure is None else f" ({sure:.0%} sure)"
    rows = []
    if run.prompts is not None:
        votes, weights = run.prompts.votes[i].tolist(), run.prompts.weights[i].tolist()
        for s, (vote, weight) in enumerate(zip(votes, weights, strict=True)):
            tick = "\N{NO-BREAK SPACE}✓" if vote == true else ""
            own = f"{float(run.prompts.confidence[i, s]):.0%}"
            rows.append((str(s), f"{weight:.0%}", f"{names[vote]} {own}{tick}"))
    return Tile(
        thumbnail_uri(found.root / path),
        f"{names[true]}, taken for {names[answer]}: {path}",
        (f"{names[true]}", f"taken for {names[answer]}" + told),
        rows,
    )
