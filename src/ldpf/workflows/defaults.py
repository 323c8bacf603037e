"""What commands and functions take where nothing is said; imports nothing heavy."""

from __future__ import annotations

N_DOMAINS = 3
"""Latent domains that `discover` and `train` look for."""

SELECTION = "leave-one-latent-domain-out"
"""Selection rule of `train`."""

COMPARED = (
    "zero-shot",
    "zero-shot-ensemble",
    "coop",
    "ldpf",
    "ldpf-uniform",
    "ldpf-nearest",
    "ldpf-oracle",
)
"""Methods that `benchmark` compares."""
