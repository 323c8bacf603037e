"""The embedded default: drawn pictures, and the small model trained on them."""
