"""Any image tower next to the text tower of another family, in the Hugging Face format."""

from __future__ import annotations

from typing import Any

from ldpf.backbones.families.base import FAMILIES
from ldpf.backbones.families.text_rules import TextRules
from ldpf.backbones.families.transformers_family import TransformersFamily
from ldpf.errors import BackboneError


@FAMILIES.register("vision-text-dual-encoder")
class DualEncoder(TransformersFamily):
    """Any image tower with a projection next to CLIP's or MetaCLIP 2's text tower."""

    model_type = "vision-text-dual-encoder"
    model_class = "VisionTextDualEncoderModel"

    def text_rules(self, name: str, model: Any) -> TextRules:
        """Those of the family that the text tower belongs to.

        SigLIP's own text tower ends in a projection, so with a second one behind it, it is another
        model than the one its prompts were trained in.
        """
        rules = {}
        for family in FAMILIES:
            text = FAMILIES.make(family).text
            if text is not None and not text.projection_inside:
                rules[text.model_type] = text
        kind = model.config.text_config.model_type
        if kind not in rules:
            raise BackboneError(
                f"The backbone {name!r} has a text tower of type {kind!r}; next to another image "
                f"tower only {', '.join(map(repr, rules))} can carry learnable prompts."
            )
        return rules[kind]
