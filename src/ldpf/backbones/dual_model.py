"""An image tower and a text tower of two libraries as one model with transformers' methods."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection
from transformers.modeling_outputs import BaseModelOutputWithPooling

from ldpf.backbones.pooling import Pooling, pool
from ldpf.backbones.text_model import Projection, TextModel

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


@dataclass
class DualConfig:
    """What a `DualModel` is made of.

    Attributes:
        text_config, vision_config: of its towers.
        settings: what changes a feature and cannot be seen in the weights; part of the
            fingerprint.
        model_type: of the family.
    """

    text_config: Any
    vision_config: Any
    settings: dict[str, Any] = field(default_factory=dict)
    model_type: str = "open-clip"


class TextPart(Protocol):
    """A text tower that a `DualModel` can have: a module with these attributes."""

    @property
    def causal(self) -> bool:
        """Whether a position only sees those before it."""
        ...

    @property
    def pooling(self) -> Pooling:
        """Which state is the sentence's feature."""
        ...

    @property
    def masks_padding(self) -> bool:
        """Whether no position sees the padding."""
        ...

    @property
    def model(self) -> TextModel:
        """Embeddings, encoder and final layer norm, for prompts."""
        ...

    @property
    def projection(self) -> Projection:
        """To the joint space."""
        ...

    def encode(self, ids: Tensor) -> Tensor:
        """Text features [N, D] of token ids [N, L], not of length one."""
        ...


class DualModel(nn.Module):
    """Image features by one tower, text features by another, compared with a temperature."""

    logit_bias: nn.Parameter | None

    def __init__(
        self, image: nn.Module, text: TextPart, config: DualConfig, *, with_bias: bool = False
    ) -> None:
        """Put two towers together.

        Args:
            image: pixels [N, 3, H, W] to features [N, D].
            text: the text tower.
            config: what they are.
            with_bias: whether the model was trained with the sigmoid loss and has a bias.
        """
        super().__init__()
        self.image = image
        self.text = text
        self.config = config
        self.logit_scale = nn.Parameter(torch.zeros(()))
        self.logit_bias = nn.Parameter(torch.zeros(())) if with_bias else None

    @property
    def vision_model(self) -> nn.Module:
        """The image tower, under transformers' name."""
        return self.image

    def get_image_features(self, pixel_values: Tensor) -> Any:
        """Image features as `pooler_output`, not of length one."""
        return BaseModelOutputWithPooling(pooler_output=self.image(pixel_values))

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Any:
        """Text features of whole sentences as `pooler_output`, not of length one.

        The mask is not needed: what the padding is, or that it is read, belongs to the tower.
        """
        return BaseModelOutputWithPooling(pooler_output=self.text.encode(input_ids))


class OwnText(nn.Module):
    """OpenCLIP's text transformer with every kind of attention and pooling it is trained with."""

    masks_padding = False

    def __init__(
        self,
        config: CLIPTextConfig,
        embed_dim: int,
        *,
        causal: bool,
        pooling: Pooling,
        projection_bias: bool,
    ) -> None:
        """A tower with random weights.

        Args:
            config: sizes, activation and end token.
            embed_dim: D.
            causal: whether a position only sees those before it.
            pooling: `eos` or `last`.
            projection_bias: whether the projection has a bias.
        """
        super().__init__()
        whole = CLIPTextModelWithProjection(config)
        self.text_model: Any = whole.text_model
        self.text_projection = nn.Linear(config.hidden_size, embed_dim, bias=projection_bias)
        self.end = config.eos_token_id
        self.causal = causal
        self.pooling: Pooling = pooling

    @property
    def model(self) -> TextModel:
        """Embeddings, encoder and final layer norm."""
        return self.text_model

    @property
    def projection(self) -> nn.Linear:
        """To the joint space."""
        return self.text_projection

    def encode(self, ids: Tensor) -> Tensor:
        """Text features [N, D] of whole sentences [N, L], of which the padding is read, too."""
        length = ids.shape[1]
        hidden = self.text_model.embeddings(input_ids=ids)
        mask = None
        if self.causal:
            mask = torch.full((length, length), float("-inf"), device=ids.device).triu(1)
            mask = mask.to(hidden.dtype)[None, None]
        hidden = self.text_model.encoder(
            inputs_embeds=hidden, attention_mask=mask, is_causal=self.causal
        ).last_hidden_state
        hidden = self.text_model.final_layer_norm(hidden)
        # The first one: padding may be the same token.
        end = torch.eq(ids, cast(int, self.end)).int().argmax(dim=1)
        written = torch.arange(length, device=ids.device) <= end[:, None]
        return self.text_projection(pool(hidden, written, self.pooling))


class PlainImage(nn.Module):
    """OpenCLIP's own image tower, as transformers computes it."""

    def __init__(self, config: PreTrainedConfig) -> None:
        """A tower with random weights."""
        from transformers import CLIPVisionModelWithProjection

        super().__init__()
        whole = CLIPVisionModelWithProjection(config)  # type: ignore[arg-type]
        self.vision_model: Any = whole.vision_model
        self.visual_projection: Any = whole.visual_projection

    def forward(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] to [N, D]."""
        return self.visual_projection(self.vision_model(pixel_values=pixels).pooler_output)
