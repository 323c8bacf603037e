"""MetaCLIP 2 in the Hugging Face format."""

from __future__ import annotations

from ldpf.backbones.families.base import FAMILIES
from ldpf.backbones.families.clip import CLIP
from ldpf.backbones.families.text_rules import METACLIP2_TEXT


@FAMILIES.register("metaclip_2")
class MetaCLIP2(CLIP):
    """MetaCLIP 2 (Chuang et al. 2025, arXiv 2507.22062): CLIP with a multilingual tokenizer."""

    model_type = "metaclip_2"
    model_class = "MetaClip2Model"
    text = METACLIP2_TEXT
