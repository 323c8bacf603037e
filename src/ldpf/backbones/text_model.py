"""What prompt learning reads of a transformers text model: the names and types of its parts.

CLIP's, MetaCLIP 2's and SigLIP's text transformers have these parts in common. transformers types
them as `Tensor | Module`, which says nothing; these protocols say what the code relies on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from torch import Tensor, nn


class ModelPart(Protocol):
    """Any part with weights that can be called; every `nn.Module` is one."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The forward pass."""
        ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """The weights by name."""
        ...


class Attention(Protocol):
    """Query, key, value and output maps of one layer."""

    q_proj: nn.Linear
    k_proj: nn.Linear
    v_proj: nn.Linear
    out_proj: nn.Linear


class MLP(Protocol):
    """fc2(activation_fn(fc1(x)))."""

    fc1: nn.Linear
    fc2: nn.Linear
    activation_fn: Callable[[Tensor], Tensor]


class EncoderLayer(Protocol):
    """One pre-norm transformer layer."""

    self_attn: Attention
    layer_norm1: nn.LayerNorm
    mlp: MLP
    layer_norm2: nn.LayerNorm


class Encoder(ModelPart, Protocol):
    """The layers from bottom to top."""

    @property
    def layers(self) -> Iterable[EncoderLayer]:
        """From bottom to top."""
        ...


class Embeddings(ModelPart, Protocol):
    """Token embeddings [vocabulary, W] and position embeddings [context length, W]."""

    token_embedding: nn.Embedding
    position_embedding: nn.Embedding


class Projection(ModelPart, Protocol):
    """From the tower's width W to the joint space D."""

    @property
    def out_features(self) -> int:
        """D."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """All weights."""
        ...


class TextConfig(Protocol):
    """Sizes and activation of the text model."""

    model_type: str
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    hidden_act: str


class TextModel(ModelPart, Protocol):
    """Embeddings, encoder layers and final layer norm."""

    config: TextConfig
    embeddings: Embeddings
    encoder: Encoder
    final_layer_norm: nn.LayerNorm

    def parameters(self) -> Iterator[nn.Parameter]:
        """All weights."""
        ...
