from __future__ import annotations

from ldpf.experiments.protocols import DEFAULT_PROTOCOL
from ldpf.report.tables.comparisons import margin_words


def test_a_comparison_says_how_far_test_images_leave_an_average_uncertain():
    lines = [
        {"method": method, "target": target, "accuracy": accuracy, "n_test": 2400, "seed": seed,
         "protocol": DEFAULT_PROTOCOL}
        for method, accuracies in {"zero-shot": (0.5, 0.5), "ldpf": (0.9, 0.9)}.items()
        for target, accuracy in zip(("sketch", "night"), accuracies, strict=True)
        for seed in (0, 1)
    ]  # fmt: skip
    # 1.96 * sqrt(0.25 / 4800): of the widest method, and two seeds do not make it narrower
    assert margin_words(lines, ["zero-shot", "ldpf"]) == [
        "Averages over 4,800 test images: ±1.4 points or less (95% interval)."
    ]
    # 1.96 * sqrt(0.09 / 4800)
    assert "±0.8 points" in margin_words(lines, ["ldpf"])[0]
