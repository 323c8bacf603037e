"""From text features of several prompts and fusion weights to one set of class logits."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from ldpf.fusion.base import FusionInputs, FusionRule

_ELEMENTS_PER_CHUNK = 1 << 24


def fuse(rule: FusionRule, inputs: FusionInputs) -> torch.Tensor:
    """Class logits of images by a fusion rule, [N, K].

    The images are taken in chunks, so memory beyond the result does not grow with N. What a rule
    mixes decides how; `fuse_reference` is the definition that each way agrees with.
    """
    parts = (inputs.select(images) for images in chunks(inputs))
    return torch.cat([mixed(rule, part, rule.weights(part)) for part in parts])


def mixed(rule: FusionRule, inputs: FusionInputs, weights: torch.Tensor) -> torch.Tensor:
    """Class logits [N, K] of a rule that has given `weights`, all images at once."""
    return rule.finish(inputs, weights, MIXTURES[rule.mixes](inputs, weights))


def chunks(inputs: FusionInputs) -> Iterator[slice]:
    """The images in parts that keep [N, S, K] small; one empty part where there are none."""
    prompts, classes, _ = inputs.text_features.shape
    rows = max(1, _ELEMENTS_PER_CHUNK // (prompts * classes))
    for start in range(0, max(len(inputs.image_features), 1), rows):
        yield slice(start, start + rows)


def mix_text(inputs: FusionInputs, weights: torch.Tensor) -> torch.Tensor:
    """cos(f, t_k(x)) / T with t_k(x) = sum_s alpha_s(x) t_k^s, never building t_k(x).

    The numerator is the weighted sum of per-prompt cosines, and the norm of t_k(x) comes from the
    S x S Gram matrix of each class: |t_k(x)|^2 = alpha^T G_k alpha. Memory is N * S * K numbers
    instead of N * K * D.
    """
    texts = inputs.text_features
    cosines = torch.einsum("nd,skd->nsk", inputs.image_features, texts)
    numerator = _weighted(weights, cosines)
    return inputs.logit_scale * (numerator / fused_norms(texts, weights))


def fused_norms(text_features: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """|t_k(x)|, [N, K], of t_k(x) = sum_s alpha_s(x) t_k^s: weights [N, S] or [N, S, K]."""
    gram = torch.einsum("skd,rkd->ksr", text_features, text_features)  # [K, S, S]
    of_weights = "ns" if weights.dim() == 2 else "nsk"
    other = of_weights.replace("s", "r")
    squared = torch.einsum(f"{of_weights},ksr,{other}->nk", weights, gram, weights)
    return squared.clamp_min(1e-12).sqrt()


def mix_logits(inputs: FusionInputs, weights: torch.Tensor) -> torch.Tensor:
    """sum_s alpha_s(x) log softmax_k(cos(f, t_k^s) / T): a geometric mean of the answers."""
    return _weighted(weights, inputs.prompt_logits.log_softmax(dim=-1))


def mix_probabilities(inputs: FusionInputs, weights: torch.Tensor) -> torch.Tensor:
    """log sum_s alpha_s(x) softmax_k(cos(f, t_k^s) / T): an arithmetic mean of the answers."""
    alpha = weights if weights.dim() == 3 else weights[:, :, None]
    # In the logarithm: a probability too small for float32 keeps its place in the order.
    tiny = torch.finfo(alpha.dtype).tiny
    log_alpha = alpha.clamp_min(tiny).log()
    return (log_alpha + inputs.prompt_logits.log_softmax(dim=-1)).logsumexp(dim=1)


def _weighted(weights: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Sum over prompts of [N, S, K] `values`, by weights [N, S] or [N, S, K]."""
    return torch.einsum(f"{'ns' if weights.dim() == 2 else 'nsk'},nsk->nk", weights, values)


MIXTURES = {"text": mix_text, "logits": mix_logits, "probabilities": mix_probabilities}


def fuse_reference(rule: FusionRule, inputs: FusionInputs) -> torch.Tensor:
    """The definitions that `fuse` agrees with: every t_k(x) built, no chunks, no logarithms."""
    weights = rule.weights(inputs)
    if weights.dim() == 2:
        weights = weights[:, :, None].expand(-1, -1, inputs.text_features.shape[1])  # [N, S, K]
    if rule.mixes == "text":
        fused = torch.einsum("nsk,skd->nkd", weights, inputs.text_features)
        cosines = torch.einsum("nd,nkd->nk", inputs.image_features, F.normalize(fused, dim=-1))
        return rule.finish(inputs, weights, inputs.logit_scale * cosines)
    each = torch.einsum("nd,skd->nsk", inputs.image_features, inputs.text_features)
    probabilities = torch.softmax(inputs.logit_scale * each, dim=-1)
    if rule.mixes == "probabilities":
        return rule.finish(inputs, weights, (weights * probabilities).sum(dim=1).log())
    return rule.finish(inputs, weights, (weights * probabilities.log()).sum(dim=1))
