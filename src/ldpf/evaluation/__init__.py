"""The protocol, the metrics and the results on disk."""
