"""Studies that compare accuracies of variants of LDPF: fusion, temperature, lengths, ablation."""

from __future__ import annotations

from collections.abc import Sequence

from ldpf.errors import SettingsError
from ldpf.experiments.readouts import READOUTS
from ldpf.report.plots.curves import bar_figure, curve_figure
from ldpf.studies.base import Bench, Study, averages

TEMPERATURES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
LENGTHS = ((12, 0), (8, 4), (4, 8), (0, 12), (2, 4), (8, 16))


def fusion_study(bench: Bench) -> Study:
    """Every fusion rule, and U_sel, read out of the same trainings."""
    rules = {
        name: one.fusion
        for name, one in READOUTS.items()
        if one.trained_as == "ldpf" and one.fusion is not None
    }
    names = {"ldpf": "similarity", **rules, "ldpf-oracle": "U_sel"}
    lines = bench.run(names)
    return Study(
        "Fusion rules on the same prompts",
        "U_sel counts an image as right if any prompt is right. It needs the true labels: a bound "
        "for every rule that picks one prompt, and no method.",
        lines,
        figures={"fusion.png": bar_figure(lines, list(names.values()), bench.targets)},
    )


def temperature_study(bench: Bench, values: Sequence[float] = TEMPERATURES) -> Study:
    """LDPF with other temperatures tau of the similarity fusion, each trained anew.

    (Losses do not depend on tau, but which prompts are kept does: validation judges the fused
    prediction.)
    """
    lines, points = [], {}
    for tau in values:
        name = f"tau {tau:g}"
        lines += bench.run({"ldpf": name}, settings={"tau": float(tau)})
        points[float(tau)] = averages(lines, name)
    figure = curve_figure({"ldpf": points}, "temperature tau", logarithmic=True)
    return Study(
        "Temperature of the fusion",
        "A small tau asks the nearest latent domain alone, a large one all of them alike.",
        lines,
        figures={"temperature.png": figure},
    )


def length_study(bench: Bench, values: Sequence[tuple[int, int]] = LENGTHS) -> Study:
    """LDPF with other numbers of agnostic (M1) and specific (M2) tokens."""
    lines, names = [], []
    for agnostic, specific in values:
        names.append(f"{agnostic} + {specific}")
        settings = {"agnostic_length": agnostic, "specific_length": specific}
        lines += bench.run({"ldpf": names[-1]}, settings=settings)
    return Study(
        "Length of the prompts (agnostic + specific tokens)",
        "With 0 specific tokens all prompts are one, which is CoOp; with 0 agnostic ones latent "
        "domains share nothing.",
        lines,
        figures={"prompt-length.png": bar_figure(lines, names, bench.targets)},
    )


ABLATION = {
    "coop": "CoOp",
    "ldpf-agnostic-only": "agnostic tokens only",
    "ldpf-specific-only": "specific tokens only",
    "ldpf-one-stage": "one stage",
    "ldpf-sequential": "stages one after the other",
    "ldpf-no-adversary": "no adversary",
    "ldpf-random": "random split",
    "ldpf-manual": "true domains",
    "ldpf-uniform": "uniform weights",
    "ldpf-nearest": "nearest domain only",
    "ldpf": "LDPF",
    "random-oracle": "U_sel of the random split",
    "ldpf-oracle": "U_sel of LDPF",
}


def ablation_study(bench: Bench) -> Study:
    """What each part of LDPF is worth: one thing changed at a time (the paper's Table 2)."""
    lines = bench.run(ABLATION)
    return Study(
        "Ablation",
        "Each row takes back one decision of LDPF; differences below the spread over seeds say "
        "nothing.",
        lines,
        figures={"ablation.png": bar_figure(lines, list(ABLATION.values()), bench.targets)},
    )


def parse_lengths(values: Sequence[str]) -> list[tuple[int, int]]:
    """`["4+8"]` -> `[(4, 8)]`.

    Raises:
        SettingsError: a value of another form.
    """
    pairs = []
    for value in values:
        parts = value.split("+")
        if len(parts) != 2 or not all(part.strip().isdigit() for part in parts):
            raise SettingsError(f"{value!r} should be two lengths, such as 4+8.")
        pairs.append((int(parts[0]), int(parts[1])))
    return pairs
