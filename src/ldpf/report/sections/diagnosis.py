"""What the measurements say about the latent domains, in sentences with a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ldpf.domains.diagnosis import (
    Judgment,
    judge_discovery,
    judge_distance,
    judge_gap,
    judge_similarity,
)
from ldpf.report.blocks import Best, Block, Heading, Table, Text
from ldpf.report.findings import Findings, Training
from ldpf.report.sections.base import SECTIONS
from ldpf.report.sections.common import first_seed
from ldpf.report.sections.oracle import oracle_gaps

_ROWS = (
    ("adversary_accuracy", "class found by the adversary", "{:.0%}"),
    ("probe_accuracy", "class found by a linear probe", "{:.0%}"),
    ("raw_probe_accuracy", "the same probe on image features", "{:.0%}"),
    ("chance", "chance", "{:.0%}"),
    ("explained_variance", "variance within classes that z keeps", "{:.0%}"),
    ("class_nmi", "NMI with classes (0 independent)", "{:.2f}"),
    ("domain_nmi", "NMI with known domains (1 the same)", "{:.2f}"),
    ("domain_ari", "adjusted Rand index with known domains", "{:.2f}"),
    ("moved", "images that moved in the last round", "{:.0%}"),
)


@SECTIONS.register("diagnosis", title="Diagnosis", order=100, needs_latent=True)
def diagnosis_section(found: Findings) -> list[Block]:
    """A verdict and its reasons for each training, and the numbers behind them."""
    measured = [one for one in found.trainings if one.measured]
    if not measured:
        return [Text("Nothing was measured of these latent domains.", "note")]
    blocks: list[Block] = [
        Text(
            "What was measured while latent domains were discovered, on held-out images, and what "
            "it means." + first_seed(found)
        )
    ]
    gaps = oracle_gaps(found)
    for training in measured:
        if len(measured) > 1:
            blocks.append(Heading(f"Trained {training.name}"))
        blocks += _verdict(judgments(found, training, gaps))
    blocks.append(_numbers(measured))
    return blocks


def judgments(
    found: Findings, training: Training, gaps: Mapping[str, tuple[float, float]]
) -> list[Judgment]:
    """Everything there is to say about one training."""
    words = [*judge_discovery(training.measured), *judge_similarity(training.similarity)]
    for target in training.targets:
        run = found.shown(target)
        # Domains that a model was trained on are not far from it.
        if found.kind == "benchmark" and run is not None and run.prompts and training.latent:
            said = judge_distance(
                target, run.prompts.cosines.tolist(), training.latent.cosines.tolist()
            )
            words += [said] if said else []
        if target in gaps:
            words.append(judge_gap(target, *gaps[target]))
    return words


def _verdict(words: list[Judgment]) -> list[Block]:
    against = [one for one in words if not one.good]
    if against:
        many = "calls" if len(against) == 1 else "call"
        text = f"Warning: {len(against)} of {len(words)} findings {many} for care."
        verdict = Text(text, "warning")
    else:
        verdict = Text("Good: nothing measured speaks against these latent domains.", "good")
    rows = [("✓ good", one.text) if one.good else ("! warning", Best(one.text)) for one in words]
    return [verdict, Table("Findings", ("verdict", "what was found"), rows, wordy=True)]


def _numbers(trainings: list[Training]) -> Table:
    rows = []
    for key, name, style in _ROWS:
        values = [one.measured.get(key) for one in trainings]
        if any(value is not None for value in values):
            rows.append((name, *(_shown(value, style) for value in values)))
    sizes = [one.measured.get("sizes") for one in trainings]
    if any(sizes):
        told = [", ".join(f"{n:,}" for n in one) if one else "–" for one in sizes]
        rows.append(("training images in each latent domain", *told))
    return Table("The numbers behind it", ("", *(one.name for one in trainings)), rows)


def _shown(value: Any, style: str) -> str:
    return "–" if value is None else style.format(value)
