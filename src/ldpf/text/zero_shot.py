"""Text features of class names in sentences written by hand, without learned prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from ldpf.backbones import Backbone


def zero_shot_features(
    class_names: Sequence[str], templates: Sequence[str], backbone: Backbone
) -> torch.Tensor:
    """Mean text feature of each class over templates, as Radford et al. 2021 (section 3.1.4) do.

    Args:
        class_names: K names.
        templates: sentences with `{}` in the place of the name, at least one.
        backbone: encodes them.

    Returns:
        [K, D] of length one.
    """
    total, *others = (
        backbone.encode_texts([template.format(name) for name in class_names])
        for template in templates
    )
    for features in others:
        total = total + features
    return F.normalize(total, dim=-1)
