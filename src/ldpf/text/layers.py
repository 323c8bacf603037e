"""CLIP's text transformer layer as plain functions of frozen weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.activations import QuickGELUActivation

from ldpf.backbones import TextTower
from ldpf.backbones.text_model import EncoderLayer

_QUICK_GELU = 1.702


@dataclass(frozen=True)
class FrozenLayer:
    """Weights of one layer, detached, arranged for few operations.

    QuickGELU is x sigmoid(1.702 x) = silu(1.702 x) / 1.702. The factor goes into the layer norm
    before the first linear map and out again where the result joins the residual stream. One
    operation then replaces three, and the backward pass needs one saved tensor instead of two.

    Attributes:
        norm1, norm1_bias: layer norm before attention, [W].
        qkv, qkv_bias: query, key and value maps above each other, [3 W, W] and [3 W].
        out, out_bias: attention's output map, [W, W] and [W].
        norm2, norm2_bias: layer norm before the MLP, [W].
        fc1, fc1_bias, fc2, fc2_bias: the MLP, hidden size I: [I, W], [I], [W, I], [W].
        activation: between fc1 and fc2.
        rescale: what the MLP's result is multiplied with.
        eps: of both layer norms.
    """

    norm1: Tensor
    norm1_bias: Tensor
    qkv: Tensor
    qkv_bias: Tensor
    out: Tensor
    out_bias: Tensor
    norm2: Tensor
    norm2_bias: Tensor
    fc1: Tensor
    fc1_bias: Tensor
    fc2: Tensor
    fc2_bias: Tensor
    activation: Callable[[Tensor], Tensor]
    rescale: float
    eps: float

    @classmethod
    def read(cls, layer: EncoderLayer) -> FrozenLayer:
        """Take the weights of one layer of the text model."""
        attention, mlp = layer.self_attn, layer.mlp
        projections = (attention.q_proj, attention.k_proj, attention.v_proj)
        quick = isinstance(mlp.activation_fn, QuickGELUActivation)
        scale = _QUICK_GELU if quick else 1.0
        return cls(
            norm1=layer.layer_norm1.weight.detach(),
            norm1_bias=layer.layer_norm1.bias.detach(),
            qkv=torch.cat([p.weight.detach() for p in projections]),
            qkv_bias=torch.cat([p.bias.detach() for p in projections]),
            out=attention.out_proj.weight.detach(),
            out_bias=attention.out_proj.bias.detach(),
            norm2=layer.layer_norm2.weight.detach() * scale,
            norm2_bias=layer.layer_norm2.bias.detach() * scale,
            fc1=mlp.fc1.weight.detach(),
            fc1_bias=mlp.fc1.bias.detach() * scale,
            fc2=mlp.fc2.weight.detach(),
            fc2_bias=mlp.fc2.bias.detach() * scale,
            activation=F.silu if quick else mlp.activation_fn,
            rescale=1.0 / scale,
            eps=layer.layer_norm1.eps,
        )

    def norm(self, x: Tensor) -> Tensor:
        """What attention reads of the residual stream: [..., W] to [..., W]."""
        return F.layer_norm(x, self.norm1.shape, self.norm1, self.norm1_bias, self.eps)

    def project(self, h: Tensor, parts: str = "qkv") -> Tensor:
        """Queries, keys and values, those named in `parts`: [..., W] to [..., len(parts) W]."""
        width = len(self.norm1)
        rows = slice("qkv".index(parts[0]) * width, ("qkv".index(parts[-1]) + 1) * width)
        return F.linear(h, self.qkv[rows], self.qkv_bias[rows])

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """The rest of the layer: residual stream and attended values [..., W] to [..., W]."""
        x = x + F.linear(attended, self.out, self.out_bias)
        h = F.layer_norm(x, self.norm2.shape, self.norm2, self.norm2_bias, self.eps)
        h = self.activation(F.linear(h, self.fc1, self.fc1_bias))
        return torch.add(x, F.linear(h, self.fc2, self.fc2_bias), alpha=self.rescale)


@dataclass(frozen=True)
class FrozenTower:
    """All weights the shared-prefix path reads, detached.

    Attributes:
        layers: from bottom to top.
        heads: attention heads per layer.
        tokens: token embeddings, [vocabulary, W].
        positions: position embeddings, [context length, W].
        start: embedding of [SOS], [1, W]; [0, W] for a tower without one.
        norm, norm_bias, eps: the final layer norm.
        projection, projection_bias: to the joint space, [D, W] and [D]; CLIP's has no bias.
    """

    layers: tuple[FrozenLayer, ...]
    heads: int
    tokens: Tensor
    positions: Tensor
    start: Tensor
    norm: Tensor
    norm_bias: Tensor
    eps: float
    projection: Tensor
    projection_bias: Tensor | None

    @classmethod
    def read(cls, tower: TextTower) -> FrozenTower:
        """Take the weights of a text tower. The big ones are shared, q, k, v are copied."""
        # The towers that share prefixes are CLIP's, whose projection is linear.
        model, projection = tower.model, cast(nn.Linear, tower.projection)
        bias = projection.bias
        tokens = model.embeddings.token_embedding.weight.detach()
        return cls(
            layers=tuple(FrozenLayer.read(layer) for layer in model.encoder.layers),
            heads=model.config.num_attention_heads,
            tokens=tokens,
            positions=model.embeddings.position_embedding.weight.detach(),
            start=tokens[tower.start_ids],
            norm=model.final_layer_norm.weight.detach(),
            norm_bias=model.final_layer_norm.bias.detach(),
            eps=model.final_layer_norm.eps,
            projection=projection.weight.detach(),
            projection_bias=None if bias is None else bias.detach(),
        )

    def features(self, x: Tensor) -> Tensor:
        """Final states of [EOS] to text features of length one: [..., W] to [..., D]."""
        x = F.layer_norm(x, self.norm.shape, self.norm, self.norm_bias, self.eps)
        return F.normalize(F.linear(x, self.projection, self.projection_bias), dim=-1)
