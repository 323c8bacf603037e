"""Trained models: what they answer, and how they are kept, described and shared."""
