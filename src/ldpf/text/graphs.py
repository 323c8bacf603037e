"""Text passes as CUDA graphs: one launch instead of hundreds, where shapes repeat.

Not tried on a GPU yet, so nothing uses it unless the recipe says `cuda_graphs`. A graph is compared
with the pass that it records before it is used, and one that cannot be recorded is done without.

A step of few classes and prompts is bound by launching its small operations, not by computing them.
A graph records them once and launches all at once; values are those of the recorded operations.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ldpf.text.encoder import PromptedTextEncoder

Encoding = Callable[[Tensor], Tensor]
"""Contexts [P, M, W] to text features [P, K, D]."""

log = logging.getLogger("ldpf")

MOST_TOKENS = 16_384
"""Token positions of a pass up to which it is recorded: larger ones are bound by their products,
and a graph keeps the memory of a whole pass for itself."""

EAGER_CALLS = 3
"""Passes of a shape that run as they are before it is recorded: shapes that come once or twice are
not worth it, and the first pass embeds the class names."""

TOLERANCE = 1e-4
"""Largest difference of a feature or relative difference of a gradient to the same pass run as it
is; a graph that differs more is not used."""


class GraphedEncoder:
    """A prompted text encoder whose passes become CUDA graphs, one for each shape of contexts.

    Anywhere but on CUDA, for large passes, and where classes are computed in chunks (the backward
    pass computes these once more), it is the encoder itself. Features of a graph live in memory
    that the next pass writes to, so they are to be used, and passed backward through, before the
    next call.
    """

    def __init__(self, encoder: PromptedTextEncoder) -> None:
        """Stand in for `encoder`."""
        self.encoder = encoder
        self.usable = encoder.tower.device.type == "cuda" and encoder.class_chunk is None
        self.calls: dict[torch.Size, int] = {}
        self.graphs: dict[torch.Size, Encoding | None] = {}

    def __call__(self, contexts: Tensor) -> Tensor:
        """Contexts [P, M, W] to text features [P, K, D]; see `PromptedTextEncoder`."""
        if not (self.usable and len(contexts) and contexts.requires_grad):
            return self.encoder(contexts)
        if not torch.is_grad_enabled():
            return self.encoder(contexts)
        shape = contexts.shape
        if not self._is_small(shape):
            return self.encoder(contexts)
        calls = self.calls[shape] = self.calls.get(shape, 0) + 1
        if calls <= EAGER_CALLS:
            return self.encoder(contexts)
        if shape not in self.graphs:
            self.graphs[shape] = record(self.encoder, contexts)
        graph = self.graphs[shape]
        return self.encoder(contexts) if graph is None else graph(contexts)

    def _is_small(self, shape: torch.Size) -> bool:
        prompts, tokens, _ = shape
        return prompts * self.encoder.tokens_per_pass(1, tokens) <= MOST_TOKENS


def record(encoder: PromptedTextEncoder, contexts: Tensor) -> Encoding | None:
    """A pass of this shape, forward and backward, as a graph; None where it does not agree."""
    sample = contexts.detach().clone().requires_grad_()
    try:
        graph = cast(Encoding, torch.cuda.make_graphed_callables(encoder.__call__, (sample,)))
    except RuntimeError as error:
        log.info("text passes: no CUDA graph (%s)", str(error).splitlines()[0])
        return None
    difference = max(differences(graph, encoder, sample))
    if difference <= TOLERANCE:
        return graph
    log.warning(
        "text passes: no CUDA graph, which differs by %.2g from the same pass without", difference
    )
    return None


def differences(first: Encoding, second: Encoding, contexts: Tensor) -> tuple[float, float]:
    """Largest relative difference of two ways in features, and in the gradient of their sum."""
    results = []
    for way in (first, second):
        inputs = contexts.detach().clone().requires_grad_()
        features = way(inputs)
        # Not the plain sum: rows of length one have nearly no gradient in many directions.
        weights = torch.linspace(-1, 2, features.shape[-1], device=features.device)
        (gradient,) = torch.autograd.grad((features * weights).sum(), inputs)
        results.append((features.detach().clone(), gradient.clone()))
    a, b = results
    of_features, of_gradients = (
        float((x - y).abs().max() / y.abs().max().clamp_min(1e-12))
        for x, y in zip(a, b, strict=True)
    )
    return of_features, of_gradients
