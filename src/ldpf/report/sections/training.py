"""What was trained on what."""

from __future__ import annotations

from ldpf.report.blocks import Block, Table, Text
from ldpf.report.findings import Findings
from ldpf.report.sections.base import SECTIONS

_BENCHMARK = (
    "One domain at a time was left out: the methods learned from the others, chose their "
    "checkpoint on held-out images of these, and were measured once on the domain left out, "
    "which they had never seen. Which images belong to which known domain was not told to the "
    "methods, unless their description says so."
)
_BENCHMARK_ORACLE = (
    "One domain at a time was left out: the methods learned from the others, chose their "
    "checkpoint by the true labels of a fifth of the domain left out (target oracle), and were "
    "measured on the rest of it. That is an upper bound and no domain generalization. Which images "
    "belong to which known domain was not told to the methods, unless their description says so."
)
_MODEL = (
    "The model learned from labeled images whose domains it was not told; a part of them was held "
    "out to choose the checkpoint. The backbone stayed as it was"
)
_FIXED = (
    "The model learned from no images: it compares an image with its class names in fixed "
    "sentences, as the backbone stands."
)
_LATENT = ": only prompts and a small network that tells latent domains apart were trained."


@SECTIONS.register("training", title="What was trained on what", order=10)
def training_section(found: Findings) -> list[Block]:
    """The facts, and the images of each training."""
    facts = Table("What this report is about", ("", ""), found.facts, wordy=True)
    benchmark = _BENCHMARK_ORACLE if found.target_seen else _BENCHMARK
    model = _MODEL + (_LATENT if found.trainings else ".") if found.learned else _FIXED
    blocks: list[Block] = [Text(benchmark if found.kind == "benchmark" else model), facts]
    if found.trained_on:
        first = "left out" if found.kind == "benchmark" else "trained"
        last = "test images" if found.kind == "benchmark" else "left aside"
        blocks.append(
            Table(
                "Images of each training",
                (first, "learned from", "training images", "held out", last),
                found.trained_on,
                words=(1,),
            )
        )
    return blocks
