"""Random text towers of any size, and a tokenizer that makes one token of each word."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import pytest
import torch

from ldpf.backbones import TextTower

VOCABULARY = 200


class WordTokenizer:
    """One id per word or full stop, by its checksum; ids 0 .. VOCABULARY - 4."""

    pad_token_id = VOCABULARY - 3

    def __call__(
        self, text: str, add_special_tokens: bool = True, verbose: bool = True
    ) -> dict[str, list[int]]:
        assert not add_special_tokens
        words = text.replace(".", " . ").split()
        return {"input_ids": [zlib.crc32(word.encode()) % (VOCABULARY - 3) for word in words]}


@pytest.fixture
def make_tower() -> Callable[..., TextTower]:
    """A function that draws a tower: `make_tower(width=32, layers=2, heads=4, act="gelu")`.

    Weights are larger than at CLIP's start, so that attention and activations are far from linear.
    """

    def make(
        width: int = 32,
        layers: int = 2,
        heads: int = 4,
        act: str = "quick_gelu",
        *,
        dtype: torch.dtype = torch.float32,
        causal: bool = True,
        context_length: int = 77,
        trainable: bool = False,
        seed: int = 0,
    ) -> TextTower:
        from transformers import CLIPTextConfig, CLIPTextModel

        config = CLIPTextConfig(
            vocab_size=VOCABULARY,
            hidden_size=width,
            intermediate_size=3 * width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            hidden_act=act,
            max_position_embeddings=context_length,
            initializer_factor=3.0,
            bos_token_id=VOCABULARY - 2,
            eos_token_id=VOCABULARY - 1,
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = CLIPTextModel(config)
            projection = torch.nn.Linear(width, width + 8, bias=False)
            for name, parameter in model.named_parameters():
                # Drawn biases and norms: their start values of 0 and 1 would hide a wrong use.
                if "bias" in name or "norm" in name:
                    parameter.data += 0.3 * torch.randn_like(parameter)
        for module in (model, projection):
            module.eval().to(dtype).requires_grad_(trainable)
        return TextTower(
            model=model,
            projection=projection,
            tokenizer=WordTokenizer(),
            bos_id=VOCABULARY - 2,
            eos_id=VOCABULARY - 1,
            context_length=context_length,
            causal=causal,
        )

    return make


@pytest.fixture
def names_of() -> Callable[[Sequence[int]], list[str]]:
    """A function from token numbers to different class names: [2, 1] to ["w0 w1", "w2"]."""

    def make(lengths: Sequence[int]) -> list[str]:
        words = iter(range(sum(lengths)))
        return [" ".join(f"w{next(words)}" for _ in range(length)) for length in lengths]

    return make


@pytest.fixture
def values_and_gradients() -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """A function that runs an encoder forward and backward: features and contexts' gradient."""

    def run(encoder, contexts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        contexts = contexts.clone().requires_grad_()
        features = encoder(contexts)
        weights = torch.arange(features.numel(), dtype=features.dtype).cos().view_as(features)
        (features * weights).sum().backward()
        return features.detach(), contexts.grad

    return run


@pytest.fixture
def relative_error() -> Callable[[torch.Tensor, torch.Tensor], float]:
    """A function: largest difference over largest size of the expected values."""

    def measure(value: torch.Tensor, expected: torch.Tensor) -> float:
        assert value.shape == expected.shape
        if not expected.numel():
            return 0.0
        return float((value - expected).abs().max() / expected.abs().max())

    return measure
