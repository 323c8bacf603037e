"""How much memory a training pass through the text encoder takes, and how to stay below a bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ldpf.backbones import TextTower
from ldpf.text.packing import TYPICAL_WIDTH

_MIB = 2**20
_HEAP = 1.3
"""What a process takes over what its tensors hold: freed pieces of the heap lie between used ones.
Measured 1.25 to 1.35 with the GNU C library's allocator, for a tower of ViT-B/16 size."""


@dataclass(frozen=True)
class ChunkChoice:
    """How many classes to compute at a time, and why.

    Attributes:
        class_chunk: for `PromptedTextEncoder(class_chunk=...)`; None computes all at once.
        estimate_mib: expected memory of a training pass with this choice, weights not counted.
        unchunked_mib: the same for all classes at once.
        budget_mib: what was allowed.
        reason: one sentence to print.
    """

    class_chunk: int | None
    estimate_mib: float
    unchunked_mib: float
    budget_mib: float
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class TokenCost:
    """Bytes that the activations of one token take in a training pass.

    Until the backward pass, a layer keeps the inputs of both layer norms, queries, keys, values and
    attended values (1 W each) and the MLP's hidden states (I; twice in transformers' QuickGELU).

    Attributes:
        shared: kept by a token of the shared-prefix path, all layers.
        copied: kept by the copy of a prefix token's keys and values in a block, all layers.
        whole: kept by a token of the reference or truncated path, all layers.
        passing: on top, while its layer is computed forward or backward.
    """

    shared: int
    copied: int
    whole: int
    passing: int

    @classmethod
    def of(cls, tower: TextTower) -> TokenCost:
        """Costs for a tower's width, depth, activation and precision."""
        config = tower.model.config
        width, inner = config.hidden_size, config.intermediate_size
        kept = tower.dtype.itemsize * config.num_hidden_layers
        twice = 2 if config.hidden_act == "quick_gelu" else 1
        return cls(
            shared=kept * (6 * width + inner),
            copied=kept * 2 * width,
            whole=kept * (6 * width + twice * inner),
            passing=tower.dtype.itemsize * (8 * width + 3 * inner),
        )

    def shared_mib(self, prompts: int, prefix: int, class_tokens: int) -> float:
        """A pass with P prompts, L prefix and T class tokens at a time, in MiB."""
        copies = class_tokens / TYPICAL_WIDTH * prefix * self.copied
        tokens = (prefix + class_tokens) * (self.shared + self.passing)
        return _HEAP * prompts * (tokens + copies) / _MIB

    def whole_mib(self, tokens: int) -> float:
        """A pass over whole sentences with so many tokens at a time, in MiB."""
        return _HEAP * tokens * (self.whole + self.passing) / _MIB


def choose_chunk(
    n_classes: int, estimate: Callable[[int | None], float], budget_mib: float
) -> ChunkChoice:
    """The largest class chunk whose estimate stays within the budget.

    Args:
        n_classes: K.
        estimate: MiB of a training pass for a class chunk, growing with it; None is unchunked.
        budget_mib: what may be used. If even single classes exceed it, chunks of one are chosen
            and the reason says so.
    """
    whole = estimate(None)
    if whole <= budget_mib:
        reason = (
            f"class chunk: none (all {n_classes} classes at once take about {whole:.1f} MiB, "
            f"budget {budget_mib:.1f} MiB)"
        )
        return ChunkChoice(None, whole, whole, budget_mib, reason)
    low, high = 1, max(1, n_classes - 1)  # the largest that fits lies in [low, high], or is 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if estimate(middle) <= budget_mib else (low, middle - 1)
    n_chunks = -(-n_classes // low)
    chunk = -(-n_classes // n_chunks)  # equal chunks: no small rest at the end
    need = estimate(chunk)
    over = "" if need <= budget_mib else ", still more than that"
    reason = (
        f"class chunk: {chunk} of {n_classes} classes at a time (about {need:.1f} MiB instead of "
        f"{whole:.1f} MiB, budget {budget_mib:.1f} MiB{over}); the backward pass computes each "
        "chunk once more"
    )
    return ChunkChoice(chunk, need, whole, budget_mib, reason)
