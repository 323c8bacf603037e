"""Fusion rules: how the similarities of an image to the latent domains become one answer."""

from ldpf.fusion.base import (
    FUSION_RULES,
    FusionExamples,
    FusionInputs,
    FusionRule,
    as_rule,
    rule_config,
    rule_from_config,
)

__all__ = [
    "FUSION_RULES",
    "FusionExamples",
    "FusionInputs",
    "FusionRule",
    "as_rule",
    "rule_config",
    "rule_from_config",
]
