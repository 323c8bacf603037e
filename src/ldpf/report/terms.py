"""Terms of the field in plain words, each put into the section where it first appears."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ldpf.experiments.readouts import READOUTS
from ldpf.fusion import FUSION_RULES
from ldpf.heads.base import VISUAL_HEADS
from ldpf.report.blocks import (
    Block,
    Code,
    Heading,
    Picture,
    Section,
    Table,
    Terms,
    Text,
    Tiles,
)

TERMS: tuple[tuple[str, str, str], ...] = (
    (
        "backbone",
        r"backbones?",
        "the ready-made image-and-text model, such as CLIP, that turns images and sentences into "
        "numbers that can be compared; it is never changed",
    ),
    (
        "prompt",
        r"prompts?",
        "the words before a class name in the sentence that stands for the class, as in 'a photo "
        "of a dog'; here they are learned",
    ),
    (
        "latent domain",
        r"latent( domains?)? ?\d*",
        "a group of training images that look alike whatever they show (camera, site, light, "
        "style), found without anybody naming it",
    ),
    ("zero-shot", r"zero-shot", "the backbone's answers without any training on your images"),
    ("CoOp", r"coop", "a method that learns one prompt for all images (Zhou et al. 2022)"),
    (
        "target",
        r"targets?",
        "the images that the accuracy is measured on; in a benchmark, a domain that was left out "
        "of the training",
    ),
    (
        "checkpoint",
        r"checkpoints?",
        "the state of the prompts at one moment of a training; the best one on held-out images is "
        "kept",
    ),
    ("held out", r"held[ -]out", "set apart before the training, which never learns from it"),
    (
        "bootstrap",
        r"bootstrap",
        "the measurement repeated on images drawn again and again from the same test images, which "
        "shows how much it depends on which images were tested",
    ),
    (
        "95% interval",
        r"95% interval",
        "where the true value lies in 95 of 100 such measurements; one that holds 0 shows no "
        "difference",
    ),
    (
        "fusion weight",
        r"(fusion weights?|mean weights?)",
        "how much a latent domain's prompt counts in the answer to an image; the weights of an "
        "image add up to 1",
    ),
    (
        "entropy",
        r"entropy",
        "how evenly weights are spread: 0 where one latent domain decides alone, 1 where all count "
        "the same",
    ),
    (
        "calibration error",
        r"calibration error",
        "how far probabilities are from the share of right answers, in points: 0 where answers "
        "with 80% are right in 80% of the cases",
    ),
    (
        "U_sel",
        r"U_sel",
        "the accuracy if somebody who knows the true class picked the best prompt for every image",
    ),
    (
        "oracle gap",
        r"oracle gap",
        "how far the accuracy is below U_sel: what better weights could gain at most",
    ),
    ("cosine", r"cosines?", "how much two directions agree: 1 for the same, 0 for none in common"),
    (
        "NMI",
        r"NMI",
        "how much one grouping says about another: 0 nothing, 1 everything",
    ),
)
"""(term, how it is found, what it means), as every reader needs it."""


def with_terms(sections: Sequence[Section]) -> list[Section]:
    """The sections, each beginning with the terms that appear in it for the first time."""
    waiting = {name: (re.compile(rf"\b{found}\b", re.I), said) for name, found, said in TERMS}
    result = []
    for section in sections:
        text = "\n".join([section.title, *_words(section.blocks)])
        new = [name for name, (found, _) in waiting.items() if found.search(text)]
        if not new:
            result.append(section)
            continue
        block = Terms(tuple((name, waiting.pop(name)[1]) for name in new))
        result.append(replace(section, blocks=(block, *section.blocks)))
    return result


def method_in_words(name: str) -> str:
    """What a method or read-out is, in a sentence; empty for one that is not known here."""
    readout = READOUTS.get(name)
    if readout is None:
        return ""
    if readout.fusion is not None:
        rule = FUSION_RULES.summary(readout.fusion)
        return f"The prompts of {readout.trained_as}, fused by another rule. {rule}"
    if readout.head is not None:
        head = VISUAL_HEADS.summary(readout.head)
        return f"The prompts of {readout.trained_as} with a visual head beside them. {head}"
    return readout.summary()


def _words(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        match block:
            case Text() | Heading():
                yield block.text
            case Table():
                yield from (block.caption, *block.headings)
                yield from (str(cell) for row in block.rows for cell in row)
            case Picture():
                yield from (block.alt, block.caption)
            case Tiles():
                yield from (block.caption, *block.headings)
                yield from (line for tile in block.tiles for line in tile.lines)
            case Code() | Terms():
                pass
