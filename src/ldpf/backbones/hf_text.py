"""A language model of transformers as the text tower of an OpenCLIP checkpoint (BiomedCLIP's).

It computes what `HFTextEncoder` of https://github.com/mlfoundations/open_clip (hf_model.py)
computes: the model's states of a sentence whose padding is masked, one state or their mean, and a
projection without biases.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ldpf.backbones.checkpoint_schema import COPY
from ldpf.backbones.hub import hub_file
from ldpf.backbones.open_clip_fields import Fields
from ldpf.backbones.pooling import Pooling, pool
from ldpf.backbones.text_model import Projection, TextModel
from ldpf.errors import BackboneError

_POOLERS: dict[str, Pooling] = {
    "mean_pooler": "mean",
    "max_pooler": "max",
    "cls_pooler": "first",
    "cls_last_hidden_state_pooler": "first",
}
_WITH_OWN_POOLER = "cls_pooler"
"""The one behind which the language model's own dense layer for its first token is used."""

_PROJECTIONS = ("linear", "mlp", None, "")


@dataclass(frozen=True)
class TextSizes:
    """Sizes of a language model under the names of CLIP's text config; see `TextConfig`."""

    model_type: str
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    hidden_act: str
    vocab_size: int

    @classmethod
    def of(cls, config: Any) -> TextSizes:
        """From transformers' config of any model."""

        def first(*names: str, default: Any = None) -> Any:
            found = (getattr(config, name, None) for name in names)
            return next((value for value in found if value is not None), default)

        width = first("hidden_size", "d_model", "dim")
        return cls(
            model_type=config.model_type,
            hidden_size=width,
            intermediate_size=first(
                "intermediate_size", "d_ff", "encoder_ffn_dim", "hidden_dim", default=4 * width
            ),
            num_hidden_layers=first("num_hidden_layers", "encoder_layers", "num_layers"),
            num_attention_heads=first("num_attention_heads", "encoder_attention_heads"),
            hidden_act=str(
                first("hidden_act", "activation_function", "dense_act_fn", "activation")
            ),
            vocab_size=config.vocab_size,
        )


class HFText(nn.Module):
    """A language model, its pooling and the projection."""

    causal = False
    masks_padding = True

    def __init__(self, config: Any, *, pooler: str, projection: str | None, embed_dim: int) -> None:
        """A tower with random weights.

        Args:
            config: transformers' config of the language model.
            pooler: as OpenCLIP calls it.
            projection: `linear`, `mlp`, or None for no projection if the width is D already.
            embed_dim: D.
        """
        super().__init__()
        self.config = config
        self.sizes = TextSizes.of(config)
        self.pooling: Pooling = _POOLERS[pooler]
        self.has_own_pooler = pooler == _WITH_OWN_POOLER
        self.transformer: Any = _language_model(config, self.has_own_pooler)
        width, middle = self.sizes.hidden_size, (self.sizes.hidden_size + embed_dim) // 2
        if projection == "linear":
            self.proj: nn.Module = nn.Linear(width, embed_dim, bias=False)
        elif projection == "mlp":
            self.proj = nn.Sequential(
                nn.Linear(width, middle, bias=False),
                nn.GELU(),
                nn.Linear(middle, embed_dim, bias=False),
            )
        else:
            self.proj = nn.Identity()
        self.embed_dim = embed_dim
        # An encoder may scale its embeddings. Prompts are learned behind that.
        self.scale = getattr(self.transformer.get_input_embeddings(), "embed_scale", None)

    def scale_embeddings(self) -> None:
        """Move the factor of scaled embeddings (NLLB) into the table, once weights are loaded."""
        if self.scale is not None:
            table = self.transformer.get_input_embeddings()
            table.weight.data *= float(self.scale)
            table.embed_scale = 1.0

    @property
    def model(self) -> TextModel:
        """The language model for prompts: it takes embedded tokens."""
        parts: Any = _EmbedsFirst(self.transformer, self.sizes)
        return parts

    @property
    def projection(self) -> Projection:
        """From the pooled state to the joint space."""
        return _Head(self._own_pooler, self.proj, self.embed_dim)

    @property
    def _own_pooler(self) -> nn.Module | None:
        return getattr(self.transformer, "pooler", None) if self.has_own_pooler else None

    def encode(self, ids: Tensor) -> Tensor:
        """Text features [N, D] of whole sentences [N, L], as OpenCLIP computes them."""
        written = ids != self.config.pad_token_id
        output = self.transformer(input_ids=ids, attention_mask=written.long())
        if self._own_pooler is not None:
            return self.proj(output.pooler_output)
        return self.proj(pool(output.last_hidden_state, written, self.pooling))


def _language_model(config: Any, own_pooler: bool) -> nn.Module:
    """The language model, or its encoder, with random weights."""
    from transformers import AutoModel
    from transformers.models.auto.modeling_auto import MODEL_MAPPING

    kind = MODEL_MAPPING[type(config)]
    kind = kind[0] if isinstance(kind, list | tuple) else kind
    settings: dict[str, Any] = {}
    if "add_pooling_layer" in inspect.signature(kind.__init__).parameters:
        settings["add_pooling_layer"] = own_pooler
    whole = AutoModel.from_config(config, **settings)
    return whole.encoder if getattr(config, "is_encoder_decoder", False) else whole


class _Embeddings(nn.Module):
    """The table of a language model, which adds positions by itself."""

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        self.token_embedding = table

    def forward(self, inputs_embeds: Tensor) -> Tensor:
        return inputs_embeds


class _Encoder(nn.Module):
    def __init__(self, transformer: nn.Module) -> None:
        super().__init__()
        self.transformer = transformer
        self.layers: tuple[Any, ...] = ()

    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor, is_causal: bool) -> Any:
        return self.transformer(inputs_embeds=inputs_embeds, attention_mask=attention_mask)


class _EmbedsFirst(nn.Module):
    """A language model cut into the parts that `TextModel` names."""

    def __init__(self, transformer: Any, sizes: TextSizes) -> None:
        super().__init__()
        self.config = sizes
        self.embeddings = _Embeddings(transformer.get_input_embeddings())
        self.encoder = _Encoder(transformer)
        self.final_layer_norm = nn.Identity()


class _Head(nn.Module):
    """The language model's own dense layer, if it is used, and the projection."""

    def __init__(self, pooler: nn.Module | None, proj: nn.Module, out_features: int) -> None:
        super().__init__()
        self.pooler, self.proj, self.out_features = pooler, proj, out_features

    def forward(self, pooled: Tensor) -> Tensor:
        if self.pooler is not None:
            pooled = self.pooler(pooled[:, None])  # of a sentence it takes the first state
        return self.proj(pooled)


def build(fields: Fields, config: Any) -> HFText:
    """The tower that `text_cfg` describes, with random weights.

    Args:
        fields: of `open_clip_config.json`.
        config: transformers' config of the language model.

    Raises:
        BackboneError: a pooling or projection that does not exist.
    """
    pooler, projection = fields.text["hf_pooler_type"], fields.text["hf_proj_type"]
    if pooler not in _POOLERS:
        raise fields.refuse("text_cfg.hf_pooler_type", pooler)
    width = TextSizes.of(config).hidden_size
    if projection not in _PROJECTIONS or (not projection and width != fields.embed_dim):
        raise fields.refuse("text_cfg.hf_proj_type", projection)
    return HFText(config, pooler=pooler, projection=projection or None, embed_dim=fields.embed_dim)


def read_config(folder: Path, name: str) -> Any:
    """transformers' config of the language model that a checkpoint names.

    Args:
        folder: of the checkpoint; a copy in its folder `text_tower` is read first.
        name: of the language model on the hub.

    Raises:
        BackboneError: it cannot be found or is of a kind that transformers does not know.
    """
    from transformers import AutoConfig

    here = folder / COPY / "config.json"
    try:
        path = here if here.is_file() else hub_file(name, "config.json")
        return AutoConfig.from_pretrained(path.parent, local_files_only=True)
    except BackboneError as error:
        # What follows is what to do about a whole backbone.
        reason = str(error).partition(" Behind a proxy")[0]
        raise BackboneError(
            f"The sizes of the text tower of {str(folder)!r} are in config.json of {name!r}. "
            f"{reason} Where there is a network, 'hf download {name} config.json --local-dir "
            f"{here.parent}' puts that file where it is looked for first."
        ) from error
    except (ValueError, KeyError, OSError) as error:
        raise BackboneError(
            f"The config.json of {name!r} does not describe a model that transformers knows "
            f"({str(error).splitlines()[0][:200]})."
        ) from error


@torch.no_grad()
def check_takes_embeddings(text: HFText, ids: Tensor, name: str) -> None:
    """Refuse a language model that computes something else from embedded tokens than from ids.

    Args:
        text: with its weights.
        ids: of a sentence, [1, L].
        name: of the backbone.

    Raises:
        BackboneError: prompts could not be learned in front of it.
    """
    expected = text.encode(ids)
    embedded = text.model.embeddings.token_embedding(ids)
    written = torch.ones_like(ids)
    hidden = text.transformer(inputs_embeds=embedded, attention_mask=written).last_hidden_state
    result = text.projection(pool(hidden, written.bool(), text.pooling))
    scale = expected.norm().clamp_min(1e-6)
    if (result - expected).norm() > 1e-3 * scale:
        raise BackboneError(
            f"The text tower of {name!r} is of type {text.sizes.model_type!r}, which computes "
            "something else from embedded tokens than from words; it cannot carry learnable "
            "prompts."
        )
