"""Training loops over cached image features."""
