"""`ldpf evaluate`: how good a trained model is on labeled images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.console import accuracy_table, plain_table, say, say_json, show
from ldpf.cli.data_options import LabeledData
from ldpf.cli.options import Device, FailOnLeaks, ModelOptions, OutputOptions
from ldpf.utils.text import count

if TYPE_CHECKING:
    from ldpf.evaluation.alignment import AlignmentSplit
    from ldpf.expectation.trust import Trust

CLASSES_SHOWN = 30
MISTAKES_SHOWN = 5


@COMMANDS.register("evaluate", panel="With your images")
def evaluate(
    *,
    model: ModelOptions,
    data: LabeledData,
    fail_on_leaks: FailOnLeaks = False,
    alignment: Annotated[
        float | None,
        typer.Option(
            metavar="COSINE",
            help="Report two accuracies: for images whose cosine with the text of their own "
            "class is at least COSINE, and for the images below it, which the backbone "
            "knows less well. 0.21 is usual with CLIP.",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    output: OutputOptions,
) -> None:
    """Measure a trained model on labeled images.

    Prints the accuracy: overall, for each domain (if the domains are known) and
    for each class; the weight of each latent domain; and how well the
    probabilities and prediction sets are calibrated. Use images that the model
    was not trained on. If a table has a split column with rows marked test,
    only these rows are used.

    \b
    Example:
      ldpf evaluate my-model labeled-new-photos
      ldpf evaluate my-model labeled-new-photos --alignment 0.21
    """
    result = workflows.evaluate(
        model.model,
        data.source(),
        backbone=model.backbone,
        fail_on_leaks=fail_on_leaks,
        alignment=alignment,
        device=device,
    )
    if output.as_json:
        say_json(result.to_json())
        return
    say(f"Accuracy {result.accuracy:.1%} on {count(result.n_test, 'image')}.", style="bold")
    if result.per_domain is not None:
        rows = [(name, e["n_test"], e["accuracy"]) for name, e in result.per_domain.items()]
        show(accuracy_table("domain", rows))
    rows = [(name, e["n_test"], e["accuracy"]) for name, e in result.per_class.items()]
    present = sorted((row for row in rows if row[1]), key=lambda row: row[2])
    more = len(present) > CLASSES_SHOWN
    heading = f"class (the {CLASSES_SHOWN} least accurate)" if more else "class"
    show(accuracy_table(heading, present[:CLASSES_SHOWN]))
    _print_confusions(result.confusion, list(result.per_class))
    if len(result.domain_weights) > 1:
        weights = ", ".join(f"{s}: {w:.0%}" for s, w in enumerate(result.domain_weights))
        say(f"Mean weight of each latent domain: {weights}.")
    if result.alignment is not None:
        _print_alignment(result.alignment)
    _print_trust(result.trust)


def _print_alignment(found: AlignmentSplit) -> None:
    """Accuracy on images that the backbone knows by their label's words, and on the others."""
    rows = [
        ("at least", found.n_aligned, found.aligned),
        ("below", found.n_misaligned, found.misaligned),
    ]
    table = plain_table("cosine with the own label", "images", "accuracy")
    for words, images, share in rows:
        told = "–" if share is None else f"{share:.1%}"
        table.add_row(f"{words} {found.threshold:g}", f"{images:,}", told)
    show(table)


def _print_trust(trust: Trust) -> None:
    """What probabilities and sets are worth on these images."""
    before = f"{100 * trust.error_before:.1f} points"
    if trust.error_after is None:
        say(f"Expected calibration error: {before}. The model keeps no temperature and no sets.")
        return
    after = f"{100 * trust.error_after:.1f} points"
    say(f"Expected calibration error: {after}, {before} without the model's temperature.")
    say(
        f"Wrong answers where the surer half is answered: {trust.risk_at_half:.1%}; area under the "
        f"risk-coverage curve {100 * trust.risk_area:.1f} points."
    )
    if trust.sets:
        table = plain_table(
            f"sets of {trust.coverage_asked:.0%} calibrated on", "coverage", "classes in a set"
        )
        for name, found in trust.sets.items():
            table.add_row(name, f"{found.coverage:.1%}", f"{found.size:.2f}")
        show(table)


def _print_confusions(confusion: Sequence[Sequence[int]], class_names: Sequence[str]) -> None:
    mistakes = [
        (n, class_names[true], class_names[answer])
        for true, row in enumerate(confusion)
        for answer, n in enumerate(row)
        if n and true != answer
    ]
    mistakes.sort(key=lambda mistake: -mistake[0])
    if mistakes:
        shown = "; ".join(
            f"{true} taken for {answer} ({n:,})" for n, true, answer in mistakes[:MISTAKES_SHOWN]
        )
        say(f"Most frequent mistakes: {shown}.")
