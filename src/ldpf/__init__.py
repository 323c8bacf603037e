"""Latent Domain Prompt Fusion: domain generalization without domain labels."""

__version__ = "0.1.0"
