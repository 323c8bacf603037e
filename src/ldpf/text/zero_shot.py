"""Text features of class names in sentences written by hand, without learned prompts."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from ldpf.backbones import Backbone

_MOST_KEPT = 8
"""Sets of features kept for a backbone."""

_kept: weakref.WeakKeyDictionary[Any, dict[tuple, torch.Tensor]] = weakref.WeakKeyDictionary()


def zero_shot_features(
    class_names: Sequence[str], templates: Sequence[str], backbone: Backbone
) -> torch.Tensor:
    """Mean text feature of each class over templates, as Radford et al. 2021 (section 3.1.4) do.

    Kept for the next call with the same names and templates: the runs of a benchmark, and the rules
    and heads read off each of them, ask for the same 80 sentences of every class. Nothing is kept
    across a change of the backbone's weights.

    Args:
        class_names: K names.
        templates: sentences with `{}` in the place of the name, at least one.
        backbone: encodes them.

    Returns:
        [K, D] of length one.
    """
    model = getattr(backbone, "model", None)
    if not isinstance(model, torch.nn.Module):
        return _encoded(class_names, templates, backbone)
    of_model = _kept.setdefault(model, {})
    key = (_state_of_weights(model), tuple(class_names), tuple(templates))
    if key not in of_model:
        features = _encoded(class_names, templates, backbone)
        while len(of_model) >= _MOST_KEPT:
            of_model.pop(next(iter(of_model)))
        of_model[key] = features
    return of_model[key].clone()


def _encoded(
    class_names: Sequence[str], templates: Sequence[str], backbone: Backbone
) -> torch.Tensor:
    total, *others = (
        backbone.encode_texts([template.format(name) for name in class_names])
        for template in templates
    )
    for features in others:
        total = total + features
    return F.normalize(total, dim=-1)


def _state_of_weights(model: torch.nn.Module) -> tuple:
    """Changes whenever a weight is moved or changed in place."""
    return tuple(
        (p.data_ptr(), None if p.is_inference() else p._version) for p in model.parameters()
    )
