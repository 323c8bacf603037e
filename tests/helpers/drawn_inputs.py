"""What fusion rules are given, drawn at random."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ldpf.fusion import FusionExamples, FusionInputs
from ldpf.utils.seed import generator


def drawn_inputs(
    draws: torch.Generator, n: int, s: int, k: int, d: int = 16, *, scale: float = 20.0
) -> FusionInputs:
    """N images, S latent domains, K classes and features of D numbers."""
    return FusionInputs(
        2 * torch.rand(n, s, generator=draws) - 1,
        F.normalize(torch.randn(n, d, generator=draws), dim=-1),
        F.normalize(torch.randn(s, k, d, generator=draws), dim=-1),
        scale,
    )


def drawn_examples(name: str, n: int, s: int, k: int, *, teacher: int | None) -> FusionExamples:
    """Labels by the prompt of the `teacher`-th most similar latent domain, or at random.

    Args:
        name: of the generator.
        n, s, k: as for `drawn_inputs`.
        teacher: 0 for the prompt of the image's own latent domain; None for random labels.
    """
    draws = generator(0, name)
    inputs = drawn_inputs(draws, n, s, k)
    ranks = inputs.similarities.argsort(dim=1, descending=True)
    labels = torch.randint(k, (n,), generator=draws)
    if teacher is not None:
        answers = inputs.prompt_logits.argmax(dim=2)
        labels = answers.gather(1, ranks[:, teacher, None])[:, 0]
    return FusionExamples(inputs, labels, ranks[:, 0])
