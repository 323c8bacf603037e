"""Comparisons: protocols x methods x seeds, as runs on disk."""
