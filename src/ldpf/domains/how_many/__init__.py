"""Rules for the number of latent domains."""
