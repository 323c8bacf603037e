"""OpenCLIP's tensors under the names, and in the shapes, of transformers' CLIP."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from ldpf.errors import BackboneError

_TOP = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    "visual.proj": "visual_projection.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "text_projection": "text_projection.weight",
    "text_projection.weight": "text_projection.weight",
    "text_projection.bias": "text_projection.bias",
    "logit_scale": "logit_scale",
    "logit_bias": "logit_bias",
}

_IN_A_LAYER = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


def rename(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """OpenCLIP's tensors under transformers' names; names that are not known stay as they are."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        # Models whose text tower is a separate class call it `text.`; the rest is the same.
        plain = name.removeprefix("text.")
        if plain == "attn_mask":  # a constant that old files hold
            continue
        if plain in _TOP:
            target = _TOP[plain]
            if target.endswith("_projection.weight") and not plain.endswith(".weight"):
                tensor = tensor.T.contiguous()  # [W, D] there, [D, W] here
            renamed[target] = tensor.reshape(()) if plain.startswith("logit_") else tensor
            continue
        tower = "vision_model" if plain.startswith("visual.") else "text_model"
        place = plain.removeprefix("visual.").removeprefix("transformer.resblocks.")
        number, _, part = place.partition(".")
        part, _, kind = part.rpartition(".")
        layer = f"{tower}.encoder.layers.{number}"
        if number.isdigit() and part in _IN_A_LAYER:
            renamed[f"{layer}.{_IN_A_LAYER[part]}.{kind}"] = tensor
        elif number.isdigit() and part == "attn" and kind.startswith("in_proj_"):
            for letter, third in zip("qkv", tensor.chunk(3), strict=True):
                ending = kind.removeprefix("in_proj_")
                renamed[f"{layer}.self_attn.{letter}_proj.{ending}"] = third.contiguous()
        else:
            renamed[name] = tensor
    return renamed


def require_fit(model: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Raise BackboneError unless the weights are the model's, each in its size."""
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if missing := sorted(expected.keys() - weights.keys()):
        raise BackboneError(
            f"The weights in {str(path)!r} lack {len(missing)} tensors of the model (first, as "
            f"transformers calls it: {missing[0]!r}); the file belongs to another architecture "
            "or is incomplete."
        )
    if unknown := sorted(weights.keys() - expected.keys()):
        raise BackboneError(
            f"The weights in {str(path)!r} hold {len(unknown)} tensors that the model of its "
            f"config does not have (first: {unknown[0]!r}); the architecture is not supported."
        )
    for name, shape in expected.items():
        if tuple(weights[name].shape) != shape:
            raise BackboneError(
                f"The tensor {name!r} from {str(path)!r} has shape {list(weights[name].shape)}, "
                f"but its config asks for {list(shape)}; they do not belong together."
            )
