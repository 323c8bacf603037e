"""Clusterers: how domain features are divided into latent domains."""
