"""The text encoder benchmark's work: a random tower, drawn class names, and passes to measure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ldpf.backbones import TextTower
from ldpf.text import PromptedTextEncoder

CONTEXT_TOKENS = 12
# Tokens per class name, close to the object names of the usual benchmarks; mean 1.8.
NAME_LENGTHS, LENGTH_SHARES = (1, 2, 3, 4, 5), (0.5, 0.3, 0.13, 0.05, 0.02)


@dataclass(frozen=True)
class Sizes:
    """Sizes of the tower, and where it is.

    Attributes:
        width, heads, layers, vocabulary: of the text transformer; the joint space has `width` too.
        seed: of weights, names, contexts and upstream gradients.
        device: `cpu` or `cuda`.
    """

    width: int
    heads: int
    layers: int
    vocabulary: int
    seed: int
    device: str


class IdTokenizer:
    """Reads names that are already token ids: "17 230." is [17, 230, full stop]."""

    pad_token_id = 0

    def __init__(self, vocabulary: int) -> None:
        self.stop = vocabulary - 3

    def __call__(
        self, text: str, add_special_tokens: bool = True, verbose: bool = True
    ) -> dict[str, list[int]]:
        words = text.replace(".", f" {self.stop}").split()
        return {"input_ids": [int(word) for word in words]}


def random_tower(sizes: Sizes) -> TextTower:
    """A CLIP text tower with random weights and 77 positions."""
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        vocab_size=sizes.vocabulary,
        hidden_size=sizes.width,
        intermediate_size=4 * sizes.width,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        bos_token_id=sizes.vocabulary - 2,
        eos_token_id=sizes.vocabulary - 1,
    )
    torch.manual_seed(sizes.seed)
    model = CLIPTextModel(config)
    projection = nn.Linear(sizes.width, sizes.width, bias=False)
    for module in (model, projection):
        module.eval().requires_grad_(False).to(sizes.device)
    return TextTower(
        model=model,
        projection=projection,
        tokenizer=IdTokenizer(sizes.vocabulary),
        bos_id=sizes.vocabulary - 2,
        eos_id=sizes.vocabulary - 1,
        context_length=77,
    )


@dataclass(frozen=True)
class Pass:
    """One forward and backward pass over some classes, ready to be run."""

    encoder: PromptedTextEncoder
    contexts: Tensor  # [S, 12, W]
    upstream: Tensor  # [S, classes, D]

    def __call__(self) -> tuple[Tensor, Tensor]:
        """Features [S, classes, D] and the contexts' gradient [S, 12, W]."""
        contexts = self.contexts.clone().requires_grad_()
        features = self.encoder(contexts)
        features.backward(self.upstream)
        return features.detach(), contexts.grad


@dataclass(frozen=True)
class Workload:
    """One case: K class names, S contexts, and the gradient that comes back for their features."""

    tower: TextTower
    names: tuple[str, ...]
    contexts: Tensor  # [S, 12, W]
    upstream: Tensor  # [S, K, D]

    @classmethod
    def draw(cls, sizes: Sizes, n_classes: int, n_prompts: int) -> Workload:
        """The same workload for the same arguments, in every process."""
        draws = np.random.default_rng([sizes.seed, n_classes])
        lengths = draws.choice(NAME_LENGTHS, n_classes, p=LENGTH_SHARES)
        ids = [draws.integers(0, sizes.vocabulary - 3, length) for length in lengths]
        normal = torch.Generator().manual_seed(sizes.seed)
        contexts = torch.randn(n_prompts, CONTEXT_TOKENS, sizes.width, generator=normal)
        upstream = torch.randn(n_prompts, n_classes, sizes.width, generator=normal)
        return cls(
            tower=random_tower(sizes),
            names=tuple(" ".join(map(str, name)) for name in ids),
            contexts=0.02 * contexts.to(sizes.device),
            upstream=upstream.to(sizes.device),
        )

    def whole(self, path: str, class_chunk: int | None = None) -> Pass:
        """A pass over all classes."""
        encoder = PromptedTextEncoder(self.tower, self.names, path=path, class_chunk=class_chunk)
        return Pass(encoder, self.contexts, self.upstream)

    def pieces(self, path: str, budget_mib: float) -> list[Pass]:
        """Passes over parts of the classes that each stay within a budget.

        With the upstream gradient given, no class's part of the work depends on another's: features
        laid side by side and gradients added up are those of the whole pass.
        """
        whole = self.whole(path)
        choice = whole.encoder.choose_class_chunk(len(self.contexts), CONTEXT_TOKENS, budget_mib)
        if choice.class_chunk is None:
            return [whole]
        parts = [
            slice(start, start + choice.class_chunk)
            for start in range(0, len(self.names), choice.class_chunk)
        ]
        return [
            Pass(
                PromptedTextEncoder(self.tower, self.names[part], path=path),
                self.contexts,
                self.upstream[:, part],
            )
            for part in parts
        ]
