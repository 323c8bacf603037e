"""Helpers that know nothing of images, models or methods."""
